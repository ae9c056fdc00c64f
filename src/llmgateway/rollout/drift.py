"""Drift of a yes/no signal (refused, blocked, truncated …) of one version: an e-CUSUM, which may be watched for ever.

For each alternative rate p the statistic is M ← max(1, M)·L, with L the likelihood ratio of p to the reference rate.
While the rate is at most the reference, the mean number of events until the weighted mean of them reaches A is at
least A.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from llmgateway.rollout.eprocess import log_mean, value

RATIOS: Final = (1.5, 2.0, 4.0, 8.0)  # of the reference rate
THRESHOLD: Final = 1e4  # A: one false alarm in ten thousand events, at the most and on average
LARGEST_RATE: Final = 0.9


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
        for log, rate in zip(self.logs, self._rates(), strict=True):
            fall = math.log1p(-rate) - math.log1p(-self.reference)
            moved = max(max(0.0, log) + good * fall, fall) if good else log
            logs.append(max(0.0, moved) + math.log(rate / self.reference) if is_bad else moved)
        return type(self)(self.reference, tuple(logs))

    @property
    def evidence(self) -> float:
        """The weighted mean of the statistics: an alarm at `THRESHOLD`."""
        return value(log_mean(self.logs))

    @property
    def is_alarmed(self) -> bool:
        return log_mean(self.logs) >= math.log(THRESHOLD)

    def _rates(self) -> Iterable[float]:
        # between the reference and one, however high the reference is
        return (min(ratio * self.reference, (self.reference + 1) / 2) for ratio in RATIOS)


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
    """P(X ≤ bad) for a binomial, summed: a window has some thousands of events."""
    log_rate, log_rest = math.log(rate), math.log1p(-rate)
    whole = math.lgamma(events + 1)
    return math.fsum(
        math.exp(whole - math.lgamma(k + 1) - math.lgamma(events - k + 1) + k * log_rate + (events - k) * log_rest)
        for k in range(bad + 1)
    )
