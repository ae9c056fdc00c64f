"""Deadlines for many things at the price of one timer.

Each request would otherwise arm and disarm several timers; here it sets a number, and one sweep ten times a second
finds what is overdue, in turns of the loop that each do little. Late by at most `TICK_S` (with thousands of them, up
to `MAX_TICK_S`: to look at each costs something) and those turns, never early. The sweep sleeps while nothing has a
deadline.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol

from llmgateway.domain.clock import Clock

logger = logging.getLogger(__name__)

TICK_S: Final = 0.1
MAX_TICK_S: Final = 0.5
CROWD: Final = 1_000  # from so many on sweeps come more seldom
LOOKS: Final = 500  # a turn: some tens of microseconds
EXPIRIES: Final = 2  # a turn: an end costs as much as a part of a request does, and others are to have their turns


class Timed(Protocol):
    """Something with a deadline. `deadline` is monotonic seconds, or None while nothing is awaited."""

    deadline: float | None

    def expire(self) -> None:
        """The deadline has passed (it has been set to None before the call). Must not block; may set a new one."""
        ...


class Sweeper:
    """Calls `expire` on whatever is overdue. One a worker; everything on the event loop's thread."""

    __slots__ = ("_clock", "_handle", "_looked_at", "_overdue", "_watched", "on_tick")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watched: set[Timed] = set()
        self._looked_at: list[Timed] = []  # what this sweep has still to look at
        self._overdue: list[Timed] = []  # what is to expire, a few a turn
        self._handle: asyncio.Handle | None = None
        self.on_tick: Callable[[float], None] | None = None  # sees each sweep's lateness: the loop's lag

    def __len__(self) -> int:
        return len(self._watched)

    def watch(self, timed: Timed) -> None:
        """Look after `timed` until `forget`; its deadline may change at will in between."""
        self._watched.add(timed)
        if self._handle is None:
            self._arm()

    def forget(self, timed: Timed) -> None:
        self._watched.discard(timed)

    def sweep(self) -> None:
        """Expire all that is overdue now, in one go. For tests: the timer does the same in turns."""
        self._looked_at = list(self._watched)
        while self._looked_at or self._overdue:
            self._turn()

    def _turn(self) -> None:
        """Look at some, and expire a few of them: a thousand that end at once must not hold up everybody else."""
        now = self._clock.monotonic()
        if not self._overdue:
            some = self._looked_at[-LOOKS:]
            del self._looked_at[-LOOKS:]
            self._overdue = [timed for timed in some if timed.deadline is not None and timed.deadline <= now]
        few, self._overdue = self._overdue[:EXPIRIES], self._overdue[EXPIRIES:]
        for timed in few:
            if timed in self._watched and timed.deadline is not None and timed.deadline <= now:  # still
                timed.deadline = None
                try:
                    timed.expire()
                except Exception:  # one that fails must not stop the others' clocks
                    logger.exception("a deadline's action failed")

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._watched.clear()
        self._looked_at.clear()
        self._overdue.clear()

    def _arm(self) -> None:
        wait_s = min(MAX_TICK_S, TICK_S * max(1.0, len(self._watched) / CROWD))
        self._handle = asyncio.get_running_loop().call_later(wait_s, self._tick, self._clock.monotonic() + wait_s)

    def _tick(self, due: float) -> None:
        if self.on_tick is not None:
            self.on_tick(max(0.0, self._clock.monotonic() - due))
        self._looked_at = list(self._watched)
        self._go_on()

    def _go_on(self) -> None:
        mine = self._handle
        self._turn()
        if self._handle is not mine:  # closed meanwhile
            return
        self._handle = None
        if self._looked_at or self._overdue:
            self._handle = asyncio.get_running_loop().call_soon(self._go_on)
        elif self._watched:
            self._arm()
