"""From figures to what the worker does: the watcher with a meter, a clock and callers of the test's own."""

import asyncio
import gc
import logging
from types import SimpleNamespace

import pytest

from llmgateway.config.snapshot import Key, Overload, Priority, Server
from llmgateway.dataplane import pressure
from llmgateway.dataplane.gauges import Gauges
from llmgateway.dataplane.overload import Overload as State
from llmgateway.dataplane.pressure import CROWD, CUT_EVERY_S, EVERY_S, IDLE_S, Pressure
from llmgateway.domain.clock import ManualClock
from llmgateway.domain.errors import GatewayError
from llmgateway.limits.bodies import BodyMemory
from llmgateway.limits.ladder import HOLD_S, Step
from llmgateway.limits.trim import GROWN_BYTES

GIB = 1024**3


class Meter:
    def __init__(self, setting: int | None) -> None:
        self.limit = setting or GIB
        self.share = 0.1
        self.mine = 0
        self.is_closed = False

    def used(self) -> int:
        return round(self.share * self.limit)

    def own(self) -> int:
        return self.mine

    def hear(self, total: int) -> None:
        self.heard = total

    def close(self) -> None:
        self.is_closed = True


class Callers:
    connections = 0
    running = 0
    is_kept = True

    def keep_alive(self, is_kept: bool) -> None:
        self.is_kept = is_kept


class Stream:
    def __init__(self, size: int) -> None:
        self.size = size
        self.fault: GatewayError | None = None
        self.connection = SimpleNamespace(cancel=lambda: setattr(self, "is_left", True))
        self.is_left = False

    def on_fault(self, error: GatewayError, *, reusable_retry: bool) -> None:
        assert not reusable_retry
        self.fault = error


class Stage:
    """A watcher and all that it touches."""

    def __init__(self, **settings) -> None:
        self.clock = ManualClock()
        self.callers = Callers()
        self.trims = 0
        server = Server(workers=2, overload=Overload(**settings))
        self.gateway = SimpleNamespace(
            clock=self.clock,
            gauges=Gauges(),
            overload=State(),
            bodies=BodyMemory(0),
            in_force=SimpleNamespace(snapshot=SimpleNamespace(server=server)),
        )
        self.pressure = Pressure(self.gateway, self.callers, make_meter=Meter, trim=self.trim)

    def trim(self) -> bool:
        self.trims += 1
        self.pressure.meter.mine = 0
        return True

    @property
    def state(self) -> State:
        return self.gateway.overload

    def streams(self, *sizes: int) -> list[Stream]:
        streams = [Stream(size) for size in sizes]
        self.state.streams = {stream: stream.connection for stream in streams}
        return streams

    async def look(self, share: float | None = None, lag: float = 0.0, times: int = 1) -> State:
        if share is not None:
            self.pressure.meter.share = share
        for _ in range(times):
            self.clock.advance(EVERY_S)
            self.pressure._due = self.clock.monotonic()
            self.gateway.gauges.lag(lag)
            await self.pressure.look()
        return self.state


def refused(state: State) -> list[Priority]:
    found = []
    for priority in Priority:
        try:
            state.check(Key("k", b"", priority=priority), 0.5)
        except GatewayError as error:
            assert error.code == "overloaded"
            assert 1 <= error.retry_after_s <= 4
            found.append(priority)
    return found


@pytest.mark.parametrize(
    ("share", "kept", "gone"),
    [
        (0.84, True, []),
        (0.86, False, []),
        (0.921, False, [Priority.LOW]),
        (0.931, False, [Priority.NORMAL, Priority.LOW]),
        (0.941, False, [Priority.HIGH, Priority.NORMAL, Priority.LOW]),
    ],
)
async def test_memory_closes_connections_then_sheds_by_priority(share, kept, gone):
    stage = Stage()
    state = await stage.look(share)
    assert stage.callers.is_kept is kept
    assert refused(state) == gone
    assert state.counts["shed"] == len(gone)


async def test_a_loop_that_lags_time_and_again_sheds_and_keeps_connections():
    stage = Stage(loop_lag_s=0.1)
    assert refused(await stage.look(lag=0.1, times=2)) == []
    assert refused(await stage.look(lag=0.1)) == [Priority.LOW]
    assert stage.callers.is_kept
    assert stage.state.cause == "lag"
    assert refused(await stage.look(lag=0.25, times=3)) == [Priority.NORMAL, Priority.LOW]


async def test_the_watchers_own_lateness_is_lag_too():
    stage = Stage(loop_lag_s=0.1)
    for _ in range(3):
        stage.pressure._due = stage.clock.monotonic()
        stage.clock.advance(0.15)
        await stage.pressure.look()
    assert refused(stage.state) == [Priority.LOW]


