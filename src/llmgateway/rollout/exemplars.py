"""Which exchanges stand for what was wrong with a candidate: its bad events, then any others, drawn by a hash.

Whoever draws again among the same exchanges gets the same ones, and nobody can pick.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

WANTED: Final = 20


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One exchange of the candidate. `bad`: the metrics in which it was a bad event. `unit`: whose it was.

    `copy`: of its shadow, the exchange at the candidate; `id` is then its primary.
    """

    id: str
    unit: str
    bad: tuple[str, ...] = ()
    copy: str | None = None


def drawn(seen: Iterable[Exemplar], critical: frozenset[str], seed: str, count: int = WANTED) -> list[Exemplar]:
    """At most `count`: bad events of `critical` metrics first, then those of others, then what was not bad.

    Among bad ones every unit has its turn before any has a second: a user with much trouble is one user.
    """
    turns: dict[tuple[int, str], int] = {}
    placed: list[tuple[int, int, bytes, Exemplar]] = []
    for each in sorted(seen, key=lambda each: _chance(seed, each)):
        grade = _grade(each, critical)
        turn = turns.get((grade, each.unit), 0)
        turns[grade, each.unit] = turn + 1
        placed.append((grade, turn if each.bad else 0, _chance(seed, each), each))
    return [each for *_, each in sorted(placed, key=lambda place: place[:3])[:count]]


def _grade(each: Exemplar, critical: frozenset[str]) -> int:
    if critical.intersection(each.bad):
        return 0
    return 1 if each.bad else 2


def _chance(seed: str, each: Exemplar) -> bytes:
    return sha256(f"{seed}\0{each.id}".encode()).digest()
