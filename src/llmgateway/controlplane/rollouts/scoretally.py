"""What scores add to the evidence of one rollout, counted in the transaction that makes them valid.

A score counts for the version and the weight epoch that its exchange was assigned, however late it comes. What is
judged for the first time is a unit; the first bad word is a bad unit, and stays one: what was decided on it is not
undone when somebody takes it back. That a word was taken back before it came in, or in which order words came, makes
no difference either, so that the evidence is the same whoever was slow. Marks in the store keep what several say, or
say again, from counting twice.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from llmgateway.controlplane.rollouts import policy
from llmgateway.controlplane.rollouts.judging import is_ours
from llmgateway.controlplane.rollouts.tally import assigned_arm, counted, sums_of
from llmgateway.domain.score import Score, SourceKind
from llmgateway.domain.scorerule import ScoreRule
from llmgateway.ports.rollouts import Added, RolloutRecord, ScoreTallies, UnitMark
from llmgateway.rollout.rollout import TERMINAL
from llmgateway.rollout.units import Seen

log = logging.getLogger(__name__)


def score_tallies(now: Callable[[], float]) -> ScoreTallies:
    """Who counts scores, at the Unix time that `now` tells. Called in the store's thread."""
    return lambda record: score_tally(record, now())


def score_tally(record: RolloutRecord, at: float) -> "ScoreTally | None":
    """Who counts the scores of this rollout's exchanges; None where none count."""
    if not record.policy.get("scores") or record.state in TERMINAL:  # by its name
        return None
    try:
        return ScoreTally(record, policy.read_scores(record.policy), at)
    except (ValueError, KeyError, TypeError):
        log.exception("rollout %s of %s can't be read, and no scores count for it", record.id, record.route)
        return None


class ScoreTally:
    """One rollout's part of some scores (ports.rollouts.ScoreTally)."""

    def __init__(self, record: RolloutRecord, rules: Mapping[str, ScoreRule], at: float) -> None:
        self.rollout = record.id
        self._record = record
        self._rules = rules
        self._seen: list[Seen] = []
        self._at = at

    @property
    def units(self) -> Collection[str]:
        return {seen.unit for seen in self._seen}

    def add(self, score: Score, exchange: dict[str, Any]) -> None:
        """Take a score that has become valid."""
        arm = assigned_arm(exchange, self._record)
        found = dict(self._judged(score))
        if arm is None or not found or is_ours(exchange):
            return
        epoch, is_candidate = arm
        said = tuple(found) if score.source_kind is SourceKind.USER else ()
        self._seen.append(Seen(exchange["unit"] or exchange["id"], epoch, is_candidate, found, said))

    def count(self, marked: Collection[UnitMark]) -> Added:
        marks, parts = counted(self._seen, marked, assigns=False)
        return Added(marks, sums_of(parts, self._seen, self._at))

    def _judged(self, score: Score) -> Iterator[tuple[str, bool]]:
        for name, rule in self._rules.items():
            if rule.reads(score) and (is_bad := rule.is_bad(score)) is not None:
                yield name, is_bad
