"""Where a rollout may go: the table, and the one function that follows it.

Two promises are in the table's shape. Every state in which a candidate matters to callers leads to a rollback in one
step that no guard holds up. The only way to a promotion is a person's word in `awaiting_approval`, and the only ways
there demand that every metric has been shown to do no harm: `inconclusive` needs that proof, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, NamedTuple

from llmgateway.rollout import guards
from llmgateway.rollout.evidence import Evidence
from llmgateway.rollout.guards import Guard, Lack, Lacking, Moment
from llmgateway.rollout.plan import Kind
from llmgateway.rollout.rollout import UNASKED, Pause, People, Rollout, State
from llmgateway.rollout.units import SAID


class Event(StrEnum):
    """What can happen to a rollout."""

    SUBMIT = "submit"
    SHADOW = "shadow"
    START = "start"
    ASK = "ask"  # a step has what it needs, and people are asked at its gate
    ADVANCE = "advance"
    HARM = "harm"
    SIGNAL = "signal"
    SRM = "srm"
    NO_DATA = "no_data"
    CONTROLLER_LOST = "controller_lost"
    PAUSE = "pause"
    ANDON = "andon"
    FEEDBACK = "feedback"
    CLEARED = "cleared"  # the cause of a pause is gone
    RESUME = "resume"
    PROVEN = "proven"
    DEADLINE = "deadline"
    PROMOTE = "promote"
    IN_FORCE = "in_force"  # every worker has the new weight
    BAKED = "baked"
    ROLL_BACK = "roll_back"
    ABORT = "abort"
    SUPERSEDE = "supersede"  # a newer rollout of the route takes its place


class Edge(NamedTuple):
    """A way from one state to another: what must hold, and what people must have done."""

    target: State
    guards: tuple[Guard, ...] = ()
    consent: tuple[Guard, ...] = ()


PAUSES: Final[Mapping[Event, Pause]] = {
    Event.PAUSE: Pause.MANUAL,
    Event.SIGNAL: Pause.SIGNAL_METRIC,
    Event.NO_DATA: Pause.NO_DATA,
    Event.SRM: Pause.SRM,
    Event.CONTROLLER_LOST: Pause.CONTROLLER_LOST,
    Event.ANDON: Pause.ANDON,
    Event.FEEDBACK: Pause.FEEDBACK,
}

BY_PEOPLE: Final = frozenset({Event.PAUSE, Event.ANDON})
_FLOORS: Final = (guards.step_time, guards.step_units, guards.no_alarm, guards.heard_of_all)
_CALM: Final = (guards.no_alarm, guards.heard_of_all)
_WORD: Final = (guards.approved, guards.no_concerns, guards.rationale, guards.seen_enough)
_BACK: Final = Edge(State.ROLLING_BACK)
_PAUSED: Final = Edge(State.PAUSED)
_HALTED: Final = Edge(State.PAUSED, (guards.halts_left,))


def _pausing(event: Event) -> Edge:
    return _HALTED if event in BY_PEOPLE else _PAUSED


TABLE: Final[Mapping[tuple[State, Event], Edge]] = {
    (State.DRAFT, Event.SUBMIT): Edge(State.PENDING_START, (), (guards.preflight,)),
    (State.DRAFT, Event.ABORT): Edge(State.ABORTED),
    (State.DRAFT, Event.SUPERSEDE): Edge(State.SUPERSEDED),
    (State.PENDING_START, Event.SHADOW): Edge(State.SHADOW, (guards.has_shadow,), (guards.start_approved,)),
    (State.PENDING_START, Event.START): Edge(State.CANARY, (guards.has_no_shadow,), (guards.start_approved,)),
    (State.PENDING_START, Event.ABORT): Edge(State.ABORTED),
    (State.PENDING_START, Event.SUPERSEDE): Edge(State.SUPERSEDED),
    (State.SHADOW, Event.START): Edge(State.CANARY, (guards.shadowed, guards.no_alarm)),
    (State.SHADOW, Event.HARM): Edge(State.ROLLED_BACK),
    (State.SHADOW, Event.ROLL_BACK): Edge(State.ROLLED_BACK),
    (State.SHADOW, Event.SUPERSEDE): Edge(State.SUPERSEDED),
    (State.CANARY, Event.ASK): Edge(State.CANARY, (guards.unasked_gate, guards.more_steps, *_FLOORS)),
    (State.CANARY, Event.ADVANCE): Edge(State.CANARY, (guards.more_steps, *_FLOORS), (guards.gate_approved,)),
    (State.CANARY, Event.PROVEN): Edge(State.AWAITING_APPROVAL, (guards.last_step, *_FLOORS, guards.proven)),
    (State.CANARY, Event.DEADLINE): Edge(State.INCONCLUSIVE, (guards.overdue,)),
    **{(State.CANARY, event): _pausing(event) for event in PAUSES},
    (State.CANARY, Event.HARM): _BACK,
    (State.CANARY, Event.ROLL_BACK): _BACK,
    (State.PAUSED, Event.CLEARED): Edge(State.CANARY, (guards.ends_by_itself, guards.calmed_down, *_CALM)),
    (State.PAUSED, Event.RESUME): Edge(State.CANARY, (guards.data_again, guards.epochs_left), (guards.says_why,)),
    (State.PAUSED, Event.PAUSE): _HALTED,  # a person's word replaces a cause that would end by itself
    (State.PAUSED, Event.ANDON): _HALTED,
    (State.PAUSED, Event.HARM): _BACK,
    (State.PAUSED, Event.ROLL_BACK): _BACK,
    (State.PAUSED, Event.ABORT): Edge(State.ABORTED),
    (State.PAUSED, Event.SUPERSEDE): Edge(State.SUPERSEDED, (), (guards.says_why,)),
    **{(State.AWAITING_APPROVAL, event): _pausing(event) for event in PAUSES},
    (State.AWAITING_APPROVAL, Event.PROMOTE): Edge(State.PROMOTING, (*_CALM, guards.judged_proven), _WORD),
    (State.AWAITING_APPROVAL, Event.HARM): _BACK,
    (State.AWAITING_APPROVAL, Event.ROLL_BACK): _BACK,
    (State.PROMOTING, Event.IN_FORCE): Edge(State.BAKE),
    (State.PROMOTING, Event.HARM): _BACK,
    (State.PROMOTING, Event.ROLL_BACK): _BACK,
    (State.BAKE, Event.BAKED): Edge(State.SUCCEEDED, (guards.baked, *_CALM)),
    (State.BAKE, Event.HARM): _BACK,
    (State.BAKE, Event.ROLL_BACK): _BACK,
    (State.INCONCLUSIVE, Event.PROVEN): Edge(State.AWAITING_APPROVAL, (guards.last_step, *_FLOORS, guards.proven)),
    (State.INCONCLUSIVE, Event.HARM): _BACK,
    (State.INCONCLUSIVE, Event.ROLL_BACK): _BACK,
    (State.ROLLING_BACK, Event.IN_FORCE): Edge(State.ROLLED_BACK),
}  # fmt: skip
_NEW_EVIDENCE: Final = frozenset(
    {State.PENDING_START, State.CANARY, State.AWAITING_APPROVAL}
)  # what was approved is old


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something that happened: what, when (Unix seconds), who did it (empty: the controller), and the reason given."""

    event: Event
    at: float
    actor: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of a rollout's history, to be applied where the store still has `before.revision`."""

    before: Rollout
    after: Rollout
    occurrence: Occurrence
    evidence_hash: str

    @property
    def key(self) -> str:
        """The same for the same transition tried twice."""
        return f"{self.before.id}:{self.after.revision}:{self.occurrence.event}"


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a rollout stays where it is: everything that is lacking, never empty."""

    lacks: tuple[Lack, ...]


def follow(
    rollout: Rollout, occurrence: Occurrence, evidence: Evidence, people: People = UNASKED
) -> Transition | Refused:
    """Where `occurrence` leads, or what is lacking."""
    edge = TABLE.get((rollout.state, occurrence.event))
    if edge is None:
        return Refused((Lack(Lacking.EDGE, {"state": rollout.state, "event": occurrence.event}),))
    at = guards.moment(rollout, evidence, occurrence.at, people, occurrence.reason)
    if lacks := lacking(edge, at):
        return Refused(lacks)
    return Transition(rollout, _moved(edge.target, occurrence.event, at), occurrence, evidence.hash())


def lacking(edge: Edge, at: Moment) -> tuple[Lack, ...]:
    """Everything that keeps a rollout from going along `edge`."""
    return tuple(lack for guard in (*edge.guards, *edge.consent) if (lack := guard(at)) is not None)


def awaited(rollout: Rollout) -> Event | None:
    """What has to come in a step before people are asked for their word; None where it ends without them."""
    if rollout.state is not State.CANARY:
        return None
    if rollout.plan.is_last(rollout.step):
        return Event.PROVEN
    return Event.ASK if guards.has_gate(rollout) else None


def _moved(target: State, event: Event, at: Moment) -> Rollout:
    before, now = at.rollout, at.now
    after = replace(before, state=target, since=now, revision=before.revision + 1, pause=PAUSES.get(event), asked=False)
    if event in BY_PEOPLE:
        after = replace(after, halts=before.halts + 1)
    if event is Event.ASK:
        after = replace(after, since=before.since, asked=True)
    elif event is Event.ADVANCE:
        after = replace(after, step=before.step + 1, step_since=now)
    elif event is Event.START:
        after = replace(after, step_since=now, started=now)
    elif before.state is State.PAUSED:
        after = replace(after, step_since=before.step_since + now - before.since)
    if event is Event.RESUME:
        after = _noted(after, at)
    if target in _NEW_EVIDENCE:
        after = replace(after, evidence_hash=at.evidence.hash())
    is_new_weight = after.weight != before.weight or after.srm_from > before.epoch
    return replace(after, epoch=before.epoch + 1) if is_new_weight else after


def _noted(after: Rollout, at: Moment) -> Rollout:
    """What a person who resumes has taken note of does not pause the rollout again."""
    if at.rollout.pause is Pause.SRM:
        return replace(after, srm_from=at.rollout.epoch + 1)
    if at.rollout.pause is Pause.SIGNAL_METRIC:
        return replace(after, accepted=at.rollout.accepted.union(at.read.culprits(Kind.SIGNAL)))
    if at.rollout.pause is Pause.FEEDBACK:
        return replace(after, accepted=at.rollout.accepted.union(SAID + name for name in at.read.lopsided))
    return after
