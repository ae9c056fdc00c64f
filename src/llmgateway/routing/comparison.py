"""Two outcomes of one request beside each other: what the primary answered, and what its shadow did.

Pure: rows of the store in, plain values out. `Comparison` is one pair, `Report` what many of them come to.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from llmgateway.domain.exchange import End
from llmgateway.domain.quantile import quantile

Row = Mapping[str, Any]
Shown = dict[str, Any]

# What is told of each side, and the row's field it comes from.
MEASURES: Final = {
    "latency_s": "duration_s",
    "first_token_s": "first_token_s",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "length_bytes": "reply_bytes",
    "cost_usd": "cost_usd",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one side ended. Latency and first token count from the side's own start; None: not known."""

    id: str
    version: str | None
    status: int | None
    end: str | None
    finish_reason: str | None
    measures: Mapping[str, float | None]

    @classmethod
    def of(cls, row: Row) -> "Outcome":
        """Take it from a row of the store."""
        return cls(
            row["id"],
            row["served_version"] or row["assigned_version"],
            row["status"],
            row["end"],
            row["finish_reason"],
            {name: row[field] for name, field in MEASURES.items()},
        )

    @property
    def is_answered(self) -> bool:
        return self.end == End.COMPLETED and self.status is not None and self.status < 400


@dataclass(frozen=True, slots=True)
class Comparison:
    """A primary and its shadow."""

    primary: Outcome
    shadow: Outcome

    @property
    def is_same_status(self) -> bool:
        return (self.primary.status, self.primary.end) == (self.shadow.status, self.shadow.end)

    @property
    def is_answered(self) -> bool:
        """Whether both sides gave an answer, so that there is something to compare."""
        return self.primary.is_answered and self.shadow.is_answered

    @property
    def is_same_finish(self) -> bool:
        return self.primary.finish_reason == self.shadow.finish_reason

    def difference(self, measure: str) -> float | None:
        """By how much the shadow's figure is above the primary's."""
        ours, theirs = self.primary.measures[measure], self.shadow.measures[measure]
        return None if ours is None or theirs is None else theirs - ours

    @property
    def badness(self) -> tuple[bool, bool, float]:
        """Sorts pairs by how far the shadow fell behind: another status, another finish reason, then the slower."""
        ours, theirs = self.primary.measures["latency_s"], self.shadow.measures["latency_s"]
        slower = theirs / ours if ours and theirs else 0.0
        return not self.is_same_status, self.is_answered and not self.is_same_finish, slower

    def shown(self) -> Shown:
        """Everything, JSON-able."""
        primary, shadow = self.primary, self.shadow
        told: Shown = {
            "primary": primary.id,
            "shadow": shadow.id,
            "version": {"primary": primary.version, "shadow": shadow.version},
            "status": {"primary": primary.status, "shadow": shadow.status, "same": self.is_same_status},
            "end": {"primary": primary.end, "shadow": shadow.end},
            "finish_reason": {"primary": primary.finish_reason, "shadow": shadow.finish_reason}
            | {"same": self.is_same_finish},
        }
        for name in MEASURES:
            told[name] = {
                "primary": primary.measures[name],
                "shadow": shadow.measures[name],
                "difference": self.difference(name),
            }
        return told


def compare(primary: Row, shadow: Row) -> Comparison:
    """Set two rows of the store side by side."""
    return Comparison(Outcome.of(primary), Outcome.of(shadow))


@dataclass(slots=True)
class Report:
    """What many comparisons come to. Holds a few numbers a pair; who feeds it bounds the pairs.

    Measures are compared where both sides answered and both have the figure; statuses everywhere.
    """

    worst: int = 5
    pairs: int = 0
    answered: int = 0
    same_status: int = 0
    same_finish: int = 0
    unpaired: int = 0  # copies whose primary is not in the store
    _figures: dict[str, tuple[list[float], list[float]]] = field(
        default_factory=lambda: {name: ([], []) for name in MEASURES}
    )
    _worst: list[tuple[tuple[bool, bool, float], int, Comparison]] = field(default_factory=list)

    def add(self, pair: Comparison) -> None:
        self.pairs += 1
        self.same_status += pair.is_same_status
        if pair.is_answered:
            self.answered += 1
            self.same_finish += pair.is_same_finish
            for name, (ours, theirs) in self._figures.items():
                mine, its = pair.primary.measures[name], pair.shadow.measures[name]
                if mine is not None and its is not None:
                    ours.append(mine)
                    theirs.append(its)
        ranked = (pair.badness, -self.pairs, pair)  # of equals the newest, which came first
        if len(self._worst) < self.worst:
            heapq.heappush(self._worst, ranked)
        elif self.worst:
            heapq.heappushpop(self._worst, ranked)

    def worst_pairs(self) -> list[Comparison]:
        """The worst first."""
        return [pair for _, _, pair in sorted(self._worst, key=lambda each: each[:2], reverse=True)]

    def shown(self) -> Shown:
        """Everything, JSON-able. Shares are 0 to 1, None where there was nothing to take a share of."""
        return {
            "pairs": self.pairs,
            "unpaired": self.unpaired,
            "answered": self.answered,
            "same_status": _share(self.same_status, self.pairs),
            "same_finish_reason": _share(self.same_finish, self.answered),
            "measures": {name: _measured(*both) for name, both in self._figures.items()},
            "worst": [pair.shown() for pair in self.worst_pairs()],
        }


def _measured(ours: Sequence[float], theirs: Sequence[float]) -> Shown:
    differences = [its - mine for mine, its in zip(ours, theirs, strict=True)]
    columns = (("primary", ours), ("shadow", theirs), ("difference", differences))
    return {"pairs": len(ours)} | {name: _quantiles(values) for name, values in columns}


def _quantiles(values: Sequence[float]) -> Shown | None:
    if not values:
        return None
    ordered = sorted(values)
    return {"p50": quantile(ordered, 50), "p95": quantile(ordered, 95)}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
