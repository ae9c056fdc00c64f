"""Waiting for a store that is away: told once, not with each try, and longer from try to try."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final

from llmgateway.ports.store import StoreError

MIN_S: Final = 0.5
MAX_S: Final = 30.0

log = logging.getLogger(__name__)


class Waiting:
    """`with waiting:` a try that may find the store away. `error`: why the last one did; None: it was there.

    `who`: the beginning of the sentence that the log has of it, verb and all.
    """

    def __init__(self, who: str) -> None:
        self._who = who
        self.error: str | None = None

    def __enter__(self) -> None:
        """Begin to try."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """A StoreError ends here; everything else goes on."""
        if isinstance(error, StoreError):
            if self.error is None:
                log.warning("%s for the store: %s", self._who, error)
            self.error = str(error)
            return True
        if error is None:
            self.error = None
        return False


class Patience:
    """`who`: what waits, at the beginning of a sentence."""

    def __init__(self, who: str, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._who = who
        self._sleep = sleep
        self._wait_s = MIN_S
        self._waiting = Waiting(f"{who} wait")

    async def tried(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Try once. False: the store is away, and some time has gone by; try again."""
        was_away = self._waiting.error is not None
        with self._waiting:
            await work()
        if self._waiting.error is not None:
            await self._sleep(self._wait_s)
            self._wait_s = min(MAX_S, 2 * self._wait_s)
            return False
        if was_away:
            log.info("%s have been stored", self._who)
        self._wait_s = MIN_S
        return True
