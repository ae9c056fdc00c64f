"""Percentiles by nearest rank: always a figure that was measured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.domain.quantile import quantile


@pytest.mark.parametrize(("percentile", "expected"), [(50, 2), (95, 4), (25, 1), (0, 1), (100, 4), (25.1, 2)])
def test_quantiles_are_figures_that_were_measured(percentile, expected):
    assert quantile([1, 2, 3, 4], percentile) == expected


@pytest.mark.parametrize("percentile", range(1, 101))
def test_of_a_hundred_the_rank_is_the_percentile(percentile):
    assert quantile(range(1, 101), percentile) == percentile


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300), st.floats(50, 99.9))
def test_at_least_that_share_is_no_larger(values, percentile):
    bound = quantile(sorted(values), percentile)
    assert bound in values
    assert sum(value <= bound for value in values) >= len(values) * percentile / 100 - 1e-9
    assert sum(value < bound for value in values) < len(values) * percentile / 100 + 1
