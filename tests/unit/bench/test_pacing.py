"""The open loop's schedule, and the wheel that paces streams."""

import pytest
from bench.pacing import Schedule, Wheel
from hypothesis import given
from hypothesis import strategies as st


def test_a_schedule_holds_its_rate_whenever_it_is_asked():
    schedule = Schedule(rate=100, seconds=1, start=5.0)
    assert list(schedule.due(4.99)) == []
    assert list(schedule.due(5.025)) == pytest.approx([5.0, 5.01, 5.02])
    assert list(schedule.due(5.025)) == []
    assert len(list(schedule.due(99.0))) == 97
    assert schedule.is_over


def test_a_late_look_gives_the_times_that_were_due_and_not_the_time_of_the_look():
    schedule = Schedule(rate=10, seconds=1, start=0.0)
    assert list(schedule.due(0.95)) == pytest.approx([0.1 * n for n in range(10)])


@given(st.lists(st.floats(min_value=0.0, max_value=3.0), max_size=30), st.floats(min_value=1.0, max_value=500.0))
def test_every_request_is_due_once_however_the_looks_fall(looks, rate):
    schedule = Schedule(rate, seconds=2.0, start=0.0)
    moments = [moment for now in [*sorted(looks), 10.0] for moment in schedule.due(now)]
    assert moments == pytest.approx([n / rate for n in range(schedule.count)])
    assert schedule.is_over


@pytest.mark.parametrize(("rate", "seconds"), [(0, 1), (-1, 1), (1, 0)])
def test_a_schedule_without_rate_or_duration_is_refused(rate, seconds):
    with pytest.raises(ValueError, match="rate and a duration"):
        Schedule(rate, seconds, 0.0)


def test_a_wheel_gives_each_item_once_a_period():
    wheel = Wheel(period=1.0, slots=10, start=0.0)
    for item in range(25):
        wheel.add(item)
    assert len(wheel) == 25
    assert sorted(wheel.turn(1.0001)) == list(range(25))
    assert list(wheel.turn(1.0001)) == []
    assert sorted(wheel.turn(2.0001)) == list(range(25))


def test_a_wheel_spreads_items_evenly_over_its_period():
    wheel = Wheel(period=1.0, slots=10, start=0.0)
    for item in range(30):
        wheel.add(item)
    assert [len(list(wheel.turn(n / 10 + 0.01))) for n in range(1, 11)] == [3] * 10


def test_a_wheel_makes_up_for_turns_that_came_late():
    wheel = Wheel(period=1.0, slots=4, start=0.0)
    wheel.add("stream")
    assert list(wheel.turn(3.5)) == ["stream"] * 4


def test_an_item_may_leave_while_the_wheel_turns():
    wheel = Wheel(period=1.0, slots=1, start=0.0)
    slots = {name: wheel.add(name) for name in "abc"}
    for name in wheel.turn(1.01):
        slots[name].remove(name)
    assert len(wheel) == 0
