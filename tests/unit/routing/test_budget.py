from hypothesis import given, settings
from hypothesis import strategies as st

from llmgateway.domain.clock import ManualClock
from llmgateway.routing.budget import FLOOR, WINDOW_S, RetryBudget


def spent(budget: RetryBudget, wanted: int) -> int:
    return sum(budget.spend() for _ in range(wanted))


def test_a_quiet_route_may_retry_a_little():
    assert spent(RetryBudget(ManualClock(), 1.2), 100) == FLOOR


def test_a_busy_route_may_make_a_fifth_more_attempts():
    budget = RetryBudget(ManualClock(), 1.2)
    for _ in range(1000):
        budget.request()
    assert spent(budget, 1000) == 200


def test_what_is_older_than_the_window_no_longer_counts():
    clock = ManualClock()
    budget = RetryBudget(clock, 1.2)
    assert spent(budget, 100) == FLOOR
    clock.advance(WINDOW_S - 1)
    assert spent(budget, 100) == 0
    clock.advance(1)
    assert spent(budget, 100) == FLOOR


def test_a_long_silence_clears_everything():
    clock = ManualClock()
    budget = RetryBudget(clock, 1.2)
    for _ in range(1000):
        budget.request()
    clock.advance(3600)
    assert spent(budget, 1000) == FLOOR


def test_over_any_stretch_attempts_stay_within_the_ratio():
    clock = ManualClock()
    budget = RetryBudget(clock, 1.2)
    requests = extra = 0
    for _ in range(600):
        for _ in range(30):
            budget.request()
            requests += 1
            extra += budget.spend()
        clock.advance(0.1)
    assert extra <= 0.2 * requests + FLOOR


def test_a_reload_changes_the_ratio_and_forgets_nothing():
    budget = RetryBudget(ManualClock(), 1.2)
    for _ in range(1000):
        budget.request()
    assert spent(budget, 1000) == 200
    budget.allow(1.5)
    assert spent(budget, 1000) == 300


STEPS = st.lists(
    st.tuples(st.integers(0, 200), st.integers(0, 200), st.sampled_from([0.0, 0.1, 0.9, 1.0, 3.0, 10.0])), max_size=60
)


@settings(max_examples=300)
@given(STEPS, st.sampled_from([1.0, 1.2, 2.0]))
def test_whatever_the_bursts_extra_attempts_stay_within_the_ratio_of_their_window(steps, ratio):
    """Each step: so many requests at once, then so many tries for an extra attempt, then a pause."""
    clock = ManualClock()
    budget = RetryBudget(clock, ratio)
    requests: list[int] = []
    extra: list[int] = []
    for asked, wanted, pause in steps:
        now = int(clock.monotonic())
        for _ in range(asked):
            budget.request()
        requests += [now] * asked
        granted = spent(budget, wanted)
        extra += [now] * granted
        in_window = sum(second > now - WINDOW_S for second in requests)
        extra_in_window = sum(second > now - WINDOW_S for second in extra)
        assert not granted or extra_in_window <= max(FLOOR, (ratio - 1) * in_window + 1)
        clock.advance(pause)
    windows = 1 + (int(clock.monotonic()) - 1_000) // WINDOW_S
    assert len(extra) <= (ratio - 1) * len(requests) + FLOOR * (windows + 1)
