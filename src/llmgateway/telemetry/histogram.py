"""Counts in buckets, as plain lists of numbers: cheap to fill, to add up, to send and to save.

The worker fills some, the control process fills others; both need the same bounds. No metrics library here.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

Bounds = tuple[float, ...]

# OpenTelemetry's GenAI semantic conventions advise these for durations, first tokens and tokens.
DURATION: Final[Bounds] = tuple(0.01 * 2**k for k in range(14))
FIRST_TOKEN: Final[Bounds] = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)
PER_TOKEN: Final[Bounds] = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
OVERHEAD: Final[Bounds] = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25)
WAIT: Final[Bounds] = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LAG: Final[Bounds] = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


def empty(bounds: Bounds) -> list[float]:
    """A histogram without observations: a count for each bound, one for what lies above, and the sum last."""
    return [0] * (len(bounds) + 1) + [0.0]


def observe(counts: list[float], bounds: Bounds, value: float) -> int:
    """Count `value` in the bucket whose upper bound is the first at or above it; returns that bucket's index."""
    at = bisect_left(bounds, value)
    counts[at] += 1
    counts[-1] += value
    return at


def total(counts: Sequence[float]) -> float:
    """How many observations there are."""
    return sum(counts[:-1])


def cumulative(counts: Sequence[float], bounds: Bounds) -> list[tuple[str, float]]:
    """The buckets as Prometheus wants them: (`le`, observations at or below it), `+Inf` last."""
    running = 0.0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip((*(f"{bound:.10g}" for bound in bounds), "+Inf"), counts[:-1], strict=True):
        running += count
        buckets.append((bound, running))
    return buckets
