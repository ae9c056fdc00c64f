"""Says in the log what callers feel and no process would tell: that the journal turns exchanges away, and since when.

The workers only count it: a line for each refusal would be a flood on a machine whose disk is full already.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from llmgateway.controlplane.tally import Figures
from llmgateway.domain.clock import Clock

log = logging.getLogger(__name__)

EVERY_S: Final = 1.0
QUIET_S: Final = 10.0  # without a refusal: the trouble is over
REMIND_S: Final = 300.0


class Watch:
    """Compares the workers' counters from look to look. Logs when refusals begin, now and then, and when they end."""

    def __init__(self) -> None:
        self._refused: float | None = None  # at the last look; None before the first
        self._missed = 0.0  # since the trouble began
        self._grown_at = 0.0
        self._told_at: float | None = None  # None: all is well

    def look(self, totals: Figures, now: float) -> None:
        """Take the counters as they are at `now` (monotonic)."""
        refused = totals.counters.get(("journal", "refused"), 0.0)
        before, self._refused = self._refused, refused
        if before is not None and refused > before:
            self._missed += refused - before
            self._grown_at = now
            self._tell(now)
        elif self._told_at is not None and now - self._grown_at >= QUIET_S:
            log.info("the journal takes new exchanges again; %d were refused", self._missed)
            self._told_at, self._missed = None, 0.0

    def _tell(self, now: float) -> None:
        if self._told_at is not None and now - self._told_at < REMIND_S:
            return
        self._told_at = now
        log.error(
            "callers get 503 log_store_full: the journal can't be written (%d refused so far). Free disk space on "
            "[data] dir, or see why the store takes nothing",
            self._missed,
        )


async def watch(totals: Callable[[], Figures], clock: Clock) -> None:
    """Look each second, until cancelled."""
    watching = Watch()
    while True:
        watching.look(totals(), clock.monotonic())
        await asyncio.sleep(EVERY_S)
