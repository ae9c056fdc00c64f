"""What stands in the place of values: the same for the same, and nothing that the caller has written himself."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.guardrails import numbers

from llmgateway.guarding.chain import Hit
from llmgateway.guarding.placeholders import MAX_VALUES, Placeholders

LINK = numbers(restore=True)


def named(placeholders: Placeholders, *values: str, kind: str = "person") -> list[str]:
    return [placeholders.stand_in(Hit(0, 1, LINK, kind, 1.0), value) for value in values]


def test_the_same_value_has_the_same_one_and_each_kind_its_own():
    placeholders = Placeholders()
    assert named(placeholders, "Ada", "Eve", "Ada") == ["<PERSON_1>", "<PERSON_2>", "<PERSON_1>"]
    assert named(placeholders, "Ada", kind="jp.name") == ["<JP_NAME_1>"]
    assert placeholders.values == {"person_1": "Ada", "person_2": "Eve", "jp_name_1": "Ada"}
    assert "Ada" not in repr(placeholders)


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ("<PERSON_1>", "<PERSON_2>"),
        ("person_1 and Person_2", "<PERSON_3>"),
        ("PERSON_12", "<PERSON_2>"),  # which begins with PERSON_1
        ("another_person_1person_2", "<PERSON_3>"),
        ("PERSON_ 1, PERSON1, PERS_1", "<PERSON_1>"),
        ("PERSON_2", "<PERSON_1>"),
    ],
)
def test_what_the_caller_has_written_is_nobodys(taken, expected):
    assert named(Placeholders(taken), "Ada") == [expected]


def test_also_where_a_name_goes_on_in_itself():
    assert named(Placeholders("1_1_1_1_1 1_1_2"), "Ada", kind="1.1") == ["<1_1_3>"]


@given(taken=st.text("pPer_son123 <>", max_size=60), values=st.integers(1, 8))
def test_no_name_that_is_given_stands_in_the_request(taken, values):
    given_ = named(Placeholders(taken), *map(str, range(values)), kind="p")
    assert len(set(given_)) == values
    assert not any(each[1:-1].casefold() in taken.casefold() for each in given_)


def test_what_is_said_later_is_nobodys_either():
    placeholders = Placeholders()
    placeholders.avoid(["person_1", "person_3"])
    assert named(placeholders, "Ada", "Eve") == ["<PERSON_2>", "<PERSON_4>"]


def test_what_is_remembered_of_what_is_said_later_is_bounded():
    placeholders = Placeholders()
    placeholders.avoid("x" * (1000 + each) + "_1" for each in range(MAX_VALUES + 1))
    assert placeholders._avoided == set()
    placeholders.avoid(f"name_{each}" for each in range(2 * MAX_VALUES))
    assert len(placeholders._avoided) == MAX_VALUES
    assert placeholders.is_closed


def test_there_are_only_so_many_and_then_values_are_gone_for_good():
    placeholders = Placeholders()
    assert named(placeholders, *map(str, range(MAX_VALUES + 1)))[-2:] == [f"<PERSON_{MAX_VALUES}>", "[PERSON]"]


def test_a_long_request_is_looked_through_once_for_a_kind_and_not_for_each_value():
    placeholders = Placeholders("person_ person_7 " * 300_000)
    began = time.process_time()
    assert named(placeholders, *map(str, range(9_000)))[6] == "<PERSON_8>"
    assert time.process_time() - began < 5  # a quarter of a second; a quarter of a minute where each looks for itself
