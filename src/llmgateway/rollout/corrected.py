"""A rate that a judge reports on everything, corrected by what people said of a random part: prediction-powered."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, variance


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate with its standard error. The interval may leave [0, 1] by a little; it is cut off there."""

    rate: float
    error: float

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The normal interval: for one look, not for watching."""
        wide = NormalDist().inv_cdf((1 + confidence) / 2) * self.error
        return max(0.0, self.rate - wide), min(1.0, self.rate + wide)


def corrected(judged: Sequence[float], both: Sequence[tuple[float, float]]) -> Rate:
    """The rate of what people would say. `judged`: the judge's word on items without a person's; `both`: (judge,
    person).

    θ = mean f(judged) + mean (person - judge); var = var(f)/N + var(person - judge)/n. The items of `both` have to be a
    random part. ValueError where either has fewer than two.
    """
    if len(judged) < 2 or len(both) < 2:
        raise ValueError("at least two items on each side")
    errors = [person - judge for judge, person in both]
    spread = variance(judged) / len(judged) + variance(errors) / len(errors)
    return Rate(fmean(judged) + fmean(errors), math.sqrt(spread))
