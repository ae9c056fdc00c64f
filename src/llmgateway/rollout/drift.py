"""Drift of a yes/no signal (refused, blocked, truncated …) of one version: an e-CUSUM, which may be watched for ever.

For each alternative rate p the statistic is M ← max(1, M)·L, with L the likelihood ratio of p to the reference rate.
While the rate is at most the reference, the mean number of events until the weighted mean of them reaches A is at
least A.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, Self

from llmgateway.rollout.eprocess import log_mean, value

RATIOS: Final = (1.5, 2.0, 4.0, 8.0)  # of the reference rate
THRESHOLD: Final = 1e4  # A: one false alarm in ten thousand events, at the most and on average
LARGEST_RATE: Final = 0.9
_NOTHING: Final = 1e-16  # of a sum, in floating point
_CEILING: Final = math.log(THRESHOLD * len(RATIOS))  # one statistic up here is an alarm, whatever the others say


class _Move(NamedTuple):
    """What an event adds to one statistic's logarithm."""

    good: float
    bad: float


@dataclass(frozen=True, slots=True)
class Watch:
    """The state: the reference rate, and the logarithm of each statistic. Events have to come in order.

    ValueError for a reference that is not a rate above 0 and below `LARGEST_RATE`: no signal can rise above that.
    """

    reference: float
    logs: tuple[float, ...] = (0.0,) * len(RATIOS)

    def __post_init__(self) -> None:
        if not 0 < self.reference < LARGEST_RATE:
            raise ValueError(f"{self.reference} is no reference rate")

    def seen(self, *, is_bad: bool) -> Self:
        """After one more event."""
        return self.ran(0 if is_bad else 1, is_bad=is_bad)

    def ran(self, good: int, *, is_bad: bool) -> Self:
        """After `good` events that were not bad, and then one that was if `is_bad`."""
        logs = []
        for log, move in zip(self.logs, _moves(self.reference), strict=True):
            moved = max(max(0.0, log) + good * move.good, move.good) if good else log
            logs.append(max(0.0, moved) + move.bad if is_bad else moved)
        return type(self)(self.reference, tuple(logs))

    def held(self) -> Self:
        """The same with no statistic far above the threshold: an alarm that has lasted for long can end soon."""
        return type(self)(self.reference, tuple(min(log, _CEILING) for log in self.logs))

    @property
    def evidence(self) -> float:
        """The weighted mean of the statistics: an alarm at `THRESHOLD`."""
        return value(log_mean(self.logs))

    @property
    def is_alarmed(self) -> bool:
        return log_mean(self.logs) >= math.log(THRESHOLD)

    @property
    def is_calm(self) -> bool:
        """Whether no statistic holds anything against the version: all it ever showed has been taken back."""
        return max(self.logs) <= 0


@lru_cache(maxsize=1_024)
def _moves(reference: float) -> tuple[_Move, ...]:
    # between the reference and one, however high the reference is
    rates = (min(ratio * reference, (reference + 1) / 2) for ratio in RATIOS)
    return tuple(
        _Move(math.log1p(-rate) - math.log1p(-reference), math.log(rate) - math.log(reference)) for rate in rates
    )


def upper_bound(bad: int, events: int, confidence: float = 0.95) -> float:
    """The highest rate that `bad` of `events` are still compatible with (Clopper and Pearson, by halving).

    What a frozen window gives as a reference. ValueError where there were no events, or more bad ones.
    """
    if not 0 <= bad <= events or not events:
        raise ValueError(f"{bad} bad of {events} events")
    if bad == events:
        return 1.0
    low, high = bad / events, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(bad, events, middle) > 1 - confidence else (low, middle)
    return high


def _at_most(bad: int, events: int, rate: float) -> float:
    """P(X ≤ bad) for a binomial, where `bad` is below what is expected: summed from there down, while it adds up."""
    log_rate, log_rest = math.log(rate), math.log1p(-rate)
    whole, total = math.lgamma(events + 1), 0.0
    for k in range(bad, -1, -1):
        term = math.exp(
            whole - math.lgamma(k + 1) - math.lgamma(events - k + 1) + k * log_rate + (events - k) * log_rest
        )
        total += term
        if term <= total * _NOTHING:
            break
    return total
