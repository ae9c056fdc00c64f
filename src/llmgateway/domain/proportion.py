"""How sure one may be of a share or a mean, in plain arithmetic."""

import math
from typing import Final

Z: Final = 1.959963984540054  # of 95 %, both sides


def wilson(hits: int, of: int, z: float = Z) -> tuple[float, float]:
    """Wilson's interval for a share, `hits` of `of`; (0, 1) where nothing was seen."""
    if of <= 0:
        return 0.0, 1.0
    share, square = hits / of, z * z / of
    middle = (share + square / 2) / (1 + square)
    reach = z / (1 + square) * math.sqrt(share * (1 - share) / of + square / (4 * of))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def mean_interval(total: float, squares: float, of: int, z: float = Z) -> tuple[float, float] | None:
    """The normal interval for a mean, of a sum and a sum of squares; None for fewer than two."""
    if of < 2:
        return None
    mean = total / of
    variance = max(0.0, (squares - of * mean * mean) / (of - 1))
    reach = z * math.sqrt(variance / of)
    return mean - reach, mean + reach
