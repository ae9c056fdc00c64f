"""Waiting for a store that is away: longer from try to try, and told once, not with each try."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from llmgateway.ports.store import StoreError

MIN_S: Final = 0.5
MAX_S: Final = 30.0

log = logging.getLogger(__name__)


class Patience:
    """`who`: what waits, at the beginning of a sentence."""

    def __init__(self, who: str, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._who = who
        self._sleep = sleep
        self._wait_s = MIN_S
        self._is_away = False

    async def tried(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Try once. False: the store is away, and some time has gone by; try again."""
        try:
            await work()
        except StoreError as error:
            if not self._is_away:
                log.warning("%s wait for the store: %s", self._who, error)
            self._is_away = True
            await self._sleep(self._wait_s)
            self._wait_s = min(MAX_S, 2 * self._wait_s)
            return False
        if self._is_away:
            log.info("%s have been stored", self._who)
        self._is_away, self._wait_s = False, MIN_S
        return True
