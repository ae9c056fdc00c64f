"""When a replay may stop: the pairs say enough, or the money is gone. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from llmgateway.replaying.pairs import Pair, lost
from llmgateway.rollout import pairs
from llmgateway.rollout.counts import Arms
from llmgateway.rollout.pairs import Verdict

ALPHA: Final = 0.04  # how often two equal versions are ever called different, at most: leaves room under one in twenty
BETA: Final = 0.05
MARGIN: Final = 1.5


class Ended(StrEnum):
    """Why a replay stopped."""

    DONE = "done"  # every item was asked
    WORSE = "worse"  # more pairs could not change it
    COST = "cost"  # the next pair might have cost more than was left
    UNPRICED = "unpriced"  # an answer came whose price nobody knows, under a cap


@dataclass(slots=True)
class Evidence:
    """The pairs lost so far, looked at after each one."""

    lost: Arms = field(default_factory=Arms)
    pairs: int = 0
    verdict: Verdict = Verdict.OPEN
    decided_at: int | None = None  # pairs, when WORSE was first said

    def add(self, pair: Pair) -> None:
        """Count a pair. Once the candidate was called worse, that stays."""
        self.pairs += 1
        who = lost(pair)
        self.lost = self.lost.plus(who)
        if self.verdict is Verdict.WORSE or not who.both:
            return
        self.verdict = pairs.verdict(self.lost, alpha=ALPHA, beta=BETA, margin=MARGIN)
        if self.verdict is Verdict.WORSE:
            self.decided_at = self.pairs


def evidence_of(found: Iterable[Pair]) -> Evidence:
    """The evidence of pairs in the order of their items."""
    evidence = Evidence()
    for pair in found:
        evidence.add(pair)
    return evidence


@dataclass(slots=True)
class Budget:
    """What a replay may cost. `expected`: of a pair, by the estimate; None: not known before the first answers."""

    cap_usd: float | None
    expected: float | None = None
    spent_usd: float = 0.0
    dearest: float = 0.0
    is_unpriced: bool = False

    def add(self, pair: Pair) -> None:
        """Count what a pair cost."""
        cost = pair.cost_usd
        if cost is None:
            self.is_unpriced = True
            known = [side.cost_usd or 0.0 for side in (pair.baseline, pair.candidate)]
            cost = sum(known)
        self.spent_usd += cost
        self.dearest = max(self.dearest, cost)

    def room(self, wanted: int) -> int:
        """How many pairs may be asked now. Each is reckoned at the dearest so far, or at twice what was expected."""
        if self.cap_usd is None:
            return wanted
        each = max(self.dearest, 2 * (self.expected or 0.0))
        if self.is_unpriced:
            return 0
        if not each:
            return min(wanted, 1) if self.spent_usd < self.cap_usd else 0
        return max(0, min(wanted, int((self.cap_usd - self.spent_usd) / each)))
