"""What people who saw pairs blindly make of them: who lost how many, and what that proves. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from llmgateway.replaying.pairs import Pair
from llmgateway.replaying.sample import rank
from llmgateway.rollout.counts import Arms
from llmgateway.rollout.pairs import Verdict, verdict

QUESTION: Final = "preference"  # of the schema that pairs are reviewed by


class Preferred(StrEnum):
    """What a reviewer said of the candidate's answer beside the baseline's."""

    WON = "won"
    LOST = "lost"
    TIE = "tie"


Said = Mapping[str, Mapping[str, Preferred]]
"""What was said of an exchange, by reviewer; by the exchange's id."""

_OTHER: Final = {Preferred.WON: Preferred.LOST, Preferred.LOST: Preferred.WON, Preferred.TIE: Preferred.TIE}


@dataclass(frozen=True, slots=True)
class People:
    """Pairs that were reviewed, and those that each version lost; the others are ties."""

    pairs: int
    lost: Arms

    @property
    def verdict(self) -> Verdict:
        return verdict(self.lost)

    def shown(self) -> dict[str, Any]:
        return {"pairs": self.pairs, "lost": self.lost._asdict(), "verdict": self.verdict}


def people_of(found: Iterable[Pair], said: Said) -> People:
    """Sum up: a pair is lost by the version that more reviewers think the worse one."""
    opinions = [opinion for pair in found if (opinion := _opinion(pair, said)) is not None]
    lost = Arms(opinions.count(Preferred.WON), opinions.count(Preferred.LOST))
    return People(len(opinions), lost)


def _opinion(pair: Pair, said: Said) -> Preferred | None:
    """None: nobody has compared these two. What was said of either beside another answer does not count."""
    ours, theirs = (said.get(side.exchange_id or "", {}) for side in (pair.baseline, pair.candidate))
    counts = Counter(word for who, word in theirs.items() if ours.get(who) is _OTHER[word])
    if not counts:
        return None
    balance = counts[Preferred.WON] - counts[Preferred.LOST]
    if balance == 0:
        return Preferred.TIE
    return Preferred.WON if balance > 0 else Preferred.LOST


def drawn(found: Iterable[Pair], count: int, seed: int) -> Sequence[Pair]:
    """Which pairs people are to see: at random, of those in which both versions answered. The same draw each time."""
    answered = [each for each in found if _is_answered(each)]
    return sorted(answered, key=lambda pair: rank(f"review/{pair.ordinal}", seed))[:count]


def _is_answered(pair: Pair) -> bool:
    return all(side.exchange_id is not None and side.end == "completed" for side in (pair.baseline, pair.candidate))
