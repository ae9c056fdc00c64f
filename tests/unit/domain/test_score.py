"""What a score may say. The faults of what is sent are tried over sockets, in tests/component/test_feedback.py."""

import pytest
from tests.support.exchanges import ExchangeFactory
from tests.support.scores import judgement, score

from llmgateway.domain.score import (
    COMMON,
    MAX_CATEGORY,
    MAX_TEXT,
    BadScoreError,
    DataType,
    Polarity,
    polarity,
    read_given,
    read_value,
)


@pytest.mark.parametrize(
    ("value", "data_type", "expected"),
    [
        (True, None, (DataType.BOOL, True)),
        (False, "bool", (DataType.BOOL, False)),
        (3, None, (DataType.NUMBER, 3.0)),
        (-1e15, "number", (DataType.NUMBER, -1e15)),
        ("x" * MAX_CATEGORY, None, (DataType.CATEGORY, "x" * MAX_CATEGORY)),
        ("x" * MAX_TEXT, "text", (DataType.TEXT, "x" * MAX_TEXT)),
    ],
)
def test_a_value_is_read_by_its_type(value, data_type, expected):
    kind, read = read_value(value, data_type)
    assert (kind, read) == expected
    assert type(read) is type(expected[1])


@pytest.mark.parametrize(
    ("value", "data_type"),
    [
        (1e16, None),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, None),
        (None, None),
        (1, "bool"),
        ("", "text"),
    ],
)
def test_what_is_no_value_is_refused(value, data_type):
    with pytest.raises(BadScoreError) as raised:
        read_value(value, data_type)
    assert raised.value.field == "value"


def test_what_guardrails_made_of_a_value_may_be_longer():
    assert read_value("[email]" * 20, "category", is_masked=True) == (DataType.CATEGORY, "[email]" * 20)
    with pytest.raises(BadScoreError):
        read_value(7, "category", is_masked=True)


def test_what_nobody_knows_is_refused_without_being_quoted():
    with pytest.raises(BadScoreError) as raised:
        read_given({"name": "a", "value": 1, "sekret": 1}, frozenset({"reference"}))
    assert "sekret" not in raised.value.message
    assert all(field in raised.value.message for field in (*COMMON, "reference"))


def test_only_yes_and_no_are_good_or_bad_by_themselves():
    make = ExchangeFactory()
    assert polarity(score(make)) is Polarity.POSITIVE
    assert polarity(score(make, value=False)) is Polarity.NEGATIVE
    assert polarity(judgement(make, "x")) is Polarity.NONE
