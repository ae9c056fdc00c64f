import math

import pytest

from llmgateway.domain.usage import TOKEN_LIMIT, Usage, estimate_tokens, take_counts, token_count


@pytest.mark.parametrize(
    ("value", "count"),
    [(0, 0), (12, 12), (3.0, 3), (10**18, TOKEN_LIMIT), (math.inf, TOKEN_LIMIT), (True, None), (-1, None)]
    + [("12", None), (None, None), (math.nan, None), ([], None)],
)
def test_counts_are_clamped_and_nonsense_is_unknown_not_zero(value, count):
    assert token_count(value) == count


def test_usage_is_empty_until_a_side_is_known():
    assert Usage().is_empty
    assert not Usage(output_tokens=0).is_empty


@pytest.mark.parametrize("value", [0, 12, 3.0, 10**18, TOKEN_LIMIT, True, -1, "12", None, math.nan, []])
def test_counts_are_taken_as_token_count_reads_them(value):
    usage = Usage(input_tokens=7)
    take_counts(usage, {"theirs": value}, [("missing", "output_tokens"), ("theirs", "input_tokens")])
    expected = token_count(value)
    assert usage == Usage(input_tokens=7 if expected is None else expected)


def test_of_two_names_for_one_count_the_later_one_wins_where_it_makes_sense():
    usage = Usage()
    for second in (2, None, -1):
        take_counts(usage, {"a": 1, "b": second}, [("a", "input_tokens"), ("b", "input_tokens")])
        assert usage.input_tokens == (2 if second == 2 else 1)


def test_an_estimate_is_a_quarter_of_the_bytes_rounded_up():
    assert [estimate_tokens(size) for size in (0, 1, 4, 5)] == [0, 1, 1, 2]
