"""Moves of a rollout that nobody asked for, as events: what happened, on which counts, and what takes it back."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from llmgateway.config.snapshot import Route
from llmgateway.controlplane.rollouts.records import Running
from llmgateway.domain.event import EventKind, EventSeverity, GatewayEvent
from llmgateway.domain.undo import UndoAct
from llmgateway.ports.rollouts import TransitionRecord
from llmgateway.rollout.counts import total
from llmgateway.rollout.evidence import Evidence
from llmgateway.rollout.states import Event


class Move(NamedTuple):
    """What an event of the state table is to people. `undo` None: nothing takes it back, or there is nothing to."""

    action: str
    severity: EventSeverity
    text: str
    undo: UndoAct | None = None


_INFO, _WARNING = EventSeverity.INFO, EventSeverity.WARNING
_PAUSE: Final = "pause"

MOVES: Final[Mapping[Event, Move]] = {
    Event.SHADOW: Move("shadow", _INFO, "has begun: the candidate answers copies", UndoAct.ROLLBACK),
    Event.START: Move("start", _INFO, "has begun: {weight:.3g} % of assignments go to the candidate", UndoAct.ROLLBACK),
    Event.ASK: Move(
        "ask",
        _WARNING,
        "has all that step {step} needs, and waits for people at its gate: llmgateway rollout approve {route}",
        UndoAct.ROLLBACK,
    ),
    Event.ADVANCE: Move(
        "advance", _INFO, "is at step {step} of {steps}: {weight:.3g} % go to the candidate", UndoAct.ROLLBACK
    ),
    Event.HARM: Move("roll_back", _WARNING, "is rolled back: the candidate does harm", UndoAct.START),
    Event.SIGNAL: Move(_PAUSE, _WARNING, "is paused: a signal metric got worse", UndoAct.RESUME),
    Event.SRM: Move(_PAUSE, _WARNING, "is paused: assignments do not follow the weights", UndoAct.RESUME),
    Event.NO_DATA: Move(_PAUSE, _WARNING, "is paused: a metric has judged nothing for too long", UndoAct.RESUME),
    Event.FEEDBACK: Move(
        _PAUSE, _WARNING, "is paused: users speak of one version more often than of the other", UndoAct.RESUME
    ),
    Event.CONTROLLER_LOST: Move(_PAUSE, _WARNING, "is paused: nobody was watching for a while", UndoAct.RESUME),
    Event.CLEARED: Move("resume", _INFO, "goes on: the cause of its pause is gone", UndoAct.PAUSE),
    Event.PROVEN: Move(
        "proven",
        _WARNING,
        "is shown to do no harm, and waits for people: llmgateway rollout approve {route}, and promote",
    ),
    Event.DEADLINE: Move("inconclusive", _WARNING, "is past its deadline, with no proof of harm nor of the opposite"),
    Event.IN_FORCE: Move("in_force", _INFO, "is in force on every worker"),
    Event.BAKED: Move("succeed", _INFO, "has succeeded: the candidate is the stable version", UndoAct.WEIGHTS),
    Event.ROLL_BACK: Move("roll_back", _WARNING, "is rolled back"),
    Event.ABORT: Move("abort", _WARNING, "is given up"),
    Event.SUPERSEDE: Move("supersede", _INFO, "has made room for another"),
}


def automatic(after: Running, row: TransitionRecord, evidence: Evidence, route: Route | None) -> GatewayEvent | None:
    """The event that a move is; None where somebody asked for it. `after`: the rollout where it has got to."""
    if row.actor:
        return None
    record, move = after.record, MOVES.get(Event(row.event), Move(row.event, _INFO, f"has moved ({row.event})"))
    plan = after.rollout.plan
    words = {"route": record.route, "step": row.step + 1, "steps": len(plan.steps), "weight": 100 * row.weight}
    why = f" ({row.reason})" if row.reason else ""
    counts = _counts(evidence)
    return GatewayEvent(
        id=f"rollout-{record.id}-{row.revision}",
        at=row.at,
        kind=EventKind.ROLLOUT,
        action=move.action,
        severity=move.severity,
        text=f"The rollout of {record.candidate} on {record.route} {move.text.format(**words)}{why}.{_said(counts)}",
        route=record.route,
        version=record.candidate,
        figures={
            "rollout": record.id,
            "revision": row.revision,
            "cause": row.event,
            "from": row.from_state,
            "to": row.to_state,
            "weight": row.weight,
            "evidence_hash": row.evidence_hash,
            "metrics": counts,
        },
        undo=_undo(move.undo, after, row, route),
    )


def _undo(act: UndoAct | None, after: Running, row: TransitionRecord, route: Route | None) -> Mapping[str, Any] | None:
    if act is None:
        return None
    record = after.record
    undo = {"act": act.value, "route": record.route, "rollout": record.id, "revision": row.revision}
    if act is not UndoAct.WEIGHTS:
        return undo
    weights = {each.name: each.weight for each in route.versions} if route is not None else {}
    if not weights.get(record.stable):
        return None  # the file says otherwise already: nobody knows what to go back to
    return undo | {"weights": {record.stable: weights[record.stable], record.candidate: 0.0}}


def _counts(evidence: Evidence) -> dict[str, Any]:
    """By metric: of how many units of each version how many were bad."""
    return {
        name: {"units": dict(total(units)._asdict()), "bad": dict(total(evidence.bad.get(name, {}))._asdict())}
        for name, units in evidence.units.items()
    }


def _said(counts: Mapping[str, Any]) -> str:
    parts = [
        f"{name} {each['bad']['candidate']} of {each['units']['candidate']} on the candidate, "
        f"{each['bad']['stable']} of {each['units']['stable']} on the stable version"
        for name, each in counts.items()
    ]
    return f" Bad so far: {'; '.join(parts)}." if parts else ""
