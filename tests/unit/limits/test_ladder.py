"""The overload ladder: up at once, down slowly, never lower for a higher level, and calm again in the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.limits.ladder import HOLD_S, LAG, LASTING, MEMORY, MOST_AHEAD, Climb, Ladder, Step, Trend, largest

EVERY_S = 0.25
levels = st.lists(st.floats(0.5, 1.2), min_size=1, max_size=80)


def climb(*memory: float, lag: float = 0.0) -> Ladder:
    """A ladder that has looked four times a second at these levels."""
    ladder = Ladder()
    for at, level in enumerate(memory):
        ladder.look(level, lag, at * EVERY_S)
    return ladder


@pytest.mark.parametrize(
    ("memory", "step", "closes", "shed"),
    [
        (0.50, Step.CALM, False, 0),
        (0.8499, Step.CALM, False, 0),
        (0.85, Step.CLOSE, True, 0),
        (0.92, Step.SHED_LOW, True, 1),
        (0.93, Step.SHED_NORMAL, True, 2),
        (0.94, Step.SHED_ALL, True, 3),
        (0.95, Step.CUT, True, 3),
        (3.0, Step.CUT, True, 3),
    ],
)
def test_memory_is_answered_at_once(memory, step, closes, shed):
    ladder = climb(memory)
    assert (ladder.step, ladder.closes, ladder.shed) == (step, closes, shed)
    assert ladder.cause == ("" if step is Step.CALM else "memory")


@pytest.mark.parametrize(
    ("lag", "step", "shed"),
    [(0.99, Step.CALM, 0), (1.0, Step.SHED_LOW, 1), (2.0, Step.SHED_NORMAL, 2), (4.0, Step.SHED_ALL, 3), (99, 4, 3)],
)
def test_lag_is_answered_once_it_lasts_and_never_closes_or_cuts(lag, step, shed):
    assert climb(*[0.1] * (LASTING - 1), lag=lag).step is Step.CALM
    ladder = climb(*[0.1] * LASTING, lag=lag)
    assert (ladder.step, ladder.shed, ladder.closes) == (step, shed, False)
    assert ladder.cause == ("lag" if step else "")


def test_single_slow_moments_are_no_overload():
    ladder = Ladder()
    for at in range(100):
        assert ladder.look(0.1, 0.0 if at % LASTING == 0 else 50.0, at * EVERY_S) is Step.CALM


def test_it_steps_down_one_step_at_a_time_each_after_a_while_well_below():
    ladder = climb(0.96)
    seen = [ladder.look(0.5, 0.0, 1 + at * EVERY_S) for at in range(60)]
    assert sorted(seen, reverse=True) == seen
    assert set(seen) == set(Step)
    for step in (Step.CUT, Step.SHED_ALL, Step.SHED_NORMAL, Step.SHED_LOW, Step.CLOSE):
        assert abs(seen.count(step) * EVERY_S - HOLD_S) <= EVERY_S


def test_a_level_that_swings_around_a_threshold_changes_nothing():
    ladder = climb(0.925)
    for at in range(400):
        level = (0.919, 0.929, 0.895, 0.91)[at % 4]
        assert ladder.look(level, 0.0, at * EVERY_S) is Step.SHED_LOW


def test_one_look_above_begins_the_wait_anew():
    ladder = climb(0.86)
    for at in range(1, 40):
        assert ladder.look(0.86 if at % 7 == 0 else 0.5, 0.0, at * EVERY_S) is Step.CLOSE


def test_of_two_causes_the_higher_step_counts():
    ladder = climb(*[0.86] * LASTING, lag=2.5)
    assert (ladder.step, ladder.cause, ladder.closes, ladder.shed) == (Step.SHED_NORMAL, "lag", True, 2)
    ladder = climb(*[0.95] * LASTING, lag=1.0)
    assert (ladder.step, ladder.cause) == (Step.CUT, "memory")


def test_memory_that_grows_steadily_is_taken_for_what_it_will_be_in_a_second():
    trend = Trend()
    seen = [trend.look(0.5 + 0.01 * at, at * EVERY_S) for at in range(10)]  # 4 % a second
    assert seen[:4] == [0.5, 0.51, 0.52, 0.53]
    assert seen[-1] == pytest.approx(0.59 + 0.04)
    assert trend.look(0.595, 2.5) == pytest.approx(0.595 + 0.02)  # the slowest step counts
    assert trend.look(0.595, 2.75) == 0.595


def test_however_steep_it_is_taken_for_ten_points_more_at_most():
    trend = Trend()
    for at in range(6):
        seen = trend.look(0.1 * at, at * EVERY_S)
    assert seen == pytest.approx(0.5 + MOST_AHEAD)


@given(levels)
def test_what_comes_and_goes_is_no_trend_and_nothing_is_ever_taken_for_less(shares):
    trend = Trend()
    for at, share in enumerate(shares):
        assert share <= trend.look(share, at * EVERY_S) <= share + MOST_AHEAD
        assert trend.look(0.5, (at + 0.5) * EVERY_S) == 0.5


def test_a_small_container_that_fills_up_is_cut_before_it_is_full():
    ladder = Ladder()
    steps = {round(0.5 + 0.025 * at, 3): ladder.look(0.5 + 0.025 * at, 0.0, at * EVERY_S) for at in range(20)}
    assert steps[0.7] is Step.CALM
    assert steps[0.775] is Step.CLOSE
    assert steps[0.875] is Step.CUT


@given(levels, st.data())
def test_a_higher_level_never_gives_a_lower_step(low, data):
    """Over any history: a ladder that saw more pressure at each look is never on a lower step."""
    more = data.draw(st.lists(st.floats(0.0, 0.3), min_size=len(low), max_size=len(low)))
    for rungs, scale in ((MEMORY, 1.0), (LAG, 4.0)):
        one, other = Climb(rungs), Climb(rungs)
        for at, (level, extra) in enumerate(zip(low, more, strict=True)):
            worse = level + extra
            below = one.look(level * scale, level * scale, at * EVERY_S)
            above = other.look(worse * scale, worse * scale, at * EVERY_S)
            assert above >= below


@given(levels, levels)
def test_whatever_has_been_it_releases_and_then_stays_calm(memory, lags):
    ladder, now = Ladder(), 0.0
    for at in range(max(len(memory), len(lags))):
        now += EVERY_S
        ladder.look(memory[at % len(memory)], lags[at % len(lags)] * 5, now)
    for _ in range(round((len(MEMORY) * HOLD_S + (LASTING + 5) * EVERY_S) / EVERY_S) + len(MEMORY)):
        now += EVERY_S
        ladder.look(0.5, 0.0, now)
    assert (ladder.step, ladder.shed, ladder.closes, ladder.cause) == (Step.CALM, 0, False, "")


def test_rungs_are_in_order_and_left_below_where_they_are_entered():
    for rungs in (MEMORY, LAG):
        assert list(rungs) == sorted(rungs)
        assert [rung.at for rung in rungs] == sorted(rung.at for rung in rungs)
        assert all(rung.leave < rung.at for rung in rungs)


def test_the_largest_go_first_until_enough_is_freed():
    held = [(size, str(size)) for size in (5, 90, 20, 70, *[1] * 20)]
    assert largest(held, 80) == ["90"]
    assert largest(held, 100) == ["90", "70"]
    assert largest(held, 10_000) == ["90", "70", "20", "5", "1", "1"]  # a quarter of 24
    assert largest(held[:2], 10_000) == ["90"]
    assert largest([(0, "empty")], 10) == []
    assert largest(held, 0) == largest([], 10) == []
