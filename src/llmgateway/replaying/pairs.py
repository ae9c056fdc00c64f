"""One item answered by two versions: what is kept of it, and how it is written down. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

from llmgateway.ports.store import Row
from llmgateway.rollout.counts import Arms
from llmgateway.wire.jsoncodec import decode, encode

FIGURES: Final = ("input_tokens", "output_tokens", "cost_usd", "duration_s", "first_token_s")


class Bad(StrEnum):
    """What may be bad about an answer, the gravest first; the closed set behind the report's rows."""

    ERROR = "error"
    BLOCKED = "blocked"  # by a guardrail
    SCHEMA = "schema"  # not the JSON that was asked for
    REFUSAL = "refusal"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Side:
    """How one version answered. Nothing of what was said: that stands in the log, and goes with it."""

    exchange_id: str | None
    status: int | None = None
    end: str | None = None
    error_code: str | None = None
    finish_reason: str | None = None
    bad: tuple[Bad, ...] = ()
    verdicts: Mapping[str, int] = field(default_factory=dict)  # by action, also where it was only observed
    figures: Mapping[str, float] = field(default_factory=dict)  # those that are known

    @classmethod
    def of(cls, exchange_id: str | None, row: Row | None, bad: tuple[Bad, ...]) -> Self:
        """Take it from a row with its `verdicts`."""
        if row is None:
            return cls(exchange_id, bad=bad)
        verdicts: dict[str, int] = {}
        for each in row.get("verdicts", ()):
            verdicts[each["action"]] = verdicts.get(each["action"], 0) + 1
        figures = {name: row[name] for name in FIGURES if row[name] is not None}
        told = (row["status"], row["end"], row["error_code"], row["finish_reason"])
        return cls(exchange_id, *told, bad, verdicts, figures)

    @property
    def cost_usd(self) -> float | None:
        """What it cost; one that failed and reports no tokens is taken to be free."""
        if Bad.ERROR in self.bad and "input_tokens" not in self.figures and "output_tokens" not in self.figures:
            return 0.0
        return self.figures.get("cost_usd")

    def shown(self) -> dict[str, Any]:
        """The side as JSON has it."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Self:
        """What `shown` gave; raises TypeError, KeyError or ValueError for anything else."""
        figures = {name: float(told["figures"][name]) for name in FIGURES if name in told["figures"]}
        verdicts = {str(action): int(count) for action, count in told["verdicts"].items()}
        return cls(
            **{**told, "bad": tuple(Bad(each) for each in told["bad"]), "figures": figures, "verdicts": verdicts}
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """Both versions' answers to one item."""

    ordinal: int
    baseline: Side
    candidate: Side

    @property
    def cost_usd(self) -> float | None:
        """What both cost together; None where that of either is not known."""
        costs = [side.cost_usd for side in (self.baseline, self.candidate)]
        return None if None in costs else sum(cost for cost in costs if cost is not None)

    def written(self) -> bytes:
        return encode({"baseline": self.baseline.shown(), "candidate": self.candidate.shown()})

    @classmethod
    def read(cls, ordinal: int, written: bytes) -> Self:
        told = decode(written)
        return cls(ordinal, Side.read(told["baseline"]), Side.read(told["candidate"]))


_GRAVITY: Final = {bad: len(Bad) - at for at, bad in enumerate(Bad)}


def lost(pair: Pair, bad: Bad | None = None) -> Arms:
    """Who lost the pair: the one that alone was bad in that way; or (None) whose gravest fault is the graver.

    A tie, good or bad, says nothing. Gravity goes by the order of `Bad`, so that an answer that is cut off on both
    sides does not hide that one of them is none at all.
    """
    if bad is None:
        ours, theirs = (max(map(_GRAVITY.__getitem__, side.bad), default=0) for side in (pair.baseline, pair.candidate))
    else:
        ours, theirs = (int(bad in side.bad) for side in (pair.baseline, pair.candidate))
    return Arms(int(ours > theirs), int(theirs > ours))
