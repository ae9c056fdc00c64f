"""A rate that a judge reports on everything, corrected by what people said of a random part: prediction-powered."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, variance


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate with its standard error. The interval may leave [0, 1] by a little; it is cut off there."""

    rate: float
    error: float

    @property
    def share(self) -> float:
        """The rate as a share: within [0, 1], as its interval is."""
        return min(1.0, max(0.0, self.rate))

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The normal interval: for one look, not for watching."""
        wide = NormalDist().inv_cdf((1 + confidence) / 2) * self.error
        return max(0.0, self.rate - wide), min(1.0, self.rate + wide)


@dataclass(frozen=True, slots=True)
class Corrected:
    """A rate, and what it rests on: so many that only the judge has seen, and so many that people have seen, too."""

    rate: Rate
    judged: int
    labelled: int


def corrected_of(said: Iterable[tuple[bool | None, bool | None]]) -> Corrected | None:
    """The rate of what people would find bad. `said`: whether the judge did, and whether a person did, who has seen a
    random part; None: said nothing of the kind. None where either has seen fewer than two.
    """
    items = [(judge, person) for judge, person in said if judge is not None]
    judged = [float(judge) for judge, person in items if person is None]
    both = [(float(judge), float(person)) for judge, person in items if person is not None]
    if len(judged) < 2 or len(both) < 2:
        return None
    return Corrected(corrected(judged, both), len(judged), len(both))


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
