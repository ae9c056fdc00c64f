"""A rollout's place in its plan, and what people have said about it. Values; where they may go is in `states`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, Self

from llmgateway.rollout.plan import Approvals, Plan

MAX_HALTS: Final = 200  # pauses by people: each is a row that stays
MUST_SEE: Final = 10  # random exchanges of the candidate, before the button


class State(StrEnum):
    """Where a rollout is."""

    DRAFT = "draft"
    PENDING_START = "pending_start"
    SHADOW = "shadow"  # answers are compared; no caller sees the candidate's
    CANARY = "canary"  # at one of the steps
    PAUSED = "paused"  # at a step still: its weight stays
    AWAITING_APPROVAL = "awaiting_approval"  # shown to do no harm; the tests go on
    PROMOTING = "promoting"
    BAKE = "bake"
    INCONCLUSIVE = "inconclusive"  # the deadline passed with neither proof
    ROLLING_BACK = "rolling_back"
    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled_back"
    ABORTED = "aborted"
    SUPERSEDED = "superseded"


class Pause(StrEnum):
    """Why a rollout is paused."""

    MANUAL = "manual"
    SIGNAL_METRIC = "signal_metric"
    NO_DATA = "no_data"
    SRM = "srm"  # sample-ratio mismatch: assignments don't follow the weights
    CONTROLLER_LOST = "controller_lost"
    ANDON = "andon"  # a reviewer pulled the cord
    FEEDBACK = "feedback"  # users speak of one version more often than of the other


TERMINAL: Final = frozenset({State.SUCCEEDED, State.ROLLED_BACK, State.ABORTED, State.SUPERSEDED})
AT_STEP: Final = frozenset({State.CANARY, State.PAUSED, State.AWAITING_APPROVAL, State.INCONCLUSIVE})
PROMOTED: Final = frozenset({State.PROMOTING, State.BAKE, State.SUCCEEDED})
_ASKING: Final = frozenset({State.PENDING_START, State.AWAITING_APPROVAL})
LIVE: Final = AT_STEP | {State.SHADOW, State.PROMOTING, State.BAKE}


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's word on one version and one piece of evidence, at a Unix time."""

    by: str
    version_hash: str
    evidence_hash: str
    at: float


@dataclass(frozen=True, slots=True)
class People:
    """What people have said and done, as the store has it: `seen` random exchanges were shown to who promotes.
    `waiver`: why somebody does without what is checked beforehand.
    """

    approvals: tuple[Approval, ...] = ()
    open_concerns: int = 0
    seen: int = 0
    has_passed_preflight: bool = False
    waiver: str = ""


UNASKED: Final = People()
_PLACE: Final = (
    "state",
    "step",
    "pause",
    "epoch",
    "revision",
    "since",
    "step_since",
    "started",
    "evidence_hash",
    "asked",
    "halts",
    "srm_from",
    "accepted",
)
_ADDED: Final = {"asked": False, "halts": 0}  # what places had no word for at first
_TYPES: Final = {  # JSON knows no others, and what is no number here would be found out when it is counted with
    **dict.fromkeys(("step", "epoch", "revision", "halts", "srm_from"), (int,)),
    **dict.fromkeys(("since", "step_since", "started"), (float, int)),
    "evidence_hash": (str,),
    "asked": (bool,),
}


@dataclass(frozen=True, slots=True)
class Rollout:
    """One candidate on its way. Times are Unix seconds.

    `revision` rises with each transition (compare-and-set), `epoch` with each change of the weight. `since`: when
    this state was entered, `step_since` when the step was, pauses taken off. `evidence_hash`: the evidence that
    people are asked about, `asked`: at a step's gate. `halts`: how often people have paused it. `srm_from`,
    `accepted`: what people took note of when they resumed.
    """

    id: str
    plan: Plan
    version_hash: str
    creator: str
    state: State = State.DRAFT
    step: int = 0
    pause: Pause | None = None
    epoch: int = 0
    revision: int = 0
    since: float = 0.0
    step_since: float = 0.0
    started: float = 0.0
    evidence_hash: str = ""
    asked: bool = False
    halts: int = 0
    srm_from: int = 0
    accepted: frozenset[str] = field(default_factory=frozenset)

    def written(self) -> dict[str, Any]:
        """Its place, JSON-able: what the store keeps beside the plan, the version and who made it."""
        place: dict[str, Any] = {name: getattr(self, name) for name in _PLACE}
        pause = None if self.pause is None else self.pause.value
        return place | {"state": self.state.value, "pause": pause, "accepted": sorted(self.accepted)}

    def placed(self, written: Mapping[str, Any]) -> Self:
        """This rollout at a place that was `written`. KeyError, TypeError or ValueError where it was not."""
        known = _ADDED | {name: written[name] for name in _PLACE if name not in _ADDED or name in written}
        known["state"] = State(written["state"])
        known["pause"] = None if written["pause"] is None else Pause(written["pause"])
        known["accepted"] = frozenset(written["accepted"])
        for name, types in _TYPES.items():
            if type(known[name]) not in types:
                raise ValueError(f"{name} is {known[name]!r}")
        if not 0 <= known["step"] < len(self.plan.steps):
            raise ValueError(f"the plan has no step {known['step']}")
        return replace(self, **known)

    def begun_by(self, now: float) -> Self:
        """This with nothing that began after `now`: where a clock was set back, what was to last begins anew."""
        since, step_since, started = (min(each, now) for each in (self.since, self.step_since, self.started))
        return replace(self, since=since, step_since=step_since, started=started)

    @property
    def weight(self) -> float:
        """The candidate's share of assignments. Never above the step's before people promoted it."""
        if self.state in AT_STEP:
            return self.plan.steps[self.step].weight
        if self.state is State.SUCCEEDED:
            return 1.0
        return 1 - self.plan.bake.holdback if self.state in PROMOTED else 0.0

    @property
    def is_asking(self) -> bool:
        """Whether people are asked for their word now: what it is to be about is there."""
        return self.asked if self.state is State.CANARY else self.state in _ASKING

    def approvers(self, people: People, policy: Approvals, now: float) -> set[str]:
        """Whose approval counts: of this version and this evidence, fresh, and by somebody who may. Nobody's before
        people are asked.
        """
        if not self.is_asking:
            return set()
        return {
            each.by
            for each in people.approvals
            if (each.version_hash, each.evidence_hash) == (self.version_hash, self.evidence_hash)
            and 0 <= now - each.at <= policy.valid_s
            and (not policy.by or each.by in policy.by)
            and (policy.creator_may or each.by != self.creator)
        }
