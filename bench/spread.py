"""Figures that were measured more than once, and percentiles. Pure."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

TIMES: Final = "\N{MULTIPLICATION SIGN}"
TO: Final = "\N{EN DASH}"  # between the ends of a range; alone: no figure


@dataclass(frozen=True, slots=True)
class Spread:
    """What several rounds of one measurement gave: never one number without the two that it lies between."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Sum up one value a round. ValueError without any."""
        if not values:
            raise ValueError("nothing was measured")
        return cls(median(values), min(values), max(values))

    def over(self, other: "Spread") -> float:
        """How many times `other` this is, median by median; infinite where `other` is nothing."""
        return self.median / other.median if other.median else float("inf")

    def text(self, digits: int = 0, scale: float = 1.0) -> str:
        """Write it as the median, with the lowest and the highest in brackets where they differ."""
        middle, low, high = (f"{value * scale:,.{digits}f}" for value in (self.median, self.low, self.high))
        return middle if low == high else f"{middle} ({low}{TO}{high})"


def percentile(ordered: Sequence[float], share: float) -> float:
    """Give the smallest of the sorted values that `share` (0 to 1) of all do not exceed. ValueError if empty."""
    if not ordered:
        raise ValueError("no values")
    rank = -(-len(ordered) * share // 1)  # rounded up
    return ordered[min(len(ordered), max(1, int(rank))) - 1]


class Histogram:
    """Counts durations in seconds, right to 5 %, in fixed memory: for more of them than a list should hold."""

    STEP = 1.05
    BOUNDS = tuple(1e-6 * 1.05**i for i in range(425))  # 1 μs to 1,000 s

    def __init__(self) -> None:
        self.counts = [0] * (len(self.BOUNDS) + 1)
        self.total = 0
        self.largest = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.BOUNDS, value)] += 1
        self.total += 1
        if value > self.largest:
            self.largest = value

    def percentile(self, share: float) -> float:
        """Give the upper bound of the bucket in which the percentile lies, at most the largest value. 0 if empty."""
        due = self.total * share
        seen = 0
        for bound, count in zip(self.BOUNDS, self.counts, strict=False):
            seen += count
            if seen >= due and seen:
                return min(bound, self.largest)
        return self.largest
