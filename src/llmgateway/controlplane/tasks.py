"""Keeps the control plane's tasks running: a failure is logged, counted and followed by another try, never the end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

MIN_WAIT_S: Final = 0.5
MAX_WAIT_S: Final = 30.0
STEADY_S: Final = 60.0  # after running this long, a failure starts the backoff anew

Run = Callable[[], Awaitable[None]]
Sleep = Callable[[float], Awaitable[None]]

log = logging.getLogger(__name__)


class Tasks:
    """Named coroutines, each restarted with backoff when it fails or returns. `failures` counts by name."""

    def __init__(self, monotonic: Callable[[], float], sleep: Sleep = asyncio.sleep) -> None:
        self._monotonic = monotonic
        self._sleep = sleep
        self._running: list[asyncio.Task[None]] = []
        self.failures: dict[str, int] = {}

    def start(self, name: str, run: Run) -> None:
        """Run `run()` from now on, until `stop`."""
        self.failures.setdefault(name, 0)
        self._running.append(asyncio.get_running_loop().create_task(self._keep(name, run), name=name))

    async def stop(self) -> None:
        """Cancel all, the last started first, and wait until each has cleaned up."""
        while self._running:
            task = self._running.pop()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _keep(self, name: str, run: Run) -> None:
        in_a_row = 0
        while True:
            began = self._monotonic()
            try:
                await run()
                log.warning("task %s ended by itself and is started again", name)
            except Exception:
                log.exception("task %s failed and is started again", name)
            self.failures[name] += 1
            in_a_row = 1 if self._monotonic() - began > STEADY_S else in_a_row + 1
            await self._sleep(wait_s(in_a_row))


def wait_s(failures: int) -> float:
    """Half a second, doubling to half a minute."""
    return min(MAX_WAIT_S, MIN_WAIT_S * float(2 ** min(failures - 1, 10)))
