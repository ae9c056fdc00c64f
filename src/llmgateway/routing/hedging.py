"""When a second attempt is worth its cost: after so long that most first attempts would have had content by then.

Sending the same request to another backend once the first is slower than, say, 95 of 100 costs at most a few percent
more attempts and cuts off the latency's tail (Dean and Barroso, "The Tail at Scale", 2013).
"""

from collections import deque
from typing import Final

from llmgateway.config.snapshot import Hedge
from llmgateway.domain.clock import Clock
from llmgateway.domain.operation import Operation
from llmgateway.domain.quantile import quantile

REMEMBERED: Final = 512  # waits for content, the latest ones; whole replies and streams apart
ENOUGH: Final = 20  # a percentile of fewer is a guess
FRESH_S: Final = 1.0  # a percentile is worked out at most so often


class Patience:
    """How long one route's first attempts take until they have content, and how long is too long. One a worker."""

    __slots__ = ("_clock", "_due", "_known", "_waits")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waits: dict[bool, deque[float]] = {}  # by whether the caller asked for a stream
        self._known: dict[bool, float] = {}
        self._due: dict[bool, float] = {}

    def observe(self, wait_s: float, *, is_stream: bool) -> None:
        """Note how long an attempt took that nobody cut short."""
        waits = self._waits.get(is_stream)
        if waits is None:
            waits = self._waits[is_stream] = deque(maxlen=REMEMBERED)
        waits.append(wait_s)

    def wait_s(self, hedge: Hedge, *, is_stream: bool) -> float | None:
        """How long to wait for an attempt before another is sent; None while too little is known to say."""
        if hedge.after_s is not None:
            return max(hedge.after_s, hedge.min_wait_s)
        now = self._clock.monotonic()
        if now >= self._due.get(is_stream, 0.0):
            waits = self._waits.get(is_stream, ())
            if len(waits) < ENOUGH:
                return None
            self._due[is_stream] = now + FRESH_S
            self._known[is_stream] = quantile(sorted(waits), hedge.percentile)
        return max(self._known[is_stream], hedge.min_wait_s)


def may_hedge(operation: Operation, method: str) -> bool:
    """Whether two of it at once do no harm. A second DELETE that finds nothing left would win with its 404, and a
    session is no question that two could answer.
    """
    if operation.is_tunnel:
        return False
    return method in {"GET", "HEAD"} or (operation.is_repeatable and not operation.is_stateful)
