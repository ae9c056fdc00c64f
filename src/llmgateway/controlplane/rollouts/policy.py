"""A rollout's policy between the three who have it: the configuration, the decisions, the store's JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from llmgateway.config.rollouts import MetricName, RolloutPolicy
from llmgateway.domain.score import SourceKind
from llmgateway.domain.scorerule import ScoreRule
from llmgateway.rollout.plan import Approvals, Bake, Kind, Metric, Plan, Shadow, Step


@dataclass(frozen=True, slots=True)
class Slow:
    """Above which times an answer is slow, in seconds; None: never by that one. Frozen when a rollout begins."""

    first_token_s: float | None = None
    total_s: float | None = None

    @property
    def is_known(self) -> bool:
        return self.first_token_s is not None or self.total_s is not None


@dataclass(frozen=True, slots=True)
class Policy:
    """What a rollout is to do, and what counts as slow in it."""

    plan: Plan
    slow: Slow = Slow()
    scores: Mapping[str, ScoreRule] = field(default_factory=dict)  # what metrics read that look at scores

    @property
    def metrics(self) -> frozenset[str]:
        return frozenset(metric.name for metric in self.plan.metrics)

    def written(self) -> dict[str, Any]:
        """JSON-able."""
        scores = {name: _plain(asdict(rule)) for name, rule in self.scores.items()}
        return {"plan": _plain(asdict(self.plan)), "slow": asdict(self.slow), "scores": scores}


_SLOW: Final = MetricName.SLOW


def of_config(policy: RolloutPolicy, slow: Slow, judges: Mapping[str, str] | None = None) -> Policy:
    """The policy that a route's table stands for; ValueError with the reason for one that makes no sense. `judges`: who
    judges now, by evaluator: whoever another one is by then says nothing in this rollout.
    """
    approvals, bake, shadow = policy.approvals, policy.bake, policy.shadow
    asked = Approvals(approvals.count, frozenset(approvals.by), approvals.creator_may, approvals.valid_s)
    plan = Plan(
        steps=tuple(Step(each.weight, each.min_time_s, each.min_units, each.gate) for each in policy.steps),
        metrics=tuple(
            Metric(str(each.name), Kind(each.kind.value), each.ceiling, each.weight, each.silent_s, each.is_judged)
            for each in policy.metrics
        ),
        alpha=policy.alpha,
        beta=policy.beta,
        r0=policy.r0,
        r_m=policy.r_m,
        srm_threshold=policy.srm_threshold,
        start=replace(asked, count=approvals.start),
        approvals=asked,
        shadow=None if shadow is None else Shadow(shadow.min_time_s, shadow.min_pairs, shadow.weight),
        bake=Bake(bake.holdback, bake.min_time_s),
        deadline_s=policy.deadline_s,
    )
    reads = {each.name: each.reads for each in policy.metrics if each.reads is not None}
    return Policy(plan, slow, {name: _by(rule, judges or {}) for name, rule in reads.items()})


def _by(rule: ScoreRule, judges: Mapping[str, str]) -> ScoreRule:
    is_judged = rule.source_kind is SourceKind.JUDGE and rule.source_id is not None
    return replace(rule, run=judges.get(rule.source_id or "", rule.run)) if is_judged else rule


def told_slow(policy: RolloutPolicy) -> Slow:
    """What the configuration calls slow, as far as it does."""
    return next((Slow(each.first_token_s, each.total_s) for each in policy.metrics if each.name == _SLOW), Slow())


def judges_slow(policy: RolloutPolicy) -> bool:
    """Whether slowness is looked at."""
    return any(each.name == _SLOW for each in policy.metrics)


def read(written: Mapping[str, Any]) -> Policy:
    """The policy that was written; ValueError, KeyError or TypeError where it was not."""
    plan = dict(written["plan"])
    shadow = plan.pop("shadow")
    return Policy(
        Plan(
            steps=tuple(Step(**each) for each in plan.pop("steps")),
            metrics=tuple(Metric(**(each | {"kind": Kind(each["kind"])})) for each in plan.pop("metrics")),
            start=_approvals(plan.pop("start")),
            approvals=_approvals(plan.pop("approvals")),
            bake=Bake(**plan.pop("bake")),
            shadow=None if shadow is None else Shadow(**shadow),
            **plan,
        ),
        Slow(**written["slow"]),
        read_scores(written),
    )


def read_scores(written: Mapping[str, Any]) -> dict[str, ScoreRule]:
    """The part of a policy that says which scores count; raises as `read` does. Older ones have none."""
    return {name: _rule(each) for name, each in written.get("scores", {}).items()}


def _rule(written: Mapping[str, Any]) -> ScoreRule:
    kind, bad = SourceKind(written["source_kind"]), tuple(written["bad"])
    return ScoreRule(**{**written, "source_kind": kind, "bad": bad})


def _approvals(written: Mapping[str, Any]) -> Approvals:
    return Approvals(**{**written, "by": frozenset(written["by"])})


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
