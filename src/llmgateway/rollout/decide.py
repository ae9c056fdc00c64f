"""What the controller does by itself, asked each second: the first thing that the evidence calls for, or nothing."""

from collections.abc import Callable
from typing import Final

from llmgateway.rollout import guards
from llmgateway.rollout.evidence import Evidence
from llmgateway.rollout.guards import Moment
from llmgateway.rollout.rollout import Rollout
from llmgateway.rollout.states import TABLE, Event


def _has_been_silent(at: Moment) -> bool:
    """A metric is absent, and was given the time to be heard in this state."""
    grace = {metric.name: metric.silent_s for metric in at.rollout.plan.metrics}
    return any(at.now - at.rollout.since > grace[name] for name in at.absent)


# In order: harm before all else, then what makes the comparison doubtful, then time, then what goes forward.
ALARMS: Final[tuple[tuple[Event, Callable[[Moment], bool]], ...]] = (
    (Event.HARM, lambda at: at.read.is_harmful),
    (Event.SRM, lambda at: at.read.is_unequal),
    (Event.NO_DATA, _has_been_silent),
    (Event.SIGNAL, lambda at: at.read.is_signalling),
    (Event.FEEDBACK, lambda at: bool(at.read.lopsided)),
)
FORWARD: Final = (
    Event.CLEARED,
    Event.PROVEN,
    Event.DEADLINE,
    Event.SHADOW,
    Event.START,
    Event.ASK,
    Event.ADVANCE,
    Event.BAKED,
)


def decide(rollout: Rollout, evidence: Evidence, now: float) -> Event | None:
    """The event to follow next, by evidence and time alone. `follow` may still refuse it for want of people's consent.

    Never PROMOTE, RESUME, SUBMIT or anything else that is a person's to say, nor IN_FORCE or CONTROLLER_LOST, which
    only the caller knows. Takes about as long as reading the evidence does.
    """
    events = {event for state, event in TABLE if state is rollout.state}
    if not events.intersection(FORWARD) and Event.HARM not in events:
        return None
    at = guards.moment(rollout, evidence, now)
    for event, is_on in ALARMS:
        if event in events and is_on(at):
            return event
    return next((event for event in FORWARD if event in events and _is_free(rollout, event, at)), None)


def _is_free(rollout: Rollout, event: Event, at: Moment) -> bool:
    return all(guard(at) is None for guard in TABLE[rollout.state, event].guards)
