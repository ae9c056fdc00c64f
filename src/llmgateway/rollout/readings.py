"""What the evidence says, seen with a plan: every E that a decision looks at. Logarithms, so that nothing overflows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from llmgateway.rollout.counts import total
from llmgateway.rollout.eprocess import log_e, log_e_ceiling, log_mean
from llmgateway.rollout.evidence import NEVER, Evidence
from llmgateway.rollout.grid import CLEAN, HARM, UNEQUAL, safe
from llmgateway.rollout.pairs import draws_of
from llmgateway.rollout.plan import Kind, Metric, Plan
from llmgateway.rollout.standing import in_force
from llmgateway.rollout.units import SAID

NO_EVIDENCE: Final = 0.0  # log 1


@dataclass(frozen=True, slots=True)
class MetricReading:
    """One metric, of the kind that it may be now: log E against "at most r0", "at least r_m", and "at least r_m and at
    least the ceiling". `said`: that users speak of both versions as often as the weights say.
    """

    metric: Metric
    harm: float
    relative: float
    absolute: float | None
    safe: float
    said: float = NO_EVIDENCE


@dataclass(frozen=True, slots=True)
class Readings:
    """All of them. `harm` and `signal` are the weighted means over critical metrics (and the shadow's pairs) and
    signals.
    """

    plan: Plan
    metrics: tuple[MetricReading, ...]
    harm: float
    signal: float
    srm: float
    pairs: float
    is_broken: bool  # the crude stop
    lopsided: tuple[str, ...] = ()  # metrics in which users speak of one version more often than of the other

    @property
    def is_harmful(self) -> bool:
        """Whether the candidate is to be rolled back."""
        return self.is_broken or self.harm >= -math.log(self.plan.alpha)

    @property
    def is_signalling(self) -> bool:
        return self.signal >= -math.log(self.plan.alpha)

    @property
    def is_unequal(self) -> bool:
        """Whether assignments don't follow the weights, so that the arms can't be compared."""
        return self.srm >= math.log(self.plan.srm_threshold)

    @property
    def is_proven(self) -> bool:
        """Whether every metric has been shown to do no harm. All have to, so nothing is corrected for their number."""
        return not self.unproven()

    def unproven(self) -> list[str]:
        """Which have not been shown yet. What is advisory is not waited for."""
        needed = -math.log(self.plan.beta)
        counting = (each for each in self.metrics if each.metric.kind is not Kind.ADVISORY)
        return [each.metric.name for each in counting if each.safe < needed]

    def culprits(self, kind: Kind) -> list[str]:
        """Metrics that would be enough alone, each at 1/(alpha·weight); else the worst."""
        ours = [each for each in self.metrics if each.metric.kind is kind]
        whole = sum(each.metric.weight for each in ours)
        alone = [each for each in ours if each.harm >= -math.log(self.plan.alpha * each.metric.weight / whole)]
        return [each.metric.name for each in alone or sorted(ours, key=lambda each: -each.harm)[:1]]


def readings(plan: Plan, evidence: Evidence, *, srm_from: int = 0, accepted: frozenset[str] = frozenset()) -> Readings:
    """Read the evidence: assignments from epoch `srm_from` on, without the signals that people `accepted` (names of
    metrics, with SAID before them where it is about who is heard).
    """
    metrics = tuple(read_metric(plan, metric, evidence) for metric in in_force(plan, evidence.trust))
    pairs = log_e(draws_of(evidence.pairs), plan.r0, HARM)
    critical = [(each.harm, each.metric.weight) for each in metrics if each.metric.kind is Kind.CRITICAL]
    if plan.shadow is not None:
        critical.append((pairs, plan.shadow.weight))
    signals = [each for each in metrics if each.metric.kind is Kind.SIGNAL and each.metric.name not in accepted]
    return Readings(
        plan,
        metrics,
        harm=_mean(critical),
        signal=_mean([(each.harm, each.metric.weight) for each in signals]),
        srm=log_e(evidence.assigned_draws(srm_from), 1.0, UNEQUAL),
        pairs=pairs,
        is_broken=evidence.failing.is_broken(),
        lopsided=tuple(
            each.metric.name
            for each in metrics
            if each.said >= math.log(plan.srm_threshold) and SAID + each.metric.name not in accepted
        ),
    )


def read_metric(plan: Plan, metric: Metric, evidence: Evidence) -> MetricReading:
    """Read one metric. The mean of two E is one against the null that both of theirs hold."""
    draws = evidence.bad_draws(metric.name)
    relative = log_e(draws, plan.r_m, safe(plan.r_m))
    absolute = None if metric.ceiling is None else _absolute(metric, evidence)
    both = relative if absolute is None else log_mean([relative, absolute])
    said = log_e(evidence.said_draws(metric.name), 1.0, UNEQUAL)
    return MetricReading(metric, log_e(draws, plan.r0, HARM), relative, absolute, both, said)


def absent(plan: Plan, evidence: Evidence, now: float) -> list[str]:
    """Metrics that have judged nothing for too long on one arm or the other, or never. Advisory ones are not missed."""
    counting = (each for each in in_force(plan, evidence.trust) if each.kind is not Kind.ADVISORY)
    return [metric.name for metric in counting if _is_silent(metric, evidence, now)]


def _is_silent(metric: Metric, evidence: Evidence, now: float) -> bool:
    heard = min(evidence.heard.get(metric.name, NEVER))
    return heard <= min(NEVER) or now - heard > metric.silent_s


def _absolute(metric: Metric, evidence: Evidence) -> float:
    assert metric.ceiling is not None
    bad = total(evidence.bad.get(metric.name, {})).candidate
    units = max(bad, evidence.candidate_units(metric.name))  # a bad unit may be counted a moment before it is seen
    return log_e_ceiling(bad, units, metric.ceiling, CLEAN)


def _mean(weighed: Sequence[tuple[float, float]]) -> float:
    if not weighed:
        return NO_EVIDENCE
    logs, weights = zip(*weighed, strict=True)
    return log_mean(logs, weights)
