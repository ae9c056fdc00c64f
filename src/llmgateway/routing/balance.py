"""Which of several backends that may answer: one function a strategy. Pure: what is random or timed is handed in.

Candidates are backends of one version, none of them tried in this exchange. A suspect (it fails, and would be out if
it could be spared) is among them, and each strategy has its own way of asking it little.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from llmgateway.config.snapshot import Balance
from llmgateway.routing.standing import Standing

BOUND: Final = 1.25  # times the mean load: how much more a backend may carry for its cache's sake
SUSPECT: Final = 10.0  # times as busy, or as light, as it looks
_MIX: Final = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio
_MASK: Final = 2**64 - 1


@dataclass(slots=True)
class Wish:
    """What an exchange brings to the choice. `draw`: random in [0, 1). `affinity`: what its prompt begins with."""

    now: float
    draw: Callable[[], float]
    affinity: Callable[[], int | None]
    may_try: bool = True  # it may be the one attempt that finds out whether a backend is well again
    rank: int = 1  # in queues


Strategy = Callable[[Sequence[Standing], Wish], Standing]


def least_busy(candidates: Sequence[Standing], wish: Wish) -> Standing:
    """The better of two drawn ones: power of two choices, so that nobody runs after the one that looks idle."""
    count = len(candidates)
    if count == 1:
        return candidates[0]
    at = int(wish.draw() * count)
    other = (at + 1 + int(wish.draw() * (count - 1))) % count
    return _less_busy(candidates[at], candidates[other], wish.now)


def weighted(candidates: Sequence[Standing], wish: Wish) -> Standing:
    """In proportion to their weights."""
    weights = [each.backend.weight / (SUSPECT if each.is_suspect else 1.0) for each in candidates]
    point = wish.draw() * sum(weights)
    for each, weight in zip(candidates, weights, strict=True):
        point -= weight
        if point < 0:
            return each
    return candidates[-1]  # rounding at the far end


def ordered(candidates: Sequence[Standing], wish: Wish) -> Standing:  # noqa: ARG001 - a strategy's signature
    """The first one, as the version names them."""
    return next((each for each in candidates if not each.is_suspect), candidates[0])


def prefix(candidates: Sequence[Standing], wish: Wish) -> Standing:
    """Always the same one for the same beginning, while its load is within 1.25 times the mean; then the next in line.

    Rendezvous hashing: when a backend leaves, only what it had moves. Bounded load after Mirrokni and others (2018).
    """
    affinity = wish.affinity()
    if affinity is None:
        return least_busy(candidates, wish)
    bound = math.ceil(BOUND * (sum(each.in_flight for each in candidates) + 1) / len(candidates))
    line = sorted(candidates, key=lambda each: _distance(affinity, each), reverse=True)
    for each in line:
        if not each.is_suspect and each.in_flight < bound:
            return each
    return ordered(line, wish)


STRATEGIES: Final[Mapping[Balance, Strategy]] = {
    Balance.LEAST_BUSY: least_busy,
    Balance.WEIGHTED: weighted,
    Balance.ORDERED: ordered,
    Balance.PREFIX: prefix,
}


def _less_busy(one: Standing, other: Standing, now: float) -> Standing:
    mine, theirs = float(one.in_flight + 1), float(other.in_flight + 1)
    my_speed, their_speed = one.speed(now), other.speed(now)
    if my_speed and their_speed:  # else one of them is new, and only how many are there can be compared
        mine, theirs = mine * my_speed, theirs * their_speed
    if one.is_suspect:
        mine *= SUSPECT
    if other.is_suspect:
        theirs *= SUSPECT
    return one if mine <= theirs else other


def _distance(affinity: int, standing: Standing) -> int:
    mixed = ((affinity ^ standing.seed) * _MIX) & _MASK
    mixed = ((mixed ^ (mixed >> 29)) * _MIX) & _MASK
    return mixed ^ (mixed >> 32)
