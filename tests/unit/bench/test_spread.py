"""Percentiles and spreads, which every figure goes through."""

import pytest
from bench.spread import TO, Histogram, Spread, percentile
from hypothesis import given
from hypothesis import strategies as st

times = st.lists(st.floats(min_value=2e-6, max_value=900.0), min_size=1, max_size=200)


def test_a_spread_is_the_median_between_the_lowest_and_the_highest():
    assert Spread.of([5.0, 1.0, 3.0]) == Spread(3.0, 1.0, 5.0)
    assert Spread.of([1.0, 2.0]).median == 1.5


def test_nothing_measured_is_no_spread():
    with pytest.raises(ValueError, match="nothing"):
        Spread.of([])


def test_a_spread_says_its_range_only_where_there_is_one():
    assert Spread.of([1234.5]).text() == "1,234"
    assert Spread.of([0.001, 0.002, 0.004]).text(1, 1e3) == f"2.0 (1.0{TO}4.0)"


def test_a_ratio_is_of_medians_and_infinite_over_nothing():
    assert Spread.of([10.0, 20.0, 90.0]).over(Spread.of([4.0, 5.0, 6.0])) == 4.0
    assert Spread.of([1.0]).over(Spread.of([0.0])) == float("inf")


@pytest.mark.parametrize(("share", "value"), [(0.5, 5), (0.9, 9), (0.91, 10), (0.99, 10), (1.0, 10), (0.0, 1)])
def test_a_percentile_is_a_value_that_was_seen_by_nearest_rank(share, value):
    assert percentile(list(range(1, 11)), share) == value


def test_no_values_have_no_percentile():
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


@given(times, st.floats(min_value=0.0, max_value=1.0))
def test_as_many_values_as_asked_do_not_exceed_a_percentile(values, share):
    found = percentile(sorted(values), share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


@given(times, st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_histogram_agrees_with_the_values_to_five_percent(values, share):
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    exact = percentile(sorted(values), share)
    assert exact <= histogram.percentile(share) * (1 + 1e-9)
    assert histogram.percentile(share) <= exact * Histogram.STEP * (1 + 1e-9)
    assert histogram.largest == max(values)


def test_an_empty_histogram_is_nought_and_an_overflow_is_the_largest():
    histogram = Histogram()
    assert histogram.percentile(0.5) == 0.0
    histogram.add(5000.0)
    assert histogram.percentile(0.5) == 5000.0
