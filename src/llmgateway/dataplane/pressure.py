"""Looks at memory and at the event loop's lag four times a second (once while nobody is connected), and puts the step
that follows in force.

What follows from which figures is decided in `limits.ladder` and `limits.trim`.
"""

import asyncio
import gc
import logging
import os
from collections.abc import Callable
from typing import Final, Protocol

from llmgateway.config import snapshot
from llmgateway.dataplane.call import Gateway
from llmgateway.limits.bodies import room
from llmgateway.limits.ladder import MEMORY, Ladder, Step
from llmgateway.limits.trim import Trim
from llmgateway.telemetry.memory import Meter, give_back

EVERY_S: Final = 0.25
IDLE_S: Final = 1.0  # while nobody is connected: bodies have a bound of their own until the next look
CUT_EVERY_S: Final = 0.5  # freed memory takes a moment to show
CROWD: Final = 1_000  # connections: to look through what five times as many hold takes 40 ms
_CUT_TO: Final = MEMORY[-1].leave

logger = logging.getLogger(__name__)


class Callers(Protocol):
    """The server's side (http.server.HttpServer)."""

    @property
    def connections(self) -> int: ...
    @property
    def running(self) -> int: ...
    def keep_alive(self, is_kept: bool) -> None: ...  # noqa: FBT001 - a switch


class Pressure:
    """One a worker. `run` looks until cancelled; `close` lets go of the meter."""

    def __init__(
        self,
        gateway: Gateway,
        callers: Callers,
        *,
        make_meter: Callable[[int | None], Meter] = Meter,
        trim: Callable[[], bool] = give_back,
    ) -> None:
        self._gateway = gateway
        self._callers = callers
        self._make_meter = make_meter
        self._give_back = trim
        self._settings = gateway.in_force.snapshot.server.overload
        self.meter = make_meter(self._settings.memory_bytes)
        self._ladder = Ladder()
        self._trim = Trim(self.meter.own())
        self._cut_at = float("-inf")
        self._due = gateway.clock.monotonic()
        self._set_room(gateway.in_force.snapshot.server)

    def configure(self, server: snapshot.Server) -> None:
        """Take a reload's settings."""
        settings = server.overload
        if settings.memory_bytes != self._settings.memory_bytes:
            self.meter.close()
            self.meter = self._make_meter(settings.memory_bytes)
        self._settings = settings
        self._set_room(server)

    def _set_room(self, server: snapshot.Server) -> None:
        workers = server.workers or len(os.sched_getaffinity(0))
        self._gateway.bodies.limit = room(server, self.meter.limit, workers)

    def hear(self, total: int) -> None:
        """Take what all processes of the gateway hold together, in bytes."""
        self.meter.hear(total)

    def own(self) -> int:
        """Bytes that this process holds for itself."""
        return self.meter.own()

    async def run(self) -> None:
        clock = self._gateway.clock
        while True:
            wait_s = EVERY_S if self._callers.connections or self._gateway.overload.step else IDLE_S
            self._due = clock.monotonic() + wait_s
            await asyncio.sleep(wait_s)
            await self.look()

    async def look(self) -> None:
        """Look once, and do what follows."""
        gateway, meter = self._gateway, self.meter
        overload, now = gateway.overload, gateway.clock.monotonic()
        used = meter.used()
        overload.memory = used / meter.limit
        overload.lag_s = max(gateway.gauges.take_worst_lag(), now - self._due, 0.0)
        before = overload.step
        overload.step = step = self._ladder.look(overload.memory, overload.lag_s / self._settings.loop_lag_s, now)
        overload.cause, overload.shed = self._ladder.cause, self._ladder.shed
        self._callers.keep_alive(not self._ladder.closes)
        if step is not before:
            self._tell(before)
        has_cut = False
        excess = self._ladder.projected - _CUT_TO
        if step is Step.CUT and excess >= 0 and now - self._cut_at >= CUT_EVERY_S:
            self._cut_at = now
            has_cut = self._cut(excess * meter.limit * min(1.0, meter.own() / max(used, 1)))  # the others cut, too
        if self._trim.look(meter.own(), self._callers.running, now, is_pressed=self._ladder.closes) or has_cut:
            if has_cut:
                await asyncio.sleep(0)  # let the streams end
            if has_cut or (self._callers.connections <= CROWD and not self._ladder.closes):
                gc.collect()  # empties free lists, and cycles if there are any; with many about it costs others time
            await asyncio.get_running_loop().run_in_executor(None, self._give_back)
            self._trim.done(meter.own(), self._callers.running, gateway.clock.monotonic())
            overload.counts["trim"] += 1

    def _cut(self, excess: float) -> bool:
        count = self._gateway.overload.cut(excess)
        if count:
            logger.warning("overload: %d of the largest streams were cut", count)
        return count > 0

    def _tell(self, before: Step) -> None:
        overload, limit = self._gateway.overload, self.meter.limit >> 20
        level = logging.WARNING if overload.step > before else logging.INFO
        logger.log(
            level,
            "overload: %s after %s%s: memory at %.0f %% of %d MiB, the event loop late by %.0f ms",
            overload.step.name.lower(),
            before.name.lower(),
            f", because of {overload.cause}" if overload.cause else "",
            100 * overload.memory,
            limit,
            1000 * overload.lag_s,
        )

    def close(self) -> None:
        self.meter.close()
