"""What a batch has come to: scores to write, questions to ask, and what is counted."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from llmgateway.controlplane.evaluation.batch import Spoken
from llmgateway.controlplane.evaluation.figures import Figures, Result
from llmgateway.controlplane.evaluation.panel import Member, asker, is_own, result_of, scores_of
from llmgateway.controlplane.evaluation.questions import Asked
from llmgateway.controlplane.evaluation.sampling import is_wanted, place
from llmgateway.domain.score import BadScoreError, Score
from llmgateway.ports.evaluator import Given, Unknown, Why

log = logging.getLogger(__name__)


class Heard:
    """Take everything that was said, then count it where it is saved."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._ran: Counter[tuple[str, Result]] = Counter()
        self._skipped: Counter[tuple[str, str]] = Counter()
        self.scores: list[Score] = []
        self.asked: list[Asked] = []

    def take(self, spoken: Spoken) -> None:
        """Hear one evaluator on one exchange."""
        member, row, said = spoken
        if said is None:
            self._ran[member.name, Result.FAILED] += 1
        elif isinstance(said, Unknown):
            self._skipped[member.name, said.why] += 1
        elif member.asks:
            self.asked.append(Asked(member, row["id"], said))  # type: ignore[arg-type]  # questions, since it asks
        else:
            self._take_scores(member, row["id"], said)  # type: ignore[arg-type]  # scores, since it does not

    def _take_scores(self, member: Member, row_id: str, given: Sequence[Given]) -> None:
        try:
            self.scores += scores_of(member, row_id, given, self._now)
            result = result_of(given)
        except (BadScoreError, AttributeError, TypeError):
            log.warning("evaluator %s gives what is no score", member.name)
            result = Result.FAILED
        self._ran[member.name, result] += 1

    def count(self, figures: Figures) -> None:
        """Add it to the figures."""
        for (name, result), count in self._ran.items():
            figures.ran(name, result, self._now, count)
        for (name, why), count in self._skipped.items():
            figures.skip(name, why, count)


def count_rows(figures: Figures, rows: Sequence[Mapping[str, Any]], members: Sequence[Member], now: float) -> None:
    """What the rows themselves tell: what is usual, what questions have cost, and who is outside the shares."""
    columns = frozenset(column for each in members if not each.asks for column in each.plugin.measures)
    partly = [each for each in members if each.definition.sample < 1]
    for row in rows:
        figures.usual.add(row, columns)
        if (member := asker(row, members)) is not None:
            figures.paid(member.name, row.get("cost_usd"), now)
        if not partly or is_own(row, members):
            continue
        at = place(row)
        for each in partly:
            if at >= each.definition.sample and is_wanted(row, each.definition):
                figures.skip(each.name, Why.NOT_SAMPLED)
