"""Buckets: bounds are inclusive, everything is counted once, Prometheus sees running totals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.telemetry import histogram
from llmgateway.telemetry.histogram import cumulative, empty, observe, total

ALL = [histogram.DURATION, histogram.FIRST_TOKEN, histogram.PER_TOKEN, histogram.OVERHEAD, histogram.LAG]


@pytest.mark.parametrize("bounds", ALL)
def test_bounds_grow(bounds):
    assert list(bounds) == sorted(set(bounds))


def test_a_value_on_a_bound_is_within_it():
    counts = empty((1.0, 2.0))
    assert [observe(counts, (1.0, 2.0), value) for value in (1.0, 1.1, 2.0, 2.1)] == [0, 1, 1, 2]
    assert counts == [1, 2, 1, pytest.approx(6.2)]
    assert cumulative(counts, (1.0, 2.0)) == [("1", 1), ("2", 3), ("+Inf", 4)]


@given(st.sampled_from(ALL), st.lists(st.floats(0, 1e6), max_size=50))
def test_every_observation_is_in_the_last_bucket(bounds, values):
    counts = empty(bounds)
    for value in values:
        observe(counts, bounds, value)
    assert total(counts) == cumulative(counts, bounds)[-1][1] == len(values)
    for bound, count in cumulative(counts, bounds)[:-1]:
        assert count == sum(value <= bounds[[f"{each:.10g}" for each in bounds].index(bound)] for value in values)
