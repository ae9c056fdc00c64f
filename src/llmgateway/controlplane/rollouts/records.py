"""Rollouts between decisions and store: a `Rollout` and what belongs to it, as records and back."""

from dataclasses import dataclass, replace
from typing import Final

from llmgateway.controlplane.rollouts import policy
from llmgateway.controlplane.rollouts.policy import Policy
from llmgateway.ports.rollouts import ApprovalRecord, EpochCount, RolloutRecord, TransitionRecord
from llmgateway.rollout.counts import NOTHING, Arms
from llmgateway.rollout.evidence import PAIRS, Evidence
from llmgateway.rollout.hardstop import Failing
from llmgateway.rollout.rollout import Approval, Rollout
from llmgateway.rollout.states import Transition
from llmgateway.rollout.units import SAID
from llmgateway.routing.staged import StagedWeight

REQUESTS: Final = "!requests"  # the row of `epoch_count` that counts requests, not units: no metric is called so


@dataclass(frozen=True, slots=True)
class Running:
    """One rollout that workers go by."""

    record: RolloutRecord
    policy: Policy
    rollout: Rollout

    @property
    def route(self) -> str:
        return self.record.route

    def weight(self) -> StagedWeight:
        """What workers are told."""
        record, rollout = self.record, self.rollout
        key = bytes.fromhex(record.unit_key)
        return StagedWeight(record.id, rollout.epoch, record.candidate, rollout.weight, key, record.version_hash)

    def moved(
        self, transition: Transition, evidence: Evidence, generation: int, at: float
    ) -> tuple["Running", TransitionRecord]:
        """This after a transition, and the row that says so. `at`: the date, as people have it."""
        after, occurrence = transition.after, transition.occurrence
        record = replace(self.record, place=after.written(), state=after.state.value, revision=after.revision)
        row = TransitionRecord(
            rollout=record.id,
            revision=after.revision,
            key=transition.key,
            at=at,
            event=occurrence.event.value,
            from_state=transition.before.state.value,
            to_state=after.state.value,
            pause=None if after.pause is None else after.pause.value,
            step=after.step,
            epoch=after.epoch,
            weight=after.weight,
            actor=occurrence.actor,
            reason=occurrence.reason,
            evidence=evidence.written(),
            evidence_hash=transition.evidence_hash,
            generation=generation,
        )
        return Running(record, self.policy, after), row


def running(record: RolloutRecord) -> Running:
    """Read a record; ValueError, KeyError or TypeError where it is none."""
    read = policy.read(record.policy)
    rollout = Rollout(record.id, read.plan, record.version_hash, record.creator).placed(record.place)
    return Running(record, read, rollout)


def evidence_of(counts: list[EpochCount], weights: dict[int, float], epoch: int) -> Evidence:
    """Put the sums together. Requests count as far as they belong to `epoch`, the one that runs."""
    assigned: dict[int, Arms] = {}
    units: dict[str, dict[int, Arms]] = {}
    bad: dict[str, dict[int, Arms]] = {}
    said: dict[str, dict[int, Arms]] = {}
    heard: dict[str, tuple[float, float]] = {}
    failing, pairs = Failing(), NOTHING
    for each in counts:
        both = Arms(each.stable_units, each.candidate_units)
        failed = Arms(each.stable_bad, each.candidate_bad)
        if each.metric == REQUESTS:
            if each.epoch == epoch:
                failing = Failing(both, failed, Arms(each.stable_run, each.candidate_run))
        elif each.metric == PAIRS:
            pairs, heard[PAIRS] = pairs.plus(failed), (each.stable_at, each.candidate_at)
        elif not each.metric:
            assigned[each.epoch] = both
        elif each.metric.startswith(SAID):
            said.setdefault(each.metric.removeprefix(SAID), {})[each.epoch] = both
        else:
            units.setdefault(each.metric, {})[each.epoch] = both
            bad.setdefault(each.metric, {})[each.epoch] = failed
            stable, candidate = heard.get(each.metric, (0.0, 0.0))
            heard[each.metric] = max(stable, each.stable_at), max(candidate, each.candidate_at)
    known = {epoch: weight for epoch, weight in weights.items() if epoch > 0}
    return Evidence(
        weights=known,
        assigned=_of(assigned, known),
        units={name: _of(each, known) for name, each in units.items()},
        bad={name: _of(each, known) for name, each in bad.items()},
        pairs=pairs,
        failing=failing,
        heard=heard,
        said={name: _of(each, known) for name, each in said.items()},
    )


def approval_of(record: ApprovalRecord) -> Approval:
    return Approval(record.by, record.version_hash, record.evidence_hash, record.at)


def _of(epochs: dict[int, Arms], weights: dict[int, float]) -> dict[int, Arms]:
    """Epochs whose weight is known and splits anything, and that have counts."""
    return {epoch: each for epoch, each in epochs.items() if 0 < weights.get(epoch, 0) < 1 and each != NOTHING}
