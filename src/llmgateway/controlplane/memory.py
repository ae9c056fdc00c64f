"""Tells the workers once a second what control holds, and gives back what a backlog of exchanges has left behind."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from llmgateway.domain.clock import Clock
from llmgateway.limits.trim import Trim
from llmgateway.telemetry.memory import Meter, give_back

EVERY_S: Final = 1.0
GROWN_BYTES: Final = 8 * 1024 * 1024  # less than in a worker: a pause is in nobody's way here


class Told(Protocol):
    """Takes what this process holds, in bytes (controlplane.link.Links)."""

    def tell_memory(self, own: int) -> None: ...


class Memory:
    """One in the control process. `run` looks until cancelled; `close` lets go of the meter."""

    def __init__(
        self, told: Told, clock: Clock, *, meter: Meter | None = None, trim: Callable[[], bool] = give_back
    ) -> None:
        self._told = told
        self._clock = clock
        self._meter = meter or Meter(None)
        self._give_back = trim
        self._trim = Trim(self._meter.own(), grown_bytes=GROWN_BYTES)

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Look once, and do what follows."""
        own = self._meter.own()
        self._told.tell_memory(own)
        if self._trim.look(own, 0, self._clock.monotonic(), is_pressed=False):
            await asyncio.to_thread(self._give_back)
            self._trim.done(self._meter.own(), 0, self._clock.monotonic())

    def close(self) -> None:
        self._meter.close()


async def watch_memory(told: Told, clock: Clock) -> None:
    """Look until cancelled."""
    memory = Memory(told, clock)
    try:
        await memory.run()
    finally:
        memory.close()
