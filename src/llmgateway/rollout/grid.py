"""Which ratios a test bets on, and how much on each: the fixed alternatives that its mixture is made of."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

POINTS: Final = 24
SAFE_AT: Final = (0.25, 1.1)  # what a candidate that does no harm may turn out to be, in ratios


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Alternatives as logarithms of their ratio to the null, and the logarithm of the prior mass on each."""

    log_ratios: tuple[float, ...]
    log_prior: tuple[float, ...]

    @classmethod
    def weighed(cls, ratios: Iterable[float], masses: Iterable[float]) -> Self:
        """Make one of ratios and the masses on them, which need not add up to one."""
        weights = list(masses)
        whole = math.fsum(weights)
        return cls(tuple(map(math.log, ratios)), tuple(math.log(each / whole) for each in weights))


def spaced(low: float, high: float, points: int = POINTS) -> list[float]:
    """`points` values from `low` to `high`, at equal steps of their logarithm."""
    step = (high / low) ** (1 / (points - 1))
    return [low * step**number for number in range(points)]


def log_normal(ratios: Iterable[float], centre: float, sigma: float) -> list[float]:
    """The density of a log-normal at each ratio, up to a constant."""
    return [math.exp(-0.5 * (math.log(each / centre) / sigma) ** 2) for each in ratios]


def _harm() -> Grid:
    ratios = spaced(1.1, 16.0)
    return Grid.weighed(ratios, log_normal(ratios, 2.0, 0.7))


def _unequal() -> Grid:
    up = spaced(1.02, 4.0, POINTS // 2)
    ratios = [1 / each for each in reversed(up)] + up
    return Grid.weighed(ratios, log_normal(ratios, 1.0, 0.3))


def _clean() -> Grid:
    return Grid.weighed(spaced(0.02, 0.9), [1.0] * POINTS)


@lru_cache(maxsize=64)  # a plan has one margin
def safe(margin: float) -> Grid:
    """Bets on a ratio near one, as seen from the null "at least `margin`". ValueError where that is too near to one."""
    if margin <= SAFE_AT[1]:
        raise ValueError(f"the margin must be above {SAFE_AT[1]}: below it nothing could be told from no harm")
    ratios = spaced(*SAFE_AT)
    return Grid.weighed([each / margin for each in ratios], log_normal(ratios, 1.0, 0.25))


HARM: Final = _harm()  # against "at most": worse by 10 % up to sixteen times, most likely twice
UNEQUAL: Final = _unequal()  # against "equal": more or fewer, most likely by a little
CLEAN: Final = _clean()  # against "the rate is at least the ceiling": shares of the ceiling
