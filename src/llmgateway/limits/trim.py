"""When to give freed memory back to the system: the allocator keeps it otherwise, and it looks like a leak. Pure."""

from typing import Final

GROWN_BYTES: Final = 16 * 1024 * 1024  # since the last time; less is not worth the pause
MANY: Final = 100  # exchanges that may hold as much as is worth it
FALLEN: Final = 4  # what runs is at most one in so many of the most that ran
QUIET_S: Final = 2.0
AGAIN_S: Final = 15.0  # after the last time, where more has ended since
PRESSED_S: Final = 5.0  # between two times under pressure, when nothing waits for load to fall


class Trim:
    """Once each time load has fallen, and now and then under pressure."""

    __slots__ = ("_fallen_since", "_floor", "_grown_bytes", "_last", "_peak")

    def __init__(self, used: int, *, grown_bytes: int = GROWN_BYTES) -> None:
        self._grown_bytes = grown_bytes
        self._floor = used  # bytes in use after the last time
        self._peak = 0
        self._fallen_since: float | None = None
        self._last = float("-inf")

    def look(self, used: int, running: int, now: float, *, is_pressed: bool) -> bool:
        """Whether now is the time. `used`: bytes of this process; `running`: exchanges under way."""
        self._floor = min(self._floor, used)
        self._peak = max(self._peak, running)
        if running * FALLEN > self._peak:
            self._fallen_since = None
        elif self._fallen_since is None:
            self._fallen_since = now
        if used - self._floor < self._grown_bytes:
            return False
        has_fallen = self._fallen_since is not None and now - max(self._fallen_since, self._last + AGAIN_S) >= QUIET_S
        return has_fallen or (is_pressed and now - self._last >= PRESSED_S)

    def done(self, used: int, running: int, now: float) -> None:
        """It has been done, and `used` bytes are left to `running` exchanges: once most of them have ended, too, it is
        worth another look.
        """
        self._floor = used if running < MANY else self._floor
        self._peak = running
        self._fallen_since = None
        self._last = now
