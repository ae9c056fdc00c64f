"""What people who saw pairs blindly make of them, or a judge: who lost how many, and what that proves. Pure."""

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


JUDGED: Final = {"better": Preferred.WON, "worse": Preferred.LOST, "tie": Preferred.TIE}  # as judges of pairs score
Said = Mapping[str, Mapping[str, Preferred]]
"""What was said of an exchange, by reviewer; by the exchange's id."""

MAX_SAID: Final = 20_000  # words of people that are looked at, the newest
_WORDS: Final = frozenset(Preferred)
_OTHER: Final = {Preferred.WON: Preferred.LOST, Preferred.LOST: Preferred.WON, Preferred.TIE: Preferred.TIE}


@dataclass(frozen=True, slots=True)
class Compared:
    """Pairs that somebody compared, and those that each version lost; the others are ties."""

    pairs: int
    lost: Arms

    @property
    def verdict(self) -> Verdict:
        return verdict(self.lost)

    def shown(self) -> dict[str, Any]:
        return {"pairs": self.pairs, "lost": self.lost._asdict(), "verdict": self.verdict}


def said_of(words: Iterable[tuple[str | None, str, object]]) -> Said:
    """What scores say of pairs: each the exchange's id, the reviewer and the value. Other values are none."""
    found: dict[str, dict[str, Preferred]] = {}
    for exchange_id, reviewer, value in words:
        if exchange_id is not None and value in _WORDS:
            found.setdefault(exchange_id, {})[reviewer] = Preferred(str(value))
    return found


def people_of(found: Iterable[Pair], said: Said) -> Compared:
    """Sum up: a pair is lost by the version that more reviewers think the worse one."""
    opinions = [opinion for pair in found if (opinion := _opinion(pair, said)) is not None]
    return _counted(opinions)


def judged(found: Iterable[Pair], said: Mapping[str, Preferred]) -> Compared:
    """Sum up what one judge said of the candidate's answers, by the exchange's id."""
    words = (said.get(pair.candidate.exchange_id or "") for pair in found)
    return _counted([word for word in words if word is not None])


def _counted(opinions: Sequence[Preferred]) -> Compared:
    return Compared(len(opinions), Arms(opinions.count(Preferred.WON), opinions.count(Preferred.LOST)))


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
    """Which pairs people are to see: at random, of those that were answered. The same draw each time."""
    return sorted(answered(found), key=lambda pair: rank(f"review/{pair.ordinal}", seed))[:count]


def answered(found: Iterable[Pair]) -> list[Pair]:
    """Those in which both versions answered."""
    return [each for each in found if _is_answered(each)]


def _is_answered(pair: Pair) -> bool:
    return all(side.exchange_id is not None and side.end == "completed" for side in (pair.baseline, pair.candidate))
