"""A signal: learns, watches, is raised once, and clears when all that was held against it is gone."""

import random

import pytest

from llmgateway.controlplane.drift.signal import Signal, Turn
from llmgateway.rollout.drift import THRESHOLD, Watch, upper_bound
from llmgateway.wire.jsoncodec import decode, encode


class Run:
    """Events of one signal, numbered."""

    def __init__(self, window=2_000, bad=40):
        self.signal, self.event = Signal(), 0
        self.turns = []
        for number in range(window):
            self.see(is_bad=number < bad)
        self.signal.freeze(window)

    def see(self, *, is_bad):
        self.event += 1
        found = self.signal.went_bad(self.event, f"x{self.event}") if is_bad else []
        for turn in found:
            self.turns.append((self.event, turn))
            self.signal.alarm = {"id": "x"} if turn is Turn.RAISED else None

    def stream(self, rate, events, seed=1):
        rng = random.Random(seed)
        for _ in range(events):
            self.see(is_bad=rng.random() < rate)


def test_the_reference_is_the_upper_bound_of_the_window():
    run = Run()
    assert run.signal.reference == pytest.approx(upper_bound(40, 2_000))
    assert run.turns == []


def test_it_is_the_watch_over_every_event_though_it_hears_of_the_bad_ones_alone():
    run, plain = Run(), Watch(upper_bound(40, 2_000))
    rng = random.Random(5)
    for _ in range(2_000):
        is_bad = rng.random() < 0.03
        run.see(is_bad=is_bad)
        plain = plain.seen(is_bad=is_bad)
    run.signal.look(run.event)
    assert run.signal.watch.logs == pytest.approx(plain.logs, abs=1e-9)


def test_a_share_that_rises_is_told_once():
    run = Run()
    run.stream(0.02, 3_000)
    assert run.turns == []
    run.stream(0.08, 3_000)
    ((event, turn),) = run.turns
    assert turn is Turn.RAISED
    assert 5_000 < event < 6_000
    bad, among = run.signal.share(run.event)
    assert bad / among == pytest.approx(0.08, abs=0.02)
    assert run.signal.later > bad
    assert among <= run.event - 4_900  # since it began, not since anything else


def test_an_alarm_clears_when_it_is_as_before_and_is_another_one_next_time():
    run = Run()
    for rate in (0.08, 0.02, 0.08):
        run.stream(rate, 6_000)
    assert [turn for _, turn in run.turns] == [Turn.RAISED, Turn.CLEARED, Turn.RAISED]


def test_an_alarm_that_has_lasted_for_long_ends_as_soon_as_any():
    ends = []
    for events in (3_000, 30_000):
        run = Run()
        run.stream(0.1, events)
        assert run.signal.watch.evidence <= 4 * THRESHOLD + 1
        before = run.event
        run.stream(0.02, 8_000)
        ends.append(run.turns[-1][0] - before)
        assert run.turns[-1][1] is Turn.CLEARED
    assert abs(ends[0] - ends[1]) < 500


def test_good_events_alone_clear_it_when_somebody_looks():
    run = Run()
    for _ in range(10):
        run.see(is_bad=True)
    assert run.signal.alarm
    assert run.signal.look(run.event + 10) == []
    assert run.signal.look(run.event + 5_000) == [Turn.CLEARED]


@pytest.mark.parametrize("cut", [1, 37, 1_500, 2_400])
def test_looking_in_between_changes_nothing(cut):
    one, two = Run(), Run()
    for run in (one, two):
        run.stream(0.02, 1_000, seed=4)
    two.signal.look(two.event)
    for number in range(3_000):
        for run in (one, two):
            run.see(is_bad=number % 60 == 0)
        if number % cut == 0:
            two.signal.look(two.event)
    for run in (one, two):
        run.signal.look(run.event)
    assert two.signal.watch.logs == pytest.approx(one.signal.watch.logs, abs=1e-9)
    assert one.turns == two.turns


def test_what_is_nearly_always_bad_cannot_rise():
    run = Run(bad=1_990)
    assert run.signal.watch is None
    assert run.signal.is_frozen
    assert run.signal.went_bad(run.event + 1, "x") == []
    assert run.signal.look(run.event + 9) == []


def test_the_last_that_were_bad_are_there_to_look_at():
    run = Run()
    assert run.signal.exchanges == []
    for _ in range(9):
        run.see(is_bad=True)
    assert run.signal.exchanges == [f"x{number}" for number in range(2_005, 2_010)]


def test_a_window_without_events_shows_nothing():
    signal = Signal()
    signal.freeze(0)
    assert signal.reference is None


@pytest.mark.parametrize("bad", [3, 1_990])
def test_it_is_the_same_after_a_restart(bad):
    run = Run(bad=bad)
    run.stream(0.06, 900)
    again = Signal.restored(decode(encode(run.signal.state())))
    assert again == run.signal
