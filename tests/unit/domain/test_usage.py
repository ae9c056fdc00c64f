import math

import pytest

from llmgateway.domain.usage import TOKEN_LIMIT, Usage, estimate_tokens, token_count


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


def test_an_estimate_is_a_quarter_of_the_bytes_rounded_up():
    assert [estimate_tokens(size) for size in (0, 1, 4, 5)] == [0, 1, 1, 2]
