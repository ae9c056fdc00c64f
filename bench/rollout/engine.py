"""The tests under examination, as the gateway has them; and with the arms swapped, which has to be noticed. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from llmgateway.rollout.counts import Draw
from llmgateway.rollout.eprocess import log_e, log_e_ceiling, log_mean
from llmgateway.rollout.grid import CLEAN, HARM, safe

ALPHA: Final = 0.05
MARGIN: Final = 1.5
THRESHOLD: Final = -math.log(ALPHA)


class Swap(StrEnum):
    """A mistake in the plumbing."""

    NONE = "none"
    ARMS = "arms"  # stable is taken for the candidate, with its share
    COUNTS = "counts"  # only their counts are


@dataclass(frozen=True, slots=True)
class Engine:
    """Logarithms of E from counts."""

    swap: Swap = Swap.NONE

    def harm(self, draws: Sequence[Draw]) -> float:
        """Against "at most as bad"."""
        return log_e(self._wired(draws), 1.0, HARM)

    def relative(self, draws: Sequence[Draw], margin: float = MARGIN) -> float:
        """Against "at least `margin` times as bad"."""
        return log_e(self._wired(draws), margin, safe(margin))

    def harmless(self, draws: Sequence[Draw], bad: int, units: int, ceiling: float) -> float:
        """Against "at least `MARGIN` times as bad and above the ceiling"."""
        return log_mean([self.relative(draws), log_e_ceiling(bad, units, ceiling, CLEAN)])

    def _wired(self, draws: Sequence[Draw]) -> list[Draw]:
        if self.swap is Swap.NONE:
            return list(draws)
        keep = self.swap is Swap.COUNTS
        return [Draw(weight if keep else 1 - weight, candidate, stable) for weight, stable, candidate in draws]


RIGHT: Final = Engine()
Region = tuple[int, int]  # how many candidate events, from and to, put E over the threshold


def regions(log_of: Callable[[int, int], float], events: int, threshold: float = THRESHOLD) -> list[Region]:
    """For each number of bad events, up to `events`, how many on the candidate decide. `log_of(candidate, all)` is
    monotone.

    This is what makes simulating cheap: whether a path has crossed takes two comparisons, and not an E.
    """
    found: list[Region] = [(1, 0)]
    low, high = 0, -1
    for n in range(1, events + 1):
        if log_of(n, n) >= log_of(0, n):
            while low <= n and log_of(low, n) < threshold:
                low += 1
            found.append((low, n))
        else:
            while high < n and log_of(high + 1, n) >= threshold:
                high += 1
            found.append((0, high))
    return found


@lru_cache(maxsize=64)
def harm_regions(engine: Engine, weight: float, events: int, threshold: float = THRESHOLD) -> list[Region]:
    """Where a rollback is decided at one weight."""
    return regions(lambda c, n: engine.harm([Draw(weight, n - c, c)]), events, threshold)


@lru_cache(maxsize=64)
def safe_regions(engine: Engine, weight: float, margin: float, events: int) -> list[Region]:
    """Where the relative test alone shows no harm."""
    return regions(lambda c, n: engine.relative([Draw(weight, n - c, c)], margin), events)


def crossed(decided: Sequence[Region], share: float, random: Callable[[], float]) -> int | None:
    """After how many bad events a path is decided, if each falls on the candidate with probability `share`."""
    candidate = 0
    for n in range(1, len(decided)):
        if random() < share:
            candidate += 1
        low, high = decided[n]
        if low <= candidate <= high:
            return n
    return None


def exactly(decided: Sequence[Region], share: float) -> float:
    """The probability that a path is decided at all: no simulation, every path."""
    alive, offset, gone = [1.0], 0, 0.0
    for n in range(1, len(decided)):
        stepped = [0.0] * (len(alive) + 1)
        for at, mass in enumerate(alive):
            stepped[at] += mass * (1 - share)
            stepped[at + 1] += mass * share
        low, high = decided[n]
        for candidate in range(max(low, offset), min(high, offset + len(stepped) - 1) + 1):
            gone += stepped[candidate - offset]
            stepped[candidate - offset] = 0.0
        alive, offset = _trimmed(stepped, offset)
    return gone


def _trimmed(masses: list[float], offset: int, least: float = 1e-14) -> tuple[list[float], int]:
    first = next((at for at, mass in enumerate(masses) if mass > least), 0)
    last = next((at for at in range(len(masses) - 1, -1, -1) if masses[at] > least), 0)
    return masses[first : last + 1], offset + first
