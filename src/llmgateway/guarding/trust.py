"""Whether it makes sense to ask a slow judge: not where many wait for it already, nor while it is down."""

from enum import StrEnum
from typing import Final

MAX_RUNNING: Final = 64  # questions of one worker to one guardrail at once
SHUT_AFTER: Final = 5  # failures in a row
FIRST_S: Final = 1.0
LONGEST_S: Final = 30.0


class Said(StrEnum):
    """What came of asking one: an answer, or why there was none."""

    ANSWERED = "answered"
    REMEMBERED = "remembered"  # it was asked the same not long ago
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"  # it failed, or has failed too often
    SENSELESS = "senseless"  # the answer makes no sense
    OVERLOADED = "overloaded"  # too many wait for it already


class Trust:
    """One guardrail's standing in one worker. Times are monotonic seconds."""

    __slots__ = ("_failures", "_shut_until", "running")

    def __init__(self) -> None:
        self.running = 0
        self._failures = 0
        self._shut_until = 0.0

    def refused(self, now: float) -> Said | None:
        """Why not to ask now; None if there is nothing against it."""
        if now < self._shut_until:
            return Said.UNAVAILABLE
        return Said.OVERLOADED if self.running >= MAX_RUNNING else None

    def answered(self) -> None:
        """It said something that makes sense."""
        self._failures = 0

    def failed(self, now: float) -> None:
        """It did not. After some such in a row nobody asks for a while, each time for longer."""
        self._failures += 1
        beyond = self._failures - SHUT_AFTER
        if beyond >= 0:
            self._shut_until = now + min(LONGEST_S, FIRST_S * 2 ** min(beyond, 10))
