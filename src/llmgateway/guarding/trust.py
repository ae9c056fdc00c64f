"""Whether it makes sense to ask a slow judge: not where many wait for it already, nor while it is down."""

from typing import Final

MAX_RUNNING: Final = 64  # questions of one worker to one guardrail at once
SHUT_AFTER: Final = 5  # failures in a row
FIRST_S: Final = 1.0
LONGEST_S: Final = 30.0


class Trust:
    """One guardrail's standing in one worker. Times are monotonic seconds."""

    __slots__ = ("_failures", "_shut_until", "running")

    def __init__(self) -> None:
        self.running = 0
        self._failures = 0
        self._shut_until = 0.0

    def refused(self, now: float) -> str:
        """Why not to ask now, in a word for the record; empty if there is nothing against it."""
        if now < self._shut_until:
            return "unavailable"
        return "overloaded" if self.running >= MAX_RUNNING else ""

    def answered(self) -> None:
        """It said something that makes sense."""
        self._failures = 0

    def failed(self, now: float) -> None:
        """It did not. After some such in a row nobody asks for a while, each time for longer."""
        self._failures += 1
        beyond = self._failures - SHUT_AFTER
        if beyond >= 0:
            self._shut_until = now + min(LONGEST_S, FIRST_S * 2 ** min(beyond, 10))
