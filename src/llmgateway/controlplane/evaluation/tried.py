"""What evaluators say of exchanges in the log, summed up by route and version. Pure; nothing is written."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from llmgateway.controlplane.evaluation.batch import Material, judged
from llmgateway.controlplane.evaluation.figures import Result
from llmgateway.controlplane.evaluation.panel import Member, result_of
from llmgateway.controlplane.evaluation.usual import Usual
from llmgateway.domain.proportion import wilson
from llmgateway.ports.evaluator import Given, Unknown
from llmgateway.ports.store import Row

MAX_EXAMPLES: Final = 5


@dataclass(slots=True)
class Line:
    """One evaluator on one version of one route."""

    judged: int = 0
    bad: int = 0
    failed: int = 0
    total: float = 0.0  # of the first score, where that is a number
    numbers: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)  # exchanges that were bad, the newest

    def shown(self) -> dict[str, Any]:
        low, high = wilson(self.bad, self.judged)
        return {
            "judged": self.judged,
            "bad": self.bad,
            "share": self.bad / self.judged if self.judged else None,
            "interval": [low, high] if self.judged else None,
            "mean": self.total / self.numbers if self.numbers else None,
            "unknown": dict(self.unknown),
            "failed": self.failed,
            "examples": self.examples,
        }


class Tried:
    """Take batches, newest first; then `shown`."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._lines: dict[tuple[str, str, str], Line] = {}
        self._usual = Usual()
        self._columns = frozenset(column for each in members for column in each.plugin.measures)
        self.exchanges = 0

    def add(self, rows: Iterable[Row], material: Material) -> None:
        """Judge a batch. What is usual is learnt from the first exchanges that come."""
        for row in rows:
            self.exchanges += 1
            self._usual.add(row, self._columns)
        for member, judged_row, said in judged(material, self._usual):
            line = self._line(judged_row, member.name)
            if said is None:
                line.failed += 1
            elif isinstance(said, Unknown):
                line.unknown[str(said.why)] += 1
            else:
                _count(line, judged_row, said)  # type: ignore[arg-type]  # scores: nobody here asks

    def _line(self, row: Mapping[str, Any], name: str) -> Line:
        version = row.get("assigned_version") or row.get("served_version") or "none"
        return self._lines.setdefault((row.get("route") or "none", version, name), Line())

    def shown(self) -> list[dict[str, Any]]:
        """A line for each evaluator, version and route."""
        return [
            {"route": route, "version": version, "evaluator": name} | line.shown()
            for (route, version, name), line in sorted(self._lines.items())
        ]


def _count(line: Line, row: Mapping[str, Any], given: Sequence[Given]) -> None:
    line.judged += 1
    if result_of(given) is Result.BAD:
        line.bad += 1
        if len(line.examples) < MAX_EXAMPLES:
            line.examples.append(row["id"])
    value = given[0].value if given else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        line.total += value
        line.numbers += 1
