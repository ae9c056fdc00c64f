"""The test. Given that something bad happened, on which version did it fall?

With the candidate's share of assignments w and its rate of bad events r times the stable version's, a bad event falls
on the candidate with probability q(w, r) = w·r / (w·r + 1 - w), whatever the rate is at that moment: an outage that
hits both changes nothing. E is a mixture of likelihood ratios against a null about r. While the null holds its
expectation is at most one at any time, so it ever reaches 1/alpha with probability at most alpha (Ville), however
often one looks and whenever one stops.

A decision is taken at the first look at which E, made afresh from the counts, is over its threshold. What is
remembered is the decision (a transition, a row in the store), not the largest E: after a restart the same counts give
the same E, and a crossing that nobody looked at is lost without harm to the bound. E is never begun anew at a step,
which would spend alpha again.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final

from llmgateway.rollout.counts import Draw
from llmgateway.rollout.grid import Grid

_Losses = Callable[[float, float, Grid], tuple[float, ...]]

LARGEST: Final = 700.0  # its exponential still is a float


def share(weight: float, ratio: float) -> float:
    """The probability that a bad event fell on the candidate: q(w, r)."""
    return weight * ratio / (weight * ratio + 1 - weight)


def log_e(draws: Iterable[Draw], null: float, grid: Grid) -> float:
    """The logarithm of E against "the ratio is at most `null`" (a grid above one) or "at least" (a grid below one).

    ValueError where the candidate had events at weight 0, or the stable version at weight 1.
    """
    return _log_e(draws, null, grid, _kept)


def log_e_once(draws: Iterable[Draw], null: float, grid: Grid) -> float:
    """The same for a null that is asked about once, which is not kept in mind."""
    return _log_e(draws, null, grid, _losses)


def _log_e(draws: Iterable[Draw], null: float, grid: Grid, losses: _Losses) -> float:
    candidate = 0
    logs = list(grid.log_prior)
    for draw in draws:
        _check(draw)
        candidate += draw.candidate
        events = draw.stable + draw.candidate
        logs = [each - events * loss for each, loss in zip(logs, losses(draw.weight, null, grid), strict=True)]
    return log_sum([each + candidate * gain for each, gain in zip(logs, grid.log_ratios, strict=True)])


def log_e_ceiling(bad: int, units: int, ceiling: float, grid: Grid) -> float:
    """The logarithm of E against "one unit is bad with probability `ceiling` or more", of `bad` among `units`.

    The grid's ratios are shares of the ceiling. ValueError where more were bad than there were.
    """
    if not 0 <= bad <= units:
        raise ValueError(f"{bad} bad of {units} units")
    worst = math.log1p(-ceiling)
    good = units - bad
    return log_sum(
        prior + bad * ratio + good * (math.log1p(-ceiling * math.exp(ratio)) - worst)
        for prior, ratio in zip(grid.log_prior, grid.log_ratios, strict=True)
    )


def log_mean(logs: Sequence[float], weights: Sequence[float] | None = None) -> float:
    """The logarithm of the weighted mean of several E, which is an E whatever they have to do with each other."""
    masses = [1.0] * len(logs) if weights is None else weights
    whole = math.fsum(masses)
    return log_sum(each + math.log(mass / whole) for each, mass in zip(logs, masses, strict=True))


def log_sum(logs: Iterable[float]) -> float:
    """log Σ exp, without overflow."""
    terms = list(logs)
    highest = max(terms)
    return highest + math.log(math.fsum([math.exp(each - highest) for each in terms]))


def value(log: float) -> float:
    """E itself, to be shown."""
    return math.exp(min(log, LARGEST))


def _check(draw: Draw) -> None:
    if (draw.candidate and draw.weight <= 0) or (draw.stable and draw.weight >= 1):
        raise ValueError(f"events on an arm that was given nothing at weight {draw.weight}")


def _losses(weight: float, null: float, grid: Grid) -> tuple[float, ...]:
    """What each event costs each alternative: log((w·r_j + 1 - w) / (w·r_0 + 1 - w))."""
    rest = 1 - weight
    at_null = math.log(weight * null + rest)
    return tuple(math.log(weight * null * math.exp(each) + rest) - at_null for each in grid.log_ratios)


_kept: Final[_Losses] = lru_cache(maxsize=1024)(
    _losses
)  # for weights and nulls of the rollouts that run; 24 floats each
