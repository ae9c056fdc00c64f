"""Evidence and rollouts, made up for tests."""

from llmgateway.rollout.counts import Arms
from llmgateway.rollout.evidence import Evidence
from llmgateway.rollout.plan import Approvals, Metric, Plan, Step
from llmgateway.rollout.rollout import Approval, People, Rollout

NOW = 1_800_000_000.0
PLAN = Plan(
    steps=(Step(0.05, 60, 20), Step(0.25, 60, 20), Step(0.5, 60, 20)),
    metrics=(Metric("error"),),
    approvals=Approvals(2),
)


def evidence(bad, weights, *, units=None, heard=None, **rest):
    """`bad` and `units`: metric → epoch (from 1) → (stable, candidate)."""
    return Evidence(
        weights=dict(enumerate(weights, 1)),
        bad={name: {epoch: Arms(*each) for epoch, each in epochs.items()} for name, epochs in bad.items()},
        units={name: {epoch: Arms(*each) for epoch, each in epochs.items()} for name, epochs in (units or {}).items()},
        heard=dict.fromkeys(bad, (heard, heard)) if heard else {},
        **rest,
    )


def rollout(plan=PLAN, **rest):
    return Rollout("r1", plan, "hash-of-v2", "carol", **rest)


def approvals(of, at, *names):
    return tuple(Approval(name, of.version_hash, of.evidence_hash, at) for name in names)


def everybody(of, at):
    """All that a promotion needs of people."""
    return People(approvals(of, at, "ann", "bob"), seen=10, has_passed_preflight=True)
