"""The interval for the ratio: all that the tests have not rejected, so that chart and decision can't disagree."""

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from llmgateway.rollout.counts import Draw
from llmgateway.rollout.eprocess import log_e_once
from llmgateway.rollout.grid import HARM, safe

RANGE: Final = (-7.0, 7.0)  # logarithms of the ratios that are looked at: 0.0009 to 1100
HALVINGS: Final = 30  # to seven digits


class Interval(NamedTuple):
    """Bounds for the ratio; 0 and infinity where nothing is known. Each holds at all times with its own confidence."""

    low: float
    high: float


def interval(draws: Sequence[Draw], alpha: float, beta: float, margin: float) -> Interval:
    """Ratios that neither "at most" at level `alpha` nor "at least" at level `beta` rejects.

    `low` is over a null exactly when the test for harm rejects it, `high` under `margin` when that for no harm does:
    the bets are the same ratios to the null everywhere, and so each E is monotone in its null. Takes milliseconds.
    """
    grid = safe(margin)
    least, most = map(math.exp, RANGE)
    low = _edge(lambda null: log_e_once(draws, null, HARM) < -math.log(alpha), 0.0, most)
    high = _edge(lambda null: log_e_once(draws, null, grid) >= -math.log(beta), least, math.inf)
    return Interval(low, high)


def _edge(is_above: Callable[[float], bool], below: float, beyond: float) -> float:
    """Where `is_above`, false for small ratios and true for large ones, changes: `below` or `beyond` where that is in
    front of all that are looked at, or behind.
    """
    low, high = RANGE
    if is_above(math.exp(low)):
        return below
    if not is_above(math.exp(high)):
        return beyond
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_above(math.exp(middle)) else (middle, high)
    return math.exp((low + high) / 2)
