"""The sweeper: late by a tick at most, never early, asleep when nothing is watched."""

import asyncio

from tests.support.caller_wire import until

from llmgateway.domain.clock import ManualClock, SystemClock
from llmgateway.http.deadlines import CROWD, EXPIRIES, LOOKS, MAX_TICK_S, TICK_S, Sweeper


class Timed:
    def __init__(self, deadline: float | None = None) -> None:
        self.deadline = deadline
        self.expired = 0
        self.then = lambda: None

    def expire(self) -> None:
        self.expired += 1
        self.then()


async def test_expires_what_is_due_once_and_nothing_else() -> None:
    clock = ManualClock(monotonic=100.0)
    sweeper = Sweeper(clock)
    due, later, idle = Timed(101.0), Timed(102.0), Timed()
    for timed in (due, later, idle):
        sweeper.watch(timed)
    sweeper.sweep()
    assert due.expired == 0
    clock.advance(1.0)
    sweeper.sweep()
    sweeper.sweep()
    assert (due.expired, later.expired, idle.expired) == (1, 0, 0)
    assert due.deadline is None
    sweeper.close()


async def test_a_deadline_may_move_in_between_and_be_set_anew_in_expire() -> None:
    clock = ManualClock(monotonic=100.0)
    sweeper = Sweeper(clock)
    timed = Timed(101.0)
    timed.then = lambda: setattr(timed, "deadline", 105.0)
    sweeper.watch(timed)
    timed.deadline = 103.0
    clock.advance(2.0)
    sweeper.sweep()
    assert timed.expired == 0
    clock.advance(1.0)
    sweeper.sweep()
    assert (timed.expired, timed.deadline) == (1, 105.0)
    sweeper.close()


async def test_one_that_expires_may_spare_or_forget_another() -> None:
    clock = ManualClock(monotonic=100.0)
    sweeper = Sweeper(clock)
    one, two = Timed(100.5), Timed(100.5)
    one.then = lambda: (setattr(two, "deadline", None), sweeper.forget(two))  # type: ignore[assignment]
    two.then = lambda: (setattr(one, "deadline", None), sweeper.forget(one))  # type: ignore[assignment]
    sweeper.watch(one)
    sweeper.watch(two)
    clock.advance(1.0)
    sweeper.sweep()
    assert one.expired + two.expired == 1
    assert len(sweeper) == 1
    sweeper.close()


async def test_the_timer_runs_while_something_is_watched_and_tells_its_lateness() -> None:
    sweeper = Sweeper(SystemClock())
    lags: list[float] = []
    sweeper.on_tick = lags.append
    timed = Timed(0.0)
    sweeper.watch(timed)
    await until(lambda: timed.expired)
    assert lags and all(lag >= 0 for lag in lags)
    sweeper.forget(timed)
    await until(lambda: sweeper._handle is None)
    seen = len(lags)
    await asyncio.sleep(2 * TICK_S)
    assert len(lags) == seen
    again = Timed(0.0)
    sweeper.watch(again)
    await until(lambda: again.expired)
    sweeper.close()
    assert len(sweeper) == 0


async def test_a_thousand_that_end_at_once_leave_others_their_turns() -> None:
    sweeper = Sweeper(SystemClock())
    ends: list[int] = []
    crowd = [Timed(0.0) for _ in range(1000)]
    turn = 0

    def count() -> None:
        nonlocal turn
        turn += 1
        if len(ends) < len(crowd):
            asyncio.get_running_loop().call_soon(count)

    for timed in crowd:
        timed.then = lambda: ends.append(turn)
        sweeper.watch(timed)
    count()
    await until(lambda: len(ends) == len(crowd))
    assert max(ends.count(each) for each in set(ends)) <= EXPIRIES
    assert all(timed.expired == 1 for timed in crowd)
    sweeper.close()


async def test_many_that_are_not_due_are_looked_at_in_parts() -> None:
    sweeper = Sweeper(SystemClock())
    crowd = [Timed() for _ in range(3 * LOOKS)]
    for timed in crowd:
        sweeper.watch(timed)
    sweeper._tick(0.0)
    assert len(sweeper._looked_at) == 2 * LOOKS
    sweeper.close()


async def test_one_that_was_forgotten_between_two_turns_is_left_alone() -> None:
    sweeper = Sweeper(SystemClock())
    crowd = [Timed(0.0) for _ in range(2 * EXPIRIES)]
    for timed in crowd:
        sweeper.watch(timed)
    sweeper._tick(0.0)
    spared = [timed for timed in crowd if not timed.expired]
    assert len(spared) == EXPIRIES
    for timed in spared:
        sweeper.forget(timed)
    await until(lambda: not sweeper._looked_at)
    assert not any(timed.expired for timed in spared)
    sweeper.close()


async def test_closing_in_the_middle_of_a_sweep_ends_it() -> None:
    sweeper = Sweeper(SystemClock())
    crowd = [Timed(0.0) for _ in range(3 * EXPIRIES)]
    for timed in crowd:
        timed.then = sweeper.close
        sweeper.watch(timed)
    sweeper._tick(0.0)
    await asyncio.sleep(2 * TICK_S)
    assert sum(timed.expired for timed in crowd) == 1
    assert sweeper._handle is None


async def test_one_that_fails_stops_no_others() -> None:
    sweeper = Sweeper(SystemClock())
    bad, good = Timed(0.0), Timed(0.0)
    bad.then = lambda: 1 / 0  # type: ignore[assignment,return-value]
    for timed in (bad, good):
        sweeper.watch(timed)
    await until(lambda: good.expired and bad.expired)
    good.deadline = 0.0
    await until(lambda: good.expired == 2)
    sweeper.close()


async def test_a_crowd_is_swept_more_seldom_but_not_for_ever() -> None:
    sweeper = Sweeper(SystemClock())
    waits: list[float] = []
    loop = asyncio.get_running_loop()
    for count in (1, CROWD, 3 * CROWD, 50 * CROWD):
        while len(sweeper) < count:
            sweeper._watched.add(Timed())
        sweeper._arm()
        assert isinstance(sweeper._handle, asyncio.TimerHandle)
        waits.append(sweeper._handle.when() - loop.time())
        sweeper._handle.cancel()
    assert [round(wait, 2) for wait in waits] == [TICK_S, TICK_S, 0.3, MAX_TICK_S]
    sweeper.close()
