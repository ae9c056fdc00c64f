"""Figures that sections have in common: shares with their intervals, and how long things took."""

from collections.abc import Iterable
from dataclasses import dataclass

from llmgateway.domain.proportion import wilson


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `of`."""

    count: int
    of: int

    @property
    def share(self) -> float | None:
        """From 0 to 1; None where there is nothing to be a share of."""
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """Where the share may well lie: 95 %, Wilson's."""
        return wilson(self.count, self.of)


@dataclass(frozen=True, slots=True)
class Spread:
    """How long `answers` took: half of them no more than `p50` seconds, 95 of a hundred no more than `p95`."""

    answers: int
    p50: float
    p95: float


def spread_of(told: Iterable[tuple[float, int]]) -> Spread | None:
    """Of pairs of seconds and how many took so long; None where there are none."""
    ordered = sorted(told)
    answers = sum(count for _, count in ordered)
    return Spread(answers, _quantile(ordered, 0.5 * answers), _quantile(ordered, 0.95 * answers)) if answers else None


def _quantile(ordered: list[tuple[float, int]], rank: float) -> float:
    passed = 0
    for seconds, count in ordered:
        passed += count
        if passed >= rank:
            return seconds
    return ordered[-1][0]
