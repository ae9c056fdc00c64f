"""Rollouts as the control plane has them, for tests without processes."""

from llmgateway.config.rollouts import MetricName, RolloutBake, RolloutMetric, RolloutPolicy, RolloutStep
from llmgateway.config.snapshot import Route, Snapshot, Sticky, StickyBy, Version
from llmgateway.controlplane.rollouts import policy
from llmgateway.controlplane.rollouts.policy import Slow
from llmgateway.controlplane.rollouts.records import running
from llmgateway.ports.rollouts import RolloutRecord, TransitionRecord
from llmgateway.ports.store import Entry
from llmgateway.rollout.rollout import Rollout

POLICY = RolloutPolicy(
    candidate="v2",
    steps=(RolloutStep(0.2, 0.0, 5), RolloutStep(0.5, 0.0, 5)),
    metrics=(RolloutMetric(MetricName.ERROR, ceiling=0.2),),
    bake=RolloutBake(0.05, 10.0),
)
SNAPSHOT = Snapshot(
    1,
    routes={
        "chat": Route(
            "chat",
            (Version("v1", "id-1", (), weight=1), Version("v2", "id-2", ())),
            sticky=Sticky(StickyBy.USER),
            rollout=POLICY,
        )
    },
)


def record(name="r1", of=POLICY, **changes):
    """A rollout that has just been made."""
    made = policy.of_config(of, Slow())
    rollout = Rollout(name, made.plan, "id-2", "carol", since=1.0)
    given = {
        "id": name, "route": "chat", "candidate": "v2", "stable": "v1", "version_hash": "id-2", "stable_hash": "id-1",
        "creator": "carol", "created_at": 1.0, "unit_key": "ab", "policy": made.written(), "place": rollout.written(),
        "state": "draft", "revision": 0,
    }  # fmt: skip
    return RolloutRecord(**(given | changes))


def made(name="r1", of=POLICY):
    return running(record(name, of))


def row(revision=1, **changes):
    """A move of that rollout: it does harm."""
    given = {
        "rollout": "r1", "revision": revision, "key": f"r1:{revision}:harm", "at": 5.0, "event": "harm",
        "from_state": "canary", "to_state": "rolling_back", "pause": None, "step": 0, "epoch": 2, "weight": 0.0,
        "actor": "", "reason": "", "evidence": {}, "evidence_hash": "h", "generation": 3,
    }  # fmt: skip
    return TransitionRecord(**(given | changes))


def entry(make, user, *, version="v1", epoch=1, rollout="r1", **changes):
    """An exchange of a rollout on its way into the store."""
    given = {"assigned_version": version, "served_version": version, "assigned_by": "split", "finish_reason": "stop"}
    stamp = {"route": "chat", "rollout": rollout, "epoch": epoch, "unit": user and f"unit-{user}"}
    return Entry(make.row(**(given | stamp | changes)))
