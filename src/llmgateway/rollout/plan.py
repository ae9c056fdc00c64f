"""What a rollout is to do: its steps, what it is judged by, and whose word it needs. Fixed when it begins."""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from llmgateway.rollout.evidence import MAX_METRICS
from llmgateway.rollout.grid import SAFE_AT

MAX_STEPS: Final = 32
DAY_S: Final = 86_400.0


class Kind(StrEnum):
    """What harm in a metric does to a rollout."""

    CRITICAL = "critical"  # it is rolled back
    SIGNAL = "signal"  # it pauses
    ADVISORY = "advisory"  # it is shown; no plan says so, but a model's word that is not trusted yet does no more


@dataclass(frozen=True, slots=True)
class Step:
    """The candidate's share of assignments, and what must have passed before the next: seconds, and units of it judged
    by each critical metric. `gate`: people have to approve of going on, too.
    """

    weight: float
    min_time_s: float = 600.0
    min_units: int = 50
    gate: bool = False


@dataclass(frozen=True, slots=True)
class Metric:
    """A yes/no event that is bad. `ceiling`: a rate that would be fine by itself. `weight`: its part of `alpha`, beside
    the others of its kind. `silent_s`: judging nothing on an arm for as long counts as missing. `is_judged`: a model
    says it, and what it may do depends on how far people agree with it.
    """

    name: str
    kind: Kind = Kind.CRITICAL
    ceiling: float | None = None
    weight: float = 1.0
    silent_s: float = 600.0
    is_judged: bool = False


@dataclass(frozen=True, slots=True)
class Approvals:
    """How many people have to approve, who may (empty: anyone), and whether a candidate's creator may."""

    count: int = 1
    by: frozenset[str] = frozenset()
    creator_may: bool = False
    valid_s: float = DAY_S


@dataclass(frozen=True, slots=True)
class Shadow:
    """Before anyone gets the candidate's answers: so many seconds, or so many discordant pairs without harm.
    `weight`: the pairs' part of `alpha`, beside the critical metrics.
    """

    min_time_s: float = 3_600.0
    min_pairs: int = 50
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Bake:
    """After the promotion: a share stays with the old version for a while, so that harm still shows."""

    holdback: float = 0.05
    min_time_s: float = 3_600.0


NOBODY: Final = Approvals(count=0)


@dataclass(frozen=True, slots=True)
class Plan:
    """A rollout's policy. ValueError, with the reason, for one that makes no sense.

    `alpha`: probability of rolling back (of pausing, for signals) though the ratio of bad events is at most `r0`.
    `beta`: of promoting though it is at least `r_m` (and at least the ceiling). `srm_threshold`: E at which
    assignments that don't follow the weights pause it. `deadline_s` counts from the first step.
    """

    steps: tuple[Step, ...]
    metrics: tuple[Metric, ...]
    alpha: float = 0.05
    beta: float = 0.05
    r0: float = 1.0
    r_m: float = 1.5
    srm_threshold: float = 1_000.0
    start: Approvals = NOBODY
    approvals: Approvals = field(default_factory=Approvals)
    shadow: Shadow | None = None
    bake: Bake = field(default_factory=Bake)
    deadline_s: float = 14 * DAY_S

    def __post_init__(self) -> None:
        for reason in (*_about_steps(self), *_about_metrics(self), *_about_numbers(self), *_about_people(self)):
            raise ValueError(reason)

    def critical(self) -> list[Metric]:
        return [metric for metric in self.metrics if metric.kind is Kind.CRITICAL]

    def is_last(self, step: int) -> bool:
        return step == len(self.steps) - 1


def _about_steps(plan: Plan) -> list[str]:
    weights = [step.weight for step in plan.steps]
    wrong = {
        f"a rollout has 1 to {MAX_STEPS} steps": not 1 <= len(weights) <= MAX_STEPS,
        "a step's weight is above 0 and below 1": not all(0 < each < 1 for each in weights),
        "the weights of steps rise": sorted(set(weights)) != weights,
        "the last step leaves at least the holdback to the stable version": max(weights, default=0)
        > 1 - plan.bake.holdback + 1e-9,
        "a step's floors are not negative": not all(
            _is_time(step.min_time_s) and step.min_units >= 0 for step in plan.steps
        ),
    }
    return _found(wrong)


def _about_metrics(plan: Plan) -> list[str]:
    names = [metric.name for metric in plan.metrics]
    wrong = {
        f"a rollout is judged by 1 to {MAX_METRICS} metrics": not 1 <= len(names) <= MAX_METRICS,
        "two metrics have one name": len(set(names)) != len(names),
        "a metric has a name": "" in names,
        "at least one metric is critical": not plan.critical(),
        "at least one critical metric is no model's word": all(each.is_judged for each in plan.critical()),
        "a metric's weight is above 0": not all(
            metric.weight > 0 and math.isfinite(metric.weight) for metric in plan.metrics
        ),
        "a ceiling is above 0 and below 1": not all(
            metric.ceiling is None or 0 < metric.ceiling < 1 for metric in plan.metrics
        ),
        "silence lasts more than 0 seconds": not all(
            metric.silent_s > 0 and _is_time(metric.silent_s) for metric in plan.metrics
        ),
    }
    return _found(wrong)


def _about_numbers(plan: Plan) -> list[str]:
    wrong = {
        "alpha and beta are above 0 and at most 0.5": not all(0 < each <= 0.5 for each in (plan.alpha, plan.beta)),
        "r0 is above 0": not 0 < plan.r0 < math.inf,
        f"r_m is above {SAFE_AT[1]} and above r0": not max(SAFE_AT[1], plan.r0) < plan.r_m < math.inf,
        "srm_threshold is above 1": not 1 < plan.srm_threshold < math.inf,
        "the holdback is above 0 and below 1": not 0 < plan.bake.holdback < 1,
        "times are not negative": not all(map(_is_time, (plan.bake.min_time_s, plan.deadline_s))),
    }
    if plan.shadow is not None:
        wrong["a shadow's floors are not negative"] = plan.shadow.min_pairs < 0 or not _is_time(plan.shadow.min_time_s)
        wrong["a shadow's weight is above 0"] = not 0 < plan.shadow.weight < math.inf
    return _found(wrong)


def _about_people(plan: Plan) -> list[str]:
    both = (plan.start, plan.approvals)
    return _found(
        {
            "the number of approvals is not negative": any(each.count < 0 for each in both),
            "fewer people may approve than have to": any(each.by and len(each.by) < each.count for each in both),
            "approvals are valid for more than 0 seconds": any(not 0 < each.valid_s < math.inf for each in both),
        }
    )


def _is_time(seconds: float) -> bool:
    return 0 <= seconds < math.inf


def _found(wrong: dict[str, bool]) -> list[str]:
    return [reason for reason, is_wrong in wrong.items() if is_wrong]
