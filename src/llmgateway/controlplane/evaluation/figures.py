"""What evaluators have done, as the figures behind /metrics and their budgets. Saved with the scores they count."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self

from llmgateway.controlplane.evaluation.usual import Usual
from llmgateway.ports.evaluator import Why

log = logging.getLogger(__name__)
_UNKNOWN_REASON: Final = Why.OTHER
_REASONS: Final = frozenset(Why)


class Result(StrEnum):
    """What came of a run."""

    GOOD = "good"
    BAD = "bad"
    FAILED = "failed"  # the plug-in did
    JUDGE_ERROR = "judge_error"  # no answer, or one that says nothing; never a bad score


@dataclass(slots=True)
class Spent:
    """What one evaluator has used up on one day (UTC)."""

    day: str = ""
    cost: float = 0.0
    questions: int = 0


@dataclass(slots=True)
class Figures:
    """By evaluator, and by result or reason. `cursor`: how far in the store was looked; None: nowhere yet."""

    cursor: int | None = None
    runs: dict[tuple[str, str], int] = field(default_factory=dict)
    skipped: dict[tuple[str, str], int] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)
    last_success: dict[str, float] = field(default_factory=dict)
    spent: dict[str, Spent] = field(default_factory=dict)
    usual: Usual = field(default_factory=Usual)

    def move(self, cursor: int) -> None:
        """Everything up to here has been looked at."""
        self.cursor = cursor

    def ran(self, name: str, result: Result, at: float, count: int = 1) -> None:
        self.runs[name, result.value] = self.runs.get((name, result.value), 0) + count
        if result in {Result.GOOD, Result.BAD}:
            self.last_success[name] = at

    def skip(self, name: str, why: str, count: int = 1) -> None:
        reason = why if why in _REASONS else _UNKNOWN_REASON
        self.skipped[name, str(reason)] = self.skipped.get((name, str(reason)), 0) + count

    def today(self, name: str, at: float) -> Spent:
        """What was spent today; it begins anew with each day."""
        day = datetime.fromtimestamp(at, UTC).date().isoformat()
        spent = self.spent.setdefault(name, Spent())
        if spent.day != day:
            spent.day, spent.cost, spent.questions = day, 0.0, 0
        return spent

    def paid(self, name: str, cost: float | None, at: float) -> None:
        """A question of this evaluator's is in the log, with what it cost; None: nobody knows."""
        self.cost[name] = self.cost.get(name, 0.0) + (cost or 0.0)
        self.today(name, at).cost += cost or 0.0

    def keep_only(self, names: Mapping[str, object]) -> None:
        """Forget evaluators that the configuration names no more; the others have their zeros."""
        for counts in (self.runs, self.skipped):
            for key in [key for key in counts if key[0] not in names]:
                del counts[key]
        for gone in self.spent.keys() - names.keys():
            del self.spent[gone]
        for times in (self.cost, self.last_success):
            for gone in times.keys() - names.keys():
                del times[gone]
        for name in names:
            for result in Result:
                self.runs.setdefault((name, result.value), 0)

    def copy(self) -> Self:
        """The figures as they are now."""
        return replace(
            self,
            runs=dict(self.runs),
            skipped=dict(self.skipped),
            cost=dict(self.cost),
            last_success=dict(self.last_success),
            spent={name: replace(each) for name, each in self.spent.items()},
            usual=self.usual.copy(),
        )

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "cursor": self.cursor,
            "runs": [[*key, count] for key, count in self.runs.items()],
            "skipped": [[*key, count] for key, count in self.skipped.items()],
            "cost": dict(self.cost),
            "last_success": dict(self.last_success),
            "spent": {name: [each.day, each.cost, each.questions] for name, each in self.spent.items()},
            "usual": self.usual.state(),
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any] | None) -> Self:
        """What `state()` described; nothing where there is none, or none that can be read."""
        if state is None:
            return cls()
        try:
            return cls(
                cursor=state["cursor"],
                runs={(name, result): int(count) for name, result, count in state["runs"]},
                skipped={(name, why): int(count) for name, why, count in state["skipped"]},
                cost={name: float(cost) for name, cost in state["cost"].items()},
                last_success={name: float(at) for name, at in state["last_success"].items()},
                spent={name: Spent(day, float(cost), int(n)) for name, (day, cost, n) in state["spent"].items()},
                usual=Usual.restored(state["usual"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            log.warning("what evaluators had done can't be read and starts anew: %s", type(error).__name__)
            return cls()


class Reading(NamedTuple):
    """What /metrics shows. `asks`: the evaluators, and whether each asks a model."""

    figures: Figures
    backlog: int
    asks: Mapping[str, bool]