async def test_each_change_is_one_line_and_it_calms_down(caplog):
    stage = Stage()
    with caplog.at_level(logging.INFO):
        await stage.look(0.5, times=4)
        await stage.look(0.925, times=4)
        await stage.look(0.5, times=round(3 * HOLD_S / EVERY_S) + 3)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "overload: shed_low after calm, because of memory: memory at 92 % of 1024 MiB, the event loop late by 0 ms"),
        ("INFO", "overload: close after shed_low, because of memory: memory at 50 % of 1024 MiB, the event loop late by 0 ms"),
        ("INFO", "overload: calm after close: memory at 50 % of 1024 MiB, the event loop late by 0 ms"),
    ]  # fmt: skip
    assert stage.callers.is_kept
    assert refused(stage.state) == []


async def test_the_largest_streams_are_cut_a_few_at_a_time_until_memory_is_back():
    stage = Stage()
    stage.pressure._give_back = lambda: True
    stage.pressure.meter.mine = GIB  # no other process holds much
    streams = stage.streams(*[GIB // 100] * 8, *[GIB // 10] * 8)
    await stage.look(0.94)
    assert not any(stream.fault for stream in streams)
    state = await stage.look(0.96)  # 4 % above where cutting ends: one of the large ones is enough
    cut = [stream for stream in streams if stream.fault]
    assert [stream.fault.code for stream in cut] == ["stream_cut"]
    assert (cut[0].size, cut[0].is_left) == (GIB // 10, True)
    assert state.counts["cut"] == 1
    await stage.look()  # freed memory takes a moment to show
    assert state.counts["cut"] == 1
    await stage.look(1.5, times=round(CUT_EVERY_S / EVERY_S))
    assert state.counts["cut"] == 5  # a quarter of 16, though more would be needed
    await stage.look(0.91, times=20)
    assert state.counts["cut"] == 5


async def test_each_worker_cuts_its_share_of_what_is_too_much():
    stage = Stage()
    stage.streams(*[GIB // 50] * 16)
    stage.pressure.meter.mine = GIB // 4  # a quarter of what is in use
    state = await stage.look(0.99)  # 7 % too much, of which ours are 1.8
    assert state.counts["cut"] == 1


async def test_after_a_cut_memory_is_given_back_at_once():
    stage = Stage()
    stage.streams(100, 100)
    stage.pressure.meter.mine = 1000
    await stage.look(0.96)
    assert stage.trims == 1


async def test_freed_memory_is_given_back_once_when_load_has_fallen():
    stage = Stage()
    stage.callers.running = 100
    await stage.look(times=4)
    stage.pressure.meter.mine = GROWN_BYTES
    await stage.look(times=20)
    assert stage.trims == 0
    stage.callers.running = 0
    await stage.look(times=40)
    assert stage.trims == 1
    assert stage.state.counts["trim"] == 1


@pytest.mark.parametrize(("connections", "collected"), [(CROWD, 1), (CROWD + 1, 0)])
async def test_nobody_looks_for_cycles_while_many_are_connected(monkeypatch, connections, collected):
    looked = []
    monkeypatch.setattr(gc, "collect", lambda: looked.append(1))
    stage = Stage()
    await stage.look(times=4)
    stage.callers.connections = connections
    stage.pressure.meter.mine = GROWN_BYTES
    await stage.look(times=40)
    assert (stage.trims, len(looked)) == (1, collected)


async def test_under_pressure_it_is_given_back_without_waiting():
    stage = Stage()
    stage.callers.running = 100
    stage.pressure.meter.mine = GROWN_BYTES
    await stage.look(0.86)
    assert stage.trims == 1


async def test_a_reload_changes_the_limit_and_the_lag():
    stage = Stage(memory_bytes=2 * GIB)
    first = stage.pressure.meter
    assert first.limit == 2 * GIB
    assert stage.gateway.bodies.limit == 256 << 20
    stage.pressure.configure(Server(overload=Overload(memory_bytes=2 * GIB, loop_lag_s=9.0)))
    assert stage.pressure.meter is first
    stage.pressure.configure(Server(workers=2, overload=Overload(memory_bytes=GIB)))
    assert first.is_closed
    assert stage.pressure.meter.limit == GIB
    assert stage.gateway.bodies.limit == 128 << 20
    stage.pressure.hear(7)
    assert stage.pressure.meter.heard == 7


@pytest.mark.parametrize(
    ("connections", "step", "wait_s"),
    [(0, Step.CALM, IDLE_S), (1, Step.CALM, EVERY_S), (0, Step.CLOSE, EVERY_S)],
    ids=["idle", "somebody is there", "pressed"],
)
async def test_it_looks_four_times_a_second_and_less_often_while_nobody_is_there(
    monkeypatch, connections, step, wait_s
):
    stage, waits = Stage(), []
    stage.callers.connections, stage.state.step = connections, step

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        stage.clock.advance(seconds)

    async def look() -> None:
        assert stage.pressure._due == stage.clock.monotonic()
        if len(waits) == 3:
            raise asyncio.CancelledError

    monkeypatch.setattr(pressure, "asyncio", SimpleNamespace(sleep=sleep))
    stage.pressure.look = look
    with pytest.raises(asyncio.CancelledError):
        await stage.pressure.run()
    assert waits == [wait_s] * 3
