import pytest

from llmgateway.supervisor.restart import FIRST_WAIT_S, HEALTHY_S, MAX_WAIT_S, Restart


def test_each_crash_in_a_row_doubles_the_wait_up_to_a_bound():
    restart = Restart()
    waits = [restart.wait_s(0.1) for _ in range(12)]
    assert waits[:4] == pytest.approx([0.05, 0.1, 0.2, 0.4])
    assert max(waits) == waits[-1] == MAX_WAIT_S


def test_the_wait_stays_bounded_after_any_number_of_crashes():
    restart = Restart(crashes=10**9)
    assert restart.wait_s(0.0) == MAX_WAIT_S


@pytest.mark.parametrize(("lived", "wait"), [(HEALTHY_S, FIRST_WAIT_S), (HEALTHY_S - 0.1, 16 * FIRST_WAIT_S)])
def test_who_lived_long_enough_starts_with_a_clean_slate(lived, wait):
    restart = Restart(crashes=4)
    assert restart.wait_s(lived) == pytest.approx(wait)
