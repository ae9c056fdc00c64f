"""Backends that are put out, as alarms: from the moment they are out until they are in again.

One outage is one event, however often an attempt finds out in between that it is not over. Workers tell a new control
who is out: what a killed one had noticed is there already, and what it had not is noticed now.
"""

import asyncio
from typing import Final

from llmgateway.controlplane.backends import Backends, Outage
from llmgateway.controlplane.byhand import WHY
from llmgateway.controlplane.events import Events
from llmgateway.controlplane.link import Links
from llmgateway.domain.clock import Clock
from llmgateway.domain.event import EventKind, EventSeverity, GatewayEvent
from llmgateway.domain.undo import UndoAct
from llmgateway.routing.health import IN

LOOK_S: Final = 1.0
SETTLE_S: Final = 15.0  # after a start: until then not every worker has told who is out


async def look_after(backends: Backends, links: Links, events: Events | None, clock: Clock) -> None:
    """See each second who does not use the leave to try a backend, and who is out and in again; until cancelled."""
    outages = Outages(events, backends, clock) if events is not None else None
    while True:
        await asyncio.sleep(LOOK_S)
        workers = {worker.slot: worker for worker in links.live()}
        backends.tick(workers, clock.monotonic())
        links.share()
        if outages is not None:
            outages.look()


class Outages:
    """`look` now and then."""

    def __init__(self, events: Events, backends: Backends, clock: Clock) -> None:
        self._events = events
        self._backends = backends
        self._clock = clock
        self._settled_at = clock.monotonic() + SETTLE_S

    def look(self) -> None:
        """Note who was put out since the last look, and who is in again."""
        known = self._events.open
        if known is None:
            return  # the store could not be read yet
        now, outages = self._clock.monotonic(), self._backends.outages
        out = {event.backend for event in known.values() if event.kind is EventKind.BACKEND}
        while outages:
            outage = outages.popleft()
            if outage.backend not in out:
                self._events.note(event_of(outage, self._clock.time() + outage.at - now))
        if now >= self._settled_at:
            self._clear()

    def _clear(self) -> None:
        sick = {entry.backend.name for entry in self._backends if entry.health.state is not IN}
        for event in tuple((self._events.open or {}).values()):
            if event.kind is EventKind.BACKEND and event.backend not in sick:
                self._events.clear(event.id, self._clock.time())


def event_of(outage: Outage, at: float) -> GatewayEvent:
    """The alarm of an outage that began `at`."""
    why = WHY[outage.reason] + (f" ({outage.detail})" if outage.detail else "")
    return GatewayEvent(
        id=f"backend-{outage.backend}-{round(1_000 * at):x}",
        at=at,
        kind=EventKind.BACKEND,
        action="ejected",
        severity=EventSeverity.ALARM,
        text=f"The backend {outage.backend} gets no new exchanges: {why}. "
        f"It is tried again after {outage.seconds:.3g} s, and then by and by.",
        backend=outage.backend,
        figures={
            "reason": outage.reason.value,
            "seconds": round(outage.seconds, 3),
            "ejections": outage.ejections,
            "attempts": outage.attempts,
            "faults": outage.faults,
        },
        undo={"act": UndoAct.HEAL.value, "backend": outage.backend},
    )
