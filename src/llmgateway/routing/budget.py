"""The retry budget: how many attempts a route may make beyond its requests, over the last ten seconds.

When everything fails, unbounded retries multiply the load on what is already down (reliability target T19).
"""

from llmgateway.domain.clock import Clock

WINDOW_S = 10
FLOOR = 10  # extra attempts a window that are always allowed, so that a quiet route can retry at all


class RetryBudget:
    """Counts requests and extra attempts in one-second slots. One a route and worker."""

    __slots__ = ("_clock", "_extra", "_ratio", "_requests", "_second")

    def __init__(self, clock: Clock, ratio: float) -> None:
        self._clock = clock
        self._ratio = ratio - 1.0
        self._requests = [0] * WINDOW_S
        self._extra = [0] * WINDOW_S
        self._second = int(clock.monotonic())

    def allow(self, ratio: float) -> None:
        """Go by another ratio from now on; what was spent stays spent."""
        self._ratio = ratio - 1.0

    def request(self) -> None:
        """Note a request's first attempt."""
        self._requests[self._slot()] += 1

    def spend(self) -> bool:
        """Take leave for one more attempt; False when the budget is used up."""
        slot = self._slot()
        if sum(self._extra) >= max(FLOOR, self._ratio * sum(self._requests)):
            return False
        self._extra[slot] += 1
        return True

    def _slot(self) -> int:
        second = int(self._clock.monotonic())
        passed = min(second - self._second, WINDOW_S)
        for step in range(1, passed + 1):
            slot = (self._second + step) % WINDOW_S
            self._requests[slot] = self._extra[slot] = 0
        if passed:
            self._second = second
        return second % WINDOW_S
