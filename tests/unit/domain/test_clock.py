"""A date that never goes back, by a clock that does."""

import pytest

from llmgateway.domain.clock import ManualClock, Onward


@pytest.fixture
def clock():
    return ManualClock(monotonic=7.0, time=1_000.0)


def test_it_tells_the_date_as_long_as_that_goes_on(clock):
    it = Onward(clock)
    assert (it.time(), it.monotonic(), it.ahead) == (1_000.0, 7.0, 0.0)
    clock.advance(5)
    assert (it.time(), it.monotonic(), it.ahead) == (1_005.0, 12.0, 0.0)


def test_set_back_it_runs_on_and_says_by_how_much_it_is_ahead(clock):
    it = Onward(clock)
    clock.jump(-600)
    assert (it.time(), it.ahead) == (1_000.0, 600.0)
    clock.advance(5)
    assert (it.time(), it.ahead) == (1_005.0, 600.0)
    clock.jump(-1)
    assert it.time() == 1_005.0


def test_set_forward_it_follows_and_a_step_that_is_undone_leaves_it_where_it_was(clock):
    it = Onward(clock)
    clock.jump(60)
    assert (it.time(), it.ahead) == (1_060.0, 0.0)
    clock.jump(-60)
    clock.advance(1)
    assert it.time() == 1_061.0
    clock.jump(60)
    assert (it.time(), it.ahead) == (1_061.0, 0.0)


def test_it_never_goes_back_whatever_happens(clock):
    it, before = Onward(clock), 0.0
    for step in (3, -9, 0, 50, -50, 2, -1_000, 7):
        clock.jump(step)
        clock.advance(0.5)
        assert it.time() >= before + 0.5 - 1e-9
        before = it.time()
