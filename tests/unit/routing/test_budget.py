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
