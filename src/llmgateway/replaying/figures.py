"""What pairs come to: rates with intervals, who lost how many, amounts side by side, the worst items. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

from llmgateway.domain.proportion import mean_interval, wilson
from llmgateway.domain.quantile import quantile
from llmgateway.replaying.pairs import FIGURES, Bad, Pair, Side, lost
from llmgateway.replaying.stopping import ALPHA, BETA, MARGIN, Evidence, evidence_of
from llmgateway.rollout.counts import Arms
from llmgateway.rollout.interval import Interval, interval
from llmgateway.rollout.pairs import draws_of

WORST: Final = 10
VERDICTS: Final = ("flag", "redact", "block")


@dataclass(frozen=True, slots=True)
class Rate:
    """How many answers of each version were bad in one way, of how many; the pairs that each alone lost by it."""

    of: int
    baseline: int
    candidate: int
    lost: Arms

    def shown(self) -> dict[str, Any]:
        return {
            "baseline": _share(self.baseline, self.of),
            "candidate": _share(self.candidate, self.of),
            "lost": self.lost._asdict(),
        }


@dataclass(frozen=True, slots=True)
class Amount:
    """A figure of one version's answers; None where there is none."""

    count: int
    mean: float | None
    p50: float | None
    p95: float | None
    values: tuple[float, ...]

    def shown(self) -> dict[str, Any]:
        return {"count": self.count, "mean": self.mean, "p50": self.p50, "p95": self.p95}


@dataclass(frozen=True, slots=True)
class Both:
    """A figure of both, over the items for which both have it. `logged`: of the same items when they were logged.

    `difference`: the mean of candidate minus baseline, and its 95 % interval.
    """

    baseline: Amount
    candidate: Amount
    logged: Amount
    difference: float | None
    interval: tuple[float, float] | None

    def shown(self) -> dict[str, Any]:
        told = {name: getattr(self, name).shown() for name in ("baseline", "candidate", "logged")}
        return told | {"difference": self.difference, "interval": self.interval}


@dataclass(frozen=True, slots=True)
class Figures:
    """All that a report says in numbers. `rates` by what was bad, `bad` being anything."""

    pairs: int
    evidence: Evidence
    ratio: Interval
    rates: Mapping[str, Rate]
    verdicts: Mapping[str, Rate]  # by what guardrails said
    amounts: Mapping[str, Both]
    worst: Sequence[Pair]

    def shown(self) -> dict[str, Any]:
        """The figures as JSON has them."""
        high = None if math.isinf(self.ratio.high) else self.ratio.high
        return {
            "pairs": self.pairs,
            "verdict": self.evidence.verdict,
            "decided_at": self.evidence.decided_at,
            "lost": self.evidence.lost._asdict(),
            "ratio": {"low": self.ratio.low, "high": high},
            "rates": {name: line.shown() for name, line in self.rates.items()},
            "guardrails": {name: line.shown() for name, line in self.verdicts.items()},
            "amounts": {name: line.shown() for name, line in self.amounts.items()},
            "worst": [
                {"ordinal": pair.ordinal, "baseline": pair.baseline.shown(), "candidate": pair.candidate.shown()}
                for pair in self.worst
            ],
        }


def figures_of(found: Iterable[Pair], logged: Mapping[int, Mapping[str, Any]]) -> Figures:
    """Sum up. `logged`: the items' facts by ordinal."""
    every = sorted(found, key=lambda pair: pair.ordinal)
    evidence = evidence_of(every)
    rates = {"bad": _rate(every, None)} | {bad.value: _rate(every, bad) for bad in Bad}
    return Figures(
        len(every),
        evidence,
        interval(draws_of(evidence.lost), ALPHA, BETA, MARGIN),
        rates,
        {action: _said(every, action) for action in VERDICTS},
        {name: _both(every, name, logged) for name in FIGURES},
        sorted((pair for pair in every if pair.candidate.bad), key=_badness)[:WORST],
    )


def _rate(found: Sequence[Pair], bad: Bad | None) -> Rate:
    def is_bad(side: Side) -> bool:
        return bool(side.bad) if bad is None else bad in side.bad

    who = Arms()
    for pair in found:
        who = who.plus(lost(pair, bad))
    return Rate(
        len(found), sum(is_bad(pair.baseline) for pair in found), sum(is_bad(pair.candidate) for pair in found), who
    )


def _said(found: Sequence[Pair], action: str) -> Rate:
    ours = [bool(pair.baseline.verdicts.get(action)) for pair in found]
    theirs = [bool(pair.candidate.verdicts.get(action)) for pair in found]
    both = list(zip(ours, theirs, strict=True))
    who = Arms(sum(one and not other for one, other in both), sum(other and not one for one, other in both))
    return Rate(len(found), sum(ours), sum(theirs), who)


def _both(found: Sequence[Pair], name: str, logged: Mapping[int, Mapping[str, Any]]) -> Both:
    known = [
        (pair.baseline.figures[name], pair.candidate.figures[name], logged.get(pair.ordinal, {}).get(name))
        for pair in found
        if name in pair.baseline.figures and name in pair.candidate.figures
    ]
    differences = [theirs - ours for ours, theirs, _ in known]
    return Both(
        _amount([ours for ours, _, _ in known]),
        _amount([theirs for _, theirs, _ in known]),
        _amount([then for _, _, then in known if then is not None]),
        fmean(differences) if differences else None,
        mean_interval(math.fsum(differences), math.fsum(each * each for each in differences), len(differences)),
    )


def _amount(values: Sequence[float]) -> Amount:
    ordered = sorted(values)
    if not ordered:
        return Amount(0, None, None, None, ())
    return Amount(len(ordered), fmean(ordered), quantile(ordered, 50), quantile(ordered, 95), tuple(ordered))


def _badness(pair: Pair) -> tuple[bool, int, int, float]:
    """The pairs that the candidate lost first, then by what is worst about it, then the slower."""
    order = list(Bad)
    worst = min((order.index(each) for each in pair.candidate.bad), default=len(order))
    return not lost(pair).candidate, worst, -len(pair.candidate.bad), -pair.candidate.figures.get("duration_s", 0.0)


def _share(count: int, of: int) -> dict[str, Any]:
    low, high = wilson(count, of)
    return {"count": count, "share": count / of if of else None, "low": low, "high": high}
