"""Time, handed in. Durations come from `monotonic`, dates from `time`; nothing else in the project reads a clock."""

import time
from typing import Protocol


class Clock(Protocol):
    """Two readings, in seconds. Only differences of `monotonic` mean anything; `time` is Unix time and may jump."""

    def monotonic(self) -> float: ...
    def time(self) -> float: ...


class SystemClock:
    """The machine's clocks."""

    __slots__ = ()
    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)


class Steady:
    """Dates for what has to last: from the one at which this is made on they go by `monotonic` alone. However the clock
    is set meanwhile, back or forward, nothing that is told by them lasts longer or less.
    """

    __slots__ = ("_clock", "_offset", "monotonic")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.monotonic = clock.monotonic
        self._offset = clock.time() - clock.monotonic()

    def time(self) -> float:
        return self.monotonic() + self._offset

    @property
    def ahead(self) -> float:
        """By how many seconds it is before the clock now: above 0 once that was set back, below 0 once set forward."""
        return self.time() - self._clock.time()


class ManualClock:
    """A clock that stands still until told; tests own one and advance it."""

    __slots__ = ("_monotonic", "_time")

    def __init__(self, *, monotonic: float = 1_000.0, time: float = 1_700_000_000.0) -> None:
        self._monotonic = monotonic
        self._time = time

    def monotonic(self) -> float:
        return self._monotonic

    def time(self) -> float:
        return self._time

    def advance(self, seconds: float) -> None:
        """Let both clocks run on by `seconds`."""
        self._monotonic += seconds
        self._time += seconds

    def jump(self, seconds: float) -> None:
        """Set the date forward, or back."""
        self._time += seconds
