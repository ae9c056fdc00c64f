"""The gateway itself in distress, as alarms: it turns work away, because that is too much, or can't write its log."""

from collections.abc import Sequence
from typing import Any, Final

from llmgateway.controlplane.events import Events
from llmgateway.controlplane.spells import Spells
from llmgateway.controlplane.worker import WorkerState
from llmgateway.domain.clock import Clock
from llmgateway.domain.event import EventKind, EventSeverity, GatewayEvent

SHEDDING: Final = 2  # the step of the overload ladder from which on callers feel it
AFTER_S: Final = 3.0
CALM_S: Final = 15.0
OVERLOADED: Final = "overloaded"
LOG_FULL: Final = "log_full"


class Distress:
    """`look` now and then."""

    def __init__(self, events: Events, clock: Clock) -> None:
        self._events = events
        self._clock = clock
        self._spells = Spells(AFTER_S, CALM_S)
        self._calm_at = clock.monotonic() + CALM_S  # until then not every worker may have told how it is

    def look(self, workers: Sequence[WorkerState]) -> None:
        """Note what has begun, and what is over."""
        known = self._events.open
        if known is None:
            return  # the store could not be read yet
        now, alarms = self._clock.monotonic(), [each for each in known.values() if each.kind is EventKind.GATEWAY]
        told = {each.action for each in alarms if not self._events.is_ending(each.id)}
        found = felt(workers)
        for action in self._spells.look(found, now):
            if action not in told:
                self._events.note(alarm(action, found[action], self._clock.time()))
        for event in alarms:
            if now >= self._calm_at and event.action not in self._spells:
                self._events.clear(event.id, self._clock.time())


def felt(workers: Sequence[WorkerState]) -> dict[str, list[WorkerState]]:
    """What callers feel now, and at which workers."""
    found = {
        OVERLOADED: [each for each in workers if each.gauge("overload_step") >= SHEDDING],
        LOG_FULL: [each for each in workers if each.gauge("journal_full")],
    }
    return {action: there for action, there in found.items() if there}


def alarm(action: str, workers: Sequence[WorkerState], at: float) -> GatewayEvent:
    """The alarm of what is felt at these workers. It ends with its cause: nothing takes it back."""
    slots = [each.slot for each in workers]
    where = f"{'Worker' if len(slots) == 1 else 'Workers'} {', '.join(map(str, slots))}"
    figures: dict[str, Any] = {"workers": slots}
    if action == LOG_FULL:
        text = f"{where}: the journal can't be written, and new exchanges get 503 log_store_full. Free disk space."
    else:
        causes = sorted({each.word("overload_cause") or "" for each in workers} - {""})
        steps = {str(each.slot): int(each.gauge("overload_step")) for each in workers}
        text = f"{where}: too much to do ({', '.join(causes) or 'load'}), and some new exchanges get 503 overloaded."
        figures |= {"steps": steps, "causes": causes}
    return GatewayEvent(
        id=f"gateway-{action}-{round(1_000 * at):x}",
        at=at,
        kind=EventKind.GATEWAY,
        action=action,
        severity=EventSeverity.ALARM,
        text=text,
        figures=figures,
    )
