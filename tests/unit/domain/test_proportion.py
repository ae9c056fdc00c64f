"""Intervals, against figures from elsewhere (R 4.3: prop.test without correction, t replaced by the normal)."""

import pytest

from llmgateway.domain.proportion import mean_interval, wilson


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(0, 10, 0.0, 0.27754), (10, 10, 0.72246, 1.0), (5, 10, 0.23659, 0.76341), (81, 263, 0.25527, 0.36621)],
)
def test_wilson_is_as_published(hits, of, low, high):
    assert wilson(hits, of) == pytest.approx((low, high), abs=2e-4)


def test_nothing_seen_says_nothing():
    assert wilson(0, 0) == (0.0, 1.0)
    assert mean_interval(0.0, 0.0, 0) is None
    assert mean_interval(3.0, 9.0, 1) is None


def test_a_means_interval():
    numbers = [1.0, 2.0, 3.0, 4.0]
    low, high = mean_interval(sum(numbers), sum(n * n for n in numbers), 4)
    assert (low, high) == pytest.approx((2.5 - 1.96 * 1.29099 / 2, 2.5 + 1.96 * 1.29099 / 2), abs=1e-3)
    assert mean_interval(0.3, 0.03, 3) == pytest.approx((0.1, 0.1), abs=1e-6)  # never below zero inside the root
