"""What a rollback rests on, put together once, so that it can be read when exchanges and configurations are gone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

from llmgateway.controlplane.rollouts.judging import bad_events, is_ours
from llmgateway.controlplane.rollouts.records import REQUESTS, Running, evidence_of
from llmgateway.controlplane.rollouts.shown import head, moved, tested
from llmgateway.controlplane.rollouts.tally import SPLIT
from llmgateway.ports.generations import Generation
from llmgateway.ports.rollouts import EpochCount, TransitionRecord
from llmgateway.ports.store import Body, Row
from llmgateway.rollout import guards
from llmgateway.rollout.evidence import PAIRS, Evidence, read
from llmgateway.rollout.exemplars import Exemplar
from llmgateway.rollout.rollout import State

_BACK: Final = frozenset({State.ROLLING_BACK.value, State.ROLLED_BACK.value})


@dataclass(frozen=True, slots=True)
class Findings:
    """What the store has of a rollout that was rolled back. `weights`: the candidate's, by epoch."""

    transitions: Sequence[TransitionRecord]
    counts: Sequence[EpochCount]
    weights: dict[int, float]

    @property
    def shadowed(self) -> tuple[float, float] | None:
        """From when to when copies alone went to the candidate, as Unix times; None: never."""
        since = next((row.at for row in self.transitions if row.to_state == State.SHADOW), None)
        if since is None:
            return None
        return since, next(row.at for row in self.transitions if row.from_state == State.SHADOW)

    @property
    def cause(self) -> TransitionRecord:
        """The move that ended it; LookupError where there is none."""
        found = [row for row in self.transitions if row.to_state in _BACK]
        return found[0]


def bundle(
    ended: Running, found: Findings, generation: Generation | None, exemplars: Sequence[Exemplar]
) -> dict[str, Any]:
    """The bundle, as JSON has it. `generation`: of the configuration in force when it was decided, where it is kept."""
    cause, record = found.cause, ended.record
    text = None if generation is None else sha256(generation.text.encode("utf-8", "surrogatepass")).hexdigest()
    decided = read(cause.evidence)
    counted = replace(evidence_of(list(found.counts), found.weights, cause.epoch), trust=decided.trust)
    return {
        "rollout": head(record) | {"stable_hash": record.stable_hash},
        "policy": dict(record.policy),
        "place": dict(record.place),
        "config": {"generation": cause.generation, "sha256": text},
        "cause": moved(cause),
        "transitions": [moved(row) for row in found.transitions],
        "decided": _weighed(ended, decided, cause.at),
        "counted": _weighed(ended, counted, cause.at),
        "epochs": [_epoch(each, found.weights) for each in found.counts],
        "exemplars": [{"exchange_id": each.id, "copy_id": each.copy, "bad": list(each.bad)} for each in exemplars],
    }


def exemplar(ended: Running, row: Row, bodies: Sequence[Body]) -> Exemplar | None:
    """What an exchange of the candidate would be as an exemplar; None for one that says nothing about it."""
    if row.get("assigned_by") != SPLIT or row.get("shadow_of") is not None or is_ours(row):
        return None
    judged = bad_events(row, bodies, ended.policy.slow, ended.policy.metrics)
    return Exemplar(row["id"], row.get("unit") or row["id"], tuple(name for name, is_bad in judged.items() if is_bad))


def copied(ended: Running, row: Row | None, copy: Row, bodies: Sequence[Body]) -> Exemplar | None:
    """What a copy at the candidate would be; None for one that says nothing about it, or whose primary is not there."""
    if row is None or copy.get("assigned_version") != ended.record.candidate or row.get("rollout") != ended.record.id:
        return None
    judged = bad_events(copy, bodies, ended.policy.slow, ended.policy.metrics)
    if not judged:
        return None
    bad = tuple(name for name, is_bad in judged.items() if is_bad)
    return Exemplar(row["id"], row.get("unit") or row["id"], bad, copy["id"])


def _weighed(ended: Running, evidence: Evidence, at: float) -> dict[str, Any]:
    """Counts, and what the tests say of them."""
    moment = guards.moment(ended.rollout, evidence, at)
    return tested(moment) | {
        "is_broken": moment.read.is_broken,
        "evidence": evidence.written(),
        "hash": evidence.hash(),
    }


def _epoch(each: EpochCount, weights: dict[int, float]) -> dict[str, Any]:
    """The sums of one metric in one epoch; of units assigned, or of requests, where it is no metric's."""
    metric = {"": "assigned", REQUESTS: "requests", PAIRS: "pairs"}.get(each.metric, each.metric)
    return each._asdict() | {"metric": metric, "weight": weights.get(each.epoch)}
