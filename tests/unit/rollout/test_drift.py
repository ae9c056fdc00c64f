"""The e-CUSUM: its recursion, how seldom it cries wolf, how soon it sees a change; and the reference rate."""

import math
import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.rollout.drift import RATIOS, THRESHOLD, Watch, upper_bound


def until(rate, reference, events, rng):
    """After how many events there is an alarm; None if there is none."""
    watch, seen = Watch(reference), 0
    while True:
        good = int(math.log(1 - rng.random()) / math.log1p(-rate))
        seen += good + 1
        if seen > events:
            return None
        watch = watch.ran(good, is_bad=True)
        if watch.is_alarmed:
            return seen


@given(st.lists(st.booleans(), max_size=60), st.sampled_from([0.001, 0.02, 0.4, 0.8]))
def test_it_is_the_mean_of_the_recursions(events, reference):
    watch, plain = Watch(reference), [1.0] * len(RATIOS)
    rates = [min(ratio * reference, (1 + reference) / 2) for ratio in RATIOS]
    for is_bad in events:
        watch = watch.seen(is_bad=is_bad)
        plain = [
            max(1.0, m) * (rate / reference if is_bad else (1 - rate) / (1 - reference))
            for m, rate in zip(plain, rates, strict=True)
        ]
    assert watch.evidence == pytest.approx(sum(plain) / len(plain), rel=1e-9)


@given(st.lists(st.tuples(st.integers(0, 200), st.booleans()), max_size=20))
def test_runs_are_a_shorter_way_to_say_the_same(runs):
    short = long = Watch(0.02)
    for good, is_bad in runs:
        short = short.ran(good, is_bad=is_bad)
        for _ in range(good):
            long = long.seen(is_bad=False)
        if is_bad:
            long = long.seen(is_bad=True)
    assert short.logs == pytest.approx(long.logs, abs=1e-9)


def test_it_seldom_cries_wolf():
    rng = random.Random(1)
    alarms = sum(until(0.02, 0.02, 30_000, rng) is not None for _ in range(150))
    assert alarms / 150 <= 0.12


@pytest.mark.parametrize(("rate", "at_most"), [(0.04, 1_300), (0.03, 4_500)])
def test_it_sees_a_change_soon(rate, at_most):
    rng = random.Random(2)
    assert median(until(rate, 0.02, 100_000, rng) for _ in range(101)) <= at_most


def test_an_alarm_needs_the_threshold():
    watch = Watch(0.02)
    while not watch.is_alarmed:
        before = watch
        watch = watch.seen(is_bad=True)
    assert before.evidence < THRESHOLD <= watch.evidence


def test_an_alarm_is_held_near_its_threshold_and_goes_on_being_one():
    watch = Watch(0.02)
    for _ in range(500):
        watch = watch.seen(is_bad=True).held()
    assert watch.is_alarmed
    assert watch.evidence <= len(RATIOS) * THRESHOLD * 1.001
    watch = Watch(0.02, (watch.logs[0], 0.0, 0.0, 0.0))
    assert watch.is_alarmed  # one of them suffices


def test_it_is_calm_when_all_that_was_held_against_it_is_gone():
    watch = Watch(0.02)
    assert watch.is_calm
    watch = watch.seen(is_bad=True)
    assert not watch.is_calm
    watch = watch.ran(1_000, is_bad=False)
    assert watch.is_calm
    assert watch.evidence < 1


@pytest.mark.parametrize("reference", [0.0, 0.9, 1.0, -0.1, float("nan")])
def test_what_is_no_reference_is_refused(reference):
    with pytest.raises(ValueError, match="reference"):
        Watch(reference)


@pytest.mark.parametrize(
    ("bad", "events", "bound"),
    [(0, 100, 1 - 0.05 ** (1 / 100)), (9, 10, 0.95 ** (1 / 10)), (100, 100, 1.0), (0, 1, 0.95)],
)
def test_the_upper_bound_where_it_has_a_closed_form(bad, events, bound):
    assert upper_bound(bad, events) == pytest.approx(bound, rel=1e-6)


def test_the_upper_bound_of_a_long_window_is_right():
    assert upper_bound(50_000, 100_000) == pytest.approx(0.5 + 1.6449 * 0.5 / math.sqrt(100_000), abs=2e-5)


def test_the_upper_bound_against_a_table():
    assert upper_bound(10, 100, 0.975) == pytest.approx(0.1762, abs=5e-5)  # the usual 95 % interval: 4.90 to 17.62 %
    assert upper_bound(40, 2_000) == pytest.approx(0.0260, abs=5e-4)


@pytest.mark.parametrize(("bad", "events"), [(1, 0), (0, 0), (-1, 5), (6, 5)])
def test_counts_that_make_no_sense_are_refused(bad, events):
    with pytest.raises(ValueError, match="bad of"):
        upper_bound(bad, events)
