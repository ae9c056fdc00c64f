"""Chart and decision never disagree, and the interval behaves as one."""

import math
from timeit import timeit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgateway.rollout.counts import Draw
from llmgateway.rollout.eprocess import log_e
from llmgateway.rollout.grid import HARM, safe
from llmgateway.rollout.interval import interval

DRAWS = st.lists(
    st.builds(Draw, st.sampled_from([0.01, 0.05, 0.25, 0.5, 0.95]), st.integers(0, 300), st.integers(0, 300)),
    max_size=4,
)
LOG_20 = math.log(20)


@given(DRAWS, st.sampled_from([0.9, 1.0, 1.2]), st.sampled_from([1.2, 1.5, 2.0]))
@settings(max_examples=60, deadline=None)
def test_it_excludes_exactly_what_the_tests_reject(draws, null, margin):
    known = interval(draws, 0.05, 0.05, margin)
    harm, harmless = log_e(draws, null, HARM), log_e(draws, margin, safe(margin))
    if abs(harm - LOG_20) > 1e-6:
        assert (known.low > null) == (harm >= LOG_20)
    if abs(harmless - LOG_20) > 1e-6:
        assert (known.high < margin) == (harmless >= LOG_20)


def test_what_is_rejected_as_far_as_anybody_looks_is_no_reason_to_know_nothing():
    assert interval([Draw(0.01, 0, 56)], 0.05, 0.05, 1.2).low > 1_000
    assert interval([Draw(0.99, 300, 0)], 0.05, 0.05, 1.2).high < 0.002


@given(DRAWS)
@settings(max_examples=60, deadline=None)
def test_its_lower_end_is_below_its_upper_end(draws):
    known = interval(draws, 0.05, 0.05, 1.5)
    assert 0 <= known.low < known.high


def test_it_lies_around_the_ratio_and_narrows():
    wide = interval([Draw(0.5, 50, 100)], 0.05, 0.05, 1.5)
    narrow = interval([Draw(0.5, 5_000, 10_000)], 0.05, 0.05, 1.5)
    assert wide.low < narrow.low < 2 < narrow.high < wide.high
    assert narrow.low > 1.8
    assert narrow.high < 2.4


def test_nothing_known_is_everything():
    assert interval([], 0.05, 0.05, 1.5) == (0.0, math.inf)
    assert interval([Draw(0.1, 0, 500)], 0.05, 0.05, 1.5).high == math.inf
    assert interval([Draw(0.1, 500, 0)], 0.05, 0.05, 1.5).low == 0


@pytest.mark.slow
def test_it_is_for_a_page_not_a_loop():
    draws = [Draw(weight, 900, 90) for weight in (0.01, 0.05, 0.25, 0.5, 0.95)]
    assert min(timeit(lambda: interval(draws, 0.05, 0.05, 1.5), number=1) for _ in range(5)) < 0.05
