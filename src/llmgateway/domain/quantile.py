"""Percentiles of figures that were measured."""

import math
from collections.abc import Sequence


def quantile(ordered: Sequence[float], percentile: float) -> float:
    """The smallest of the sorted `ordered` that `percentile` of a hundred do not exceed (nearest rank).

    IndexError where there is none.
    """
    rank = math.ceil(len(ordered) * percentile / 100)
    return ordered[min(len(ordered), max(1, rank)) - 1]
