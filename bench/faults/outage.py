"""What one backend of several went through, told from the attempts in the store. Pure.

An ejected backend is asked no more, apart from a probe now and then: so it is *out* from where its attempts get rare,
and *back* from where they are no longer.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

DENSE_S: Final = 0.5  # attempts closer than this are traffic, others are probes
ROW: Final = 5  # of them in a row


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at one backend; `at` in seconds of the wall clock."""

    at: float
    backend: str
    is_ok: bool


def out_after(attempts: Sequence[Attempt], backend: str, since: float, until: float) -> float | None:
    """Seconds from `since` to the last attempt before the first pause in its traffic; None: no pause up to `until`."""
    times = sorted(each.at for each in attempts if each.backend == backend and since <= each.at < until)
    last = since
    for at in [*times, until]:
        if at - last > DENSE_S:
            return last - since
        last = at
    return None


def back_after(attempts: Sequence[Attempt], backend: str, since: float) -> float | None:
    """Seconds from `since` to the first of some good attempts that follow each other closely; None: that never came."""
    times = sorted(each.at for each in attempts if each.backend == backend and each.is_ok and each.at >= since)
    for start in range(len(times) - ROW + 1):
        row = times[start : start + ROW]
        if all(later - earlier <= DENSE_S for earlier, later in itertools.pairwise(row)):
            return row[0] - since
    return None


def share(attempts: Sequence[Attempt], backend: str, since: float, until: float) -> float:
    """The part of all attempts in a stretch of time that went to one backend."""
    within = [each for each in attempts if since <= each.at < until]
    return sum(each.backend == backend for each in within) / len(within) if within else 0.0
