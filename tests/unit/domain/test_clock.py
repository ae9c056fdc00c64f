"""Dates for what has to last, by a clock that is set now and then."""

import pytest

from llmgateway.domain.clock import ManualClock, Steady


@pytest.fixture
def clock():
    return ManualClock(monotonic=7.0, time=1_000.0)


def test_it_tells_the_date_as_long_as_nobody_sets_that(clock):
    it = Steady(clock)
    assert (it.time(), it.monotonic(), it.ahead) == (1_000.0, 7.0, 0.0)
    clock.advance(5)
    assert (it.time(), it.monotonic(), it.ahead) == (1_005.0, 12.0, 0.0)


@pytest.mark.parametrize("jump", [-600.0, 600.0])
def test_whichever_way_that_is_set_it_runs_on_and_says_by_how_much_it_is_ahead(clock, jump):
    it = Steady(clock)
    clock.jump(jump)
    assert (it.time(), it.ahead) == (1_000.0, -jump)
    clock.advance(5)
    assert (it.time(), it.ahead) == (1_005.0, -jump)
    clock.jump(-jump)
    assert (it.time(), it.ahead) == (1_005.0, 0.0)


def test_another_begins_by_the_date_as_it_is_then(clock):
    clock.jump(600)
    assert Steady(clock).time() == 1_600.0


def test_it_lasts_as_long_as_the_machine_runs_whatever_happens(clock):
    it, begun = Steady(clock), clock.monotonic()
    for step in (3, -9, 0, 50, -50, 2, -1_000, 7):
        clock.jump(step)
        clock.advance(0.5)
        assert it.time() == pytest.approx(1_000.0 + clock.monotonic() - begun)
