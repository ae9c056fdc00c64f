"""Gates: what has to hold for a replay to pass, written like `errors<=1.5x`. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from llmgateway.replaying.figures import Figures
from llmgateway.replaying.pairs import Bad
from llmgateway.rollout.pairs import Verdict, verdict

ALPHA: Final = 0.01  # all ratios of rates together: how often any of them fails between two equal versions, at most
_WRITTEN: Final = re.compile(r"([a-z_0-9]+)\s*<=\s*(\d+(?:\.\d+)?)(x|%|)")
RATES: Final = {
    "bad": None,
    "errors": Bad.ERROR,
    "blocked": Bad.BLOCKED,
    "schema": Bad.SCHEMA,
    "refusals": Bad.REFUSAL,
    "empty": Bad.EMPTY,
    "truncated": Bad.TRUNCATED,
    "slow": Bad.SLOW,
}
AMOUNTS: Final = {
    "input_tokens": ("input_tokens", "mean"),
    "output_tokens": ("output_tokens", "mean"),
    "cost": ("cost_usd", "mean"),
    "latency": ("duration_s", "mean"),
    "latency_p95": ("duration_s", "p95"),
}


class GateError(ValueError):
    """Nobody can say whether that holds; the message says how gates are written."""


@dataclass(frozen=True, slots=True)
class Gate:
    """`what` of the candidate may be at most `limit`: times the baseline's (`x`), percent of the items (`%`), or as
    it is measured (``).
    """

    what: str
    limit: float
    unit: str

    def __str__(self) -> str:
        return f"{self.what}<={self.limit:g}{self.unit}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a gate holds. `is_passed` None: it may be chance, or nothing is known."""

    gate: str
    is_passed: bool | None
    said: str


DEFAULTS: Final = (Gate("errors", 1.5, "x"), Gate("schema", 1.5, "x"), Gate("refusals", 1.5, "x"))


def read(text: str) -> Gate:
    """Read a gate; raises GateError."""
    found = _WRITTEN.fullmatch(text.strip().lower())
    if found is None:
        raise GateError(f"{text!r} is no gate: write errors<=1.5x, refusals<=2% or cost<=1.2x")
    what, limit, unit = found[1], float(found[2]), found[3]
    if what not in RATES and what not in AMOUNTS:
        raise GateError(f"there is nothing called {what!r}: {', '.join((*RATES, *AMOUNTS))}")
    if what in RATES and not unit:
        raise GateError(f"{text!r} lacks its unit: x for times the baseline's, or % of the items")
    if what in AMOUNTS and unit == "%":
        raise GateError(f"{what} is no share of the items: write {what}<=1.2x")
    return Gate(what, limit, unit)


def judged(gates: Sequence[Gate], figures: Figures) -> list[Outcome]:
    """What became of each gate.

    A ratio of rates fails where it is above its limit and the pairs that each alone lost are no chance; a share and an
    amount where they are above theirs.
    """
    ratios = sum(gate.what in RATES and gate.unit == "x" for gate in gates)
    alpha = ALPHA / max(1, ratios)
    return [_rate(gate, figures, alpha) if gate.what in RATES else _amount(gate, figures) for gate in gates]


def _rate(gate: Gate, figures: Figures, alpha: float) -> Outcome:
    line = figures.rates[RATES[gate.what] or "bad"]
    of, ours, theirs = figures.pairs, line.baseline, line.candidate
    if not of:
        return Outcome(str(gate), None, "nothing was asked")
    if gate.unit == "%":
        share = 100 * theirs / of
        return Outcome(str(gate), share <= gate.limit, f"{theirs} of {of} items, {share:.1f} %")
    said = f"{theirs} against {ours} of {of} items"
    if theirs <= gate.limit * ours:
        return Outcome(str(gate), True, said)
    if verdict(line.lost, alpha=alpha) is not Verdict.WORSE:
        return Outcome(str(gate), None, f"{said}: that may be chance")
    return Outcome(str(gate), False, said)


def _amount(gate: Gate, figures: Figures) -> Outcome:
    name, statistic = AMOUNTS[gate.what]
    line = figures.amounts[name]
    ours, theirs = (getattr(each, statistic) for each in (line.baseline, line.candidate))
    if ours is None or theirs is None:
        return Outcome(str(gate), None, "it is not known")
    limit = gate.limit * ours if gate.unit == "x" else gate.limit
    return Outcome(str(gate), theirs <= limit, f"{theirs:.6g} against {ours:.6g}")
