"""Backends that are put out, as alarms: from the moment they are out until they are in again. And those that should be
out and are kept in, because nobody else is left who could answer.

One outage is one event, however often an attempt finds out in between that it is not over. Workers tell a new control
who is out: what a killed one had noticed is there already, and what it had not is noticed now.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from llmgateway.controlplane.backends import Backends, Outage
from llmgateway.controlplane.byhand import WHY, suspicion
from llmgateway.controlplane.distress import Distress
from llmgateway.controlplane.events import Events
from llmgateway.controlplane.link import Links
from llmgateway.controlplane.spells import Spells
from llmgateway.controlplane.worker import WorkerState
from llmgateway.domain.clock import Clock
from llmgateway.domain.event import EventKind, EventSeverity, GatewayEvent
from llmgateway.domain.undo import UndoAct
from llmgateway.routing.health import IN, Reason

LOOK_S: Final = 1.0
EJECTED: Final = "ejected"
SICK: Final = "sick"
SICK_S: Final = 5.0  # without a break: less than that is not worth telling
CALM_S: Final = 15.0  # without being sick: it is over
NOBODY: Final[Mapping[str, Reason]] = {}
SETTLE_S: Final = 15.0  # after a start: until then not every worker has told who is out


async def look_after(backends: Backends, links: Links, events: Events | None, clock: Clock) -> None:
    """See each second who does not use the leave to try a backend, who is out and in again, and how the workers are;
    until cancelled.
    """
    outages = Outages(events, backends, clock) if events is not None else None
    distress = Distress(events, clock) if events is not None else None
    while True:
        await asyncio.sleep(LOOK_S)
        live = links.live()
        backends.tick({worker.slot: worker for worker in live}, clock.monotonic())
        links.share()
        if outages is not None:
            outages.look(kept_in(live))
        if distress is not None:
            distress.look(live)


def kept_in(workers: Iterable[WorkerState]) -> dict[str, Reason]:
    """The backends that some worker would have taken out, were they not needed, and what for."""
    pools = [item for worker in workers for item in worker.pools().items()]
    return {name: reason for name, pool in pools if (reason := suspicion([pool])) is not None}


class Outages:
    """`look` now and then."""

    def __init__(self, events: Events, backends: Backends, clock: Clock) -> None:
        self._events = events
        self._backends = backends
        self._clock = clock
        self._settled_at = clock.monotonic() + SETTLE_S
        self._sick = Spells(SICK_S, CALM_S)

    def look(self, sick: Mapping[str, Reason] = NOBODY) -> None:
        """Note who was put out since the last look, and who is in again.

        `sick`: who should be out and is kept in, and what for.
        """
        known = self._events.open
        if known is None:
            return  # the store could not be read yet
        now, outages = self._clock.monotonic(), self._backends.outages
        alarms = [event for event in known.values() if event.kind is EventKind.BACKEND]
        told = {(event.backend, event.action) for event in alarms if not self._events.is_ending(event.id)}
        while outages:
            outage = outages.popleft()
            if (outage.backend, EJECTED) not in told:
                self._events.note(event_of(outage, self._clock.time() + outage.at - now))
        for name in self._sick.look(sick, now):
            if (name, SICK) not in told:
                self._events.note(sick_event(name, sick.get(name), self._clock.time()))
        if now >= self._settled_at:
            self._clear(alarms)

    def _clear(self, alarms: Iterable[GatewayEvent]) -> None:
        out = {entry.backend.name for entry in self._backends if entry.health.state is not IN}
        for event in alarms:
            is_over = event.backend not in out if event.action == EJECTED else event.backend not in self._sick
            if is_over:
                self._events.clear(event.id, self._clock.time())


def event_of(outage: Outage, at: float) -> GatewayEvent:
    """The alarm of an outage that began `at`."""
    why = WHY[outage.reason] + (f" ({outage.detail})" if outage.detail else "")
    # a worker that has seen enough speaks up before it tells what it counted: nothing is known then, which is not none
    counted = {"attempts": outage.attempts, "faults": outage.faults} if outage.attempts else {}
    return GatewayEvent(
        id=f"backend-{outage.backend}-{round(1_000 * at):x}",
        at=at,
        kind=EventKind.BACKEND,
        action=EJECTED,
        severity=EventSeverity.ALARM,
        text=f"The backend {outage.backend} gets no new exchanges: {why}. "
        f"It is tried again after {outage.seconds:.3g} s, and then by and by.",
        backend=outage.backend,
        figures={
            "reason": outage.reason.value,
            "seconds": round(outage.seconds, 3),
            "ejections": outage.ejections,
            **counted,
        },
        undo={"act": UndoAct.HEAL.value, "backend": outage.backend},
    )


def sick_event(backend: str, reason: Reason | None, at: float) -> GatewayEvent:
    """The alarm that one fails and is kept in. Nothing was done, so nothing takes it back."""
    why = f" ({WHY[reason]})" if reason is not None else ""
    return GatewayEvent(
        id=f"backend-{backend}-sick-{round(1_000 * at):x}",
        at=at,
        kind=EventKind.BACKEND,
        action=SICK,
        severity=EventSeverity.ALARM,
        text=f"The backend {backend} fails{why} and is kept in, because too many others that could answer are out or "
        "there are none: exchanges are tried there, and fall back where the route has somewhere to fall.",
        backend=backend,
        figures={"reason": reason.value} if reason is not None else {},
    )
