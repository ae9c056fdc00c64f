"""Drift of a distribution (lengths, languages, finish reasons …): the population stability index, with an honest
threshold.

The habitual "0.1 means drift" ignores how many were counted. If nothing changed, PSI / (1/n + 1/m) is about
chi-squared with one degree fewer than there are bins: that gives a p-value. A real change may still be too small to
matter: a floor.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

FLOOR: Final = 0.02  # smaller changes are no news, however sure
SMOOTHING: Final = 0.5
_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class Shift:
    """How far a distribution moved. `p`: how often as much would come about by chance."""

    psi: float
    p: float


def shift(before: Sequence[int], now: Sequence[int]) -> Shift:
    """Compare counts in the same bins. ValueError where bins differ or are fewer than two, or a side has no counts."""
    if len(before) != len(now) or len(before) < 2:
        raise ValueError("two bins or more, the same on both sides")
    n, m = sum(before), sum(now)
    if not n or not m or min(*before, *now) < 0:
        raise ValueError("counts on both sides")
    bins = len(before)
    index = math.fsum(
        _term((b + SMOOTHING) / (n + bins * SMOOTHING), (a + SMOOTHING) / (m + bins * SMOOTHING))
        for b, a in zip(before, now, strict=True)
    )
    return Shift(index, chi_squared_above(index / (1 / n + 1 / m), bins - 1))


def threshold(n: int, m: int, bins: int, alpha: float = 0.01) -> float:
    """The PSI that `n` and `m` counts in `bins` bins exceed with probability `alpha` though nothing changed."""
    return (1 / n + 1 / m) * chi_squared_quantile(1 - alpha, bins - 1)


def drifted(shifts: Mapping[str, Shift], alpha: float = 0.01, floor: float = FLOOR) -> list[str]:
    """Which features moved: surely, though several were looked at (Holm), and by enough. In alphabetical order."""
    p_values = {name: each.p for name, each in shifts.items()}
    return sorted(name for name in holm(p_values, alpha) if shifts[name].psi >= floor)


def holm(p_values: Mapping[str, float], alpha: float) -> set[str]:
    """The hypotheses that Holm's procedure rejects: any false rejection among them has probability at most `alpha`."""
    rejected: set[str] = set()
    for number, name in enumerate(sorted(p_values, key=lambda each: p_values[each])):
        if p_values[name] > alpha / (len(p_values) - number):
            break
        rejected.add(name)
    return rejected


def chi_squared_quantile(probability: float, degrees: int) -> float:
    """What chi-squared stays below with `probability`, by Wilson and Hilferty: to a percent, from 3 degrees on."""
    spread = 2 / (9 * degrees)
    return degrees * max(0.0, 1 - spread + _NORMAL.inv_cdf(probability) * math.sqrt(spread)) ** 3


def chi_squared_above(value: float, degrees: int) -> float:
    """The probability that chi-squared exceeds `value`: the inverse of `chi_squared_quantile`."""
    spread = 2 / (9 * degrees)
    return _NORMAL.cdf(-((max(value, 0.0) / degrees) ** (1 / 3) - 1 + spread) / math.sqrt(spread))


def _term(before: float, now: float) -> float:
    return (now - before) * math.log(now / before)
