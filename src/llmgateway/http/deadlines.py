"""Deadlines for many things at the price of one timer.

Each request would otherwise arm and disarm several timers; here it sets a number, and one sweep ten times a second
finds what is overdue. Late by at most `TICK_S`, never early. The sweep sleeps while nothing has a deadline.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from llmgateway.domain.clock import Clock

TICK_S: Final = 0.1


class Timed(Protocol):
    """Something with a deadline. `deadline` is monotonic seconds, or None while nothing is awaited."""

    deadline: float | None

    def expire(self) -> None:
        """The deadline has passed (it has been set to None before the call). Must not block; may set a new one."""
        ...


class Sweeper:
    """Calls `expire` on whatever is overdue. One a worker; everything on the event loop's thread."""

    __slots__ = ("_clock", "_handle", "_watched", "on_tick")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watched: set[Timed] = set()
        self._handle: asyncio.TimerHandle | None = None
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
        """Expire what is overdue now. Called by the timer, and by tests."""
        now = self._clock.monotonic()
        overdue = [timed for timed in self._watched if timed.deadline is not None and timed.deadline <= now]
        for timed in overdue:
            if timed.deadline is not None and timed.deadline <= now:  # an earlier one may have moved it
                timed.deadline = None
                timed.expire()

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._watched.clear()

    def _arm(self) -> None:
        due = self._clock.monotonic() + TICK_S
        self._handle = asyncio.get_running_loop().call_later(TICK_S, self._tick, due)

    def _tick(self, due: float) -> None:
        self._handle = None
        if self.on_tick is not None:
            self.on_tick(max(0.0, self._clock.monotonic() - due))
        self.sweep()
        if self._watched:
            self._arm()
