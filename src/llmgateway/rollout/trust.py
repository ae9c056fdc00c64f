"""What a judge's word may do: nothing by itself, until people have agreed with it often enough."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from llmgateway.rollout.agreement import cohen_kappa

ENOUGH_LABELS: Final = 100
PAUSES: Final = 0.6  # kappa from which it may pause
ROLLS_BACK: Final = 0.75


class Trust(StrEnum):
    """The rungs of the ladder, the lowest first."""

    ADVISORY = "advisory"
    MAY_PAUSE = "may_pause"
    MAY_ROLL_BACK = "may_roll_back"


def trust(labels: int, kappa: float | None) -> Trust:
    """How far a judge is trusted with so many items that people labelled, too, and that agreement with them.

    `kappa` None: there is none, since nobody labelled, or everybody always says the same.
    """
    if labels < ENOUGH_LABELS or kappa is None or kappa < PAUSES:
        return Trust.ADVISORY
    return Trust.MAY_ROLL_BACK if kappa >= ROLLS_BACK else Trust.MAY_PAUSE


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a judge agrees with people: on so many exchanges, with that kappa."""

    labels: int = 0
    kappa: float | None = None

    @property
    def rung(self) -> Trust:
        return trust(self.labels, self.kappa)


_ANSWERS: Final[Mapping[Hashable, bool]] = {"yes": True, "no": False}  # as reviewers are asked


def standing(pairs: Iterable[tuple[Hashable, Hashable]]) -> Standing:
    """Where a judge stands by what it and a person said of the same exchanges, the judge's word first."""
    compared = alike(pairs)
    return Standing(len(compared), cohen_kappa(compared))


def alike(pairs: Iterable[tuple[Hashable, Hashable]]) -> list[tuple[Hashable, Hashable]]:
    """The pairs with both in the judge's values: where it says true or false, a person's yes is true."""
    return [(judge, _ANSWERS.get(person, person) if isinstance(judge, bool) else person) for judge, person in pairs]


UNKNOWN: Final = Standing()
Standings = Mapping[str, Standing]
"""By metric."""
