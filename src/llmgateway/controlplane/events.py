"""What the gateway does by itself, or notices, on its way into the store, and to those who want to be told.

    note, clear ─► what waits ─► store, in order ─► of what is new there: counts, and webhooks

Whoever notes something waits for nobody. A store that is away is waited for; when too much waits, the oldest is let go
and counted. What must never be lost is saved in the transaction of the act itself (`ports.rollouts.move_rollout`), and
`saved` hears of it.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from html import escape
from itertools import takewhile
from typing import Any, Final, NamedTuple, Protocol

from llmgateway.controlplane.patience import Patience
from llmgateway.domain.event import EventKind, EventSeverity, GatewayEvent
from llmgateway.ports.events import EventReader, EventWriter, WantedEvents
from llmgateway.ports.store import StoreError, StoreRejectedError

MAX_WAITING: Final = 1_000
MAX_OPEN: Final = 1_000
BATCH: Final = 100
FINISH_S: Final = 2.0  # for what waits when the gateway stops
_TOLD: Final = frozenset({EventSeverity.WARNING, EventSeverity.ALARM})
_LEVELS: Final = {
    EventSeverity.INFO: logging.INFO,
    EventSeverity.WARNING: logging.WARNING,
    EventSeverity.ALARM: logging.WARNING,
}
_OPEN: Final = WantedEvents(is_open=True)
_NEVER: Final = (StoreRejectedError, TypeError, ValueError)  # what no other try makes good

log = logging.getLogger(__name__)
Message = Mapping[str, Any]


class EventStore(EventReader, EventWriter, Protocol):
    """The part of the store that is needed here."""

    async def open(self) -> None: ...


class Cleared(NamedTuple):
    """An alarm's cause is gone."""

    event_id: str
    at: float


Key = tuple[str, bool]
"""An event's id, and whether it is its end that waits."""
Line = dict[Key, GatewayEvent | Cleared]


class EventFigures(NamedTuple):
    """What /metrics shows. `counts`: since the start; `open`: alarms that last, None while nobody knows."""

    counts: Mapping[tuple[EventKind, EventSeverity], int]
    open: Mapping[EventKind, int] | None
    dropped: int


class Events:
    """One task calls `run`. `tell`: who tells webhooks.

    `counts`: events that are new in the store since the start, by kind and severity. `open`: the alarms that last, by
    id, at most the last MAX_OPEN; None until they are known. `dropped`: events and clearings that are in no store and
    never will be.
    """

    def __init__(self, store: EventStore, tell: Callable[[Message], None] = lambda _: None) -> None:
        self.tell = tell
        self.counts: dict[tuple[EventKind, EventSeverity], int] = {}
        self.open: dict[str, GatewayEvent] | None = None
        self.dropped = 0
        self._store = store
        self._waiting: Line = {}
        self._taken: Line = {}  # off the line, not in the store yet
        self._patience = Patience("events")
        self._wake = asyncio.Event()
        self._wake.set()  # what is open has to be read

    def note(self, event: GatewayEvent) -> None:
        """Have an event written, soon. One whose id waits, or is in the store already, is nothing new."""
        self._add((event.id, False), event)

    def clear(self, event_id: str, at: float) -> None:
        """Have it written that an alarm's cause is gone; of no effect where it is not open."""
        self._add((event_id, True), Cleared(event_id, at))

    def saved(self, event: GatewayEvent) -> None:
        """Hear of an event that somebody else has saved, and told."""
        key = event.kind, event.severity
        self.counts[key] = self.counts.get(key, 0) + 1
        if self.open is not None and event.severity is EventSeverity.ALARM:
            self.open[event.id] = event
            if len(self.open) > MAX_OPEN:
                self.open.pop(next(iter(self.open)))

    async def run(self) -> None:
        """Write what waits, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while not await self._patience.tried(self.write):
                pass

    async def finish(self) -> None:
        """Write what waits now; the gateway is about to stop, and a store that is away is not waited for."""
        if not self.waiting:
            return
        try:
            async with asyncio.timeout(FINISH_S):
                await self.write()
        except (StoreError, TimeoutError) as error:
            log.warning("%d events are lost: %s", self.waiting, str(error) or "the store takes too long")

    def figures(self) -> EventFigures:
        """What is known now."""
        return EventFigures(
            dict(self.counts),
            None if self.open is None else Counter(each.kind for each in self.open.values()),
            self.dropped,
        )

    def lasting(self) -> tuple[GatewayEvent, ...]:
        """The alarms that have not cleared, as far as is known, the oldest first."""
        return tuple((self.open or {}).values())

    def is_ending(self, event_id: str) -> bool:
        """Whether it waits to be written that an alarm is over: what begins now is another one."""
        return (event_id, True) in self._waiting or (event_id, True) in self._taken

    @property
    def waiting(self) -> int:
        """How many events and clearings are not in the store yet."""
        return len(self._waiting) + len(self._taken)

    async def write(self) -> None:
        """Write all that waits, in order; raises StoreError, and what is not written goes on waiting."""
        if self.open is None:
            newest_first = await self._store.events(_OPEN, limit=MAX_OPEN)
            self.open = {each.id: each for each in reversed(newest_first)}
        while self._waiting or self._taken:
            while self._waiting and len(self._taken) < BATCH:
                key = next(iter(self._waiting))
                self._taken[key] = self._waiting.pop(key)
            key, first = next(iter(self._taken.items()))
            if isinstance(first, Cleared):
                await self._clear(first)
                del self._taken[key]
            else:
                ahead = takewhile(_is_event, self._taken.values())
                await self._save([each for each in ahead if not isinstance(each, Cleared)])

    def _add(self, key: Key, what: GatewayEvent | Cleared) -> None:
        if key in self._waiting or key in self._taken:
            return  # whoever looks now and then says it again, as long as the store is away
        if len(self._waiting) >= MAX_WAITING:
            del self._waiting[next(iter(self._waiting))]
            self.dropped += 1
        self._waiting[key] = what
        self._wake.set()

    async def _save(self, events: Sequence[GatewayEvent]) -> None:
        """Save events that come one after the other; one that the store will never take is let go."""
        try:
            new = await self._store.add_events(events)
        except _NEVER as error:
            if len(events) > 1:
                for each in events:
                    await self._save([each])
                return
            log.exception("event %s can't be stored: %s", events[0].id, type(error).__name__)
            self.dropped += 1
            new = []
        for each in events:
            self._taken.pop((each.id, False), None)
        for each in new:
            self.saved(each)
            log.log(_LEVELS[each.severity], "event %s: %s", each.id, each.action)  # its text may be a backend's words
            if each.severity in _TOLD:
                self.tell(message(each))

    async def _clear(self, cleared: Cleared) -> None:
        is_cleared = await self._store.clear_event(cleared.event_id, cleared.at)
        if self.open is not None:
            self.open.pop(cleared.event_id, None)  # also of one that the store has forgotten, as it had too many
        if not is_cleared:
            return
        event = await self._store.event(cleared.event_id)
        if event is not None:
            self.tell(message(event))


def message(event: GatewayEvent) -> dict[str, Any]:
    """What a webhook is sent of an event that is new, or has cleared."""
    is_over = event.cleared_at is not None
    about = [each for each in (event.route, event.version, event.backend) if each]
    head = f"{'Cleared' if is_over else event.severity.value.capitalize()} ({event.kind.value}{_of(about)})"
    back = (
        f" Take it back: llmgateway events undo {event.id} --reason …" if event.undo is not None and not is_over else ""
    )
    return {
        "text": escape(f"{head}: {event.text}{back}", quote=False),  # what Slack and its like ask for
        "type": "event",
        "key": f"{event.id}:cleared" if is_over else event.id,
        "event": shown(event),
    }


def shown(event: GatewayEvent) -> dict[str, Any]:
    """An event as JSON."""
    return {
        "id": event.id,
        "at": event.at,
        "kind": event.kind.value,
        "action": event.action,
        "severity": event.severity.value,
        "text": event.text,
        "route": event.route,
        "version": event.version,
        "backend": event.backend,
        "figures": dict(event.figures),
        "undo": None if event.undo is None else dict(event.undo),
        "cleared_at": event.cleared_at,
        "undone_at": event.undone_at,
        "undone_by": event.undone_by,
    }


def _of(about: Sequence[str]) -> str:
    return f", {' / '.join(about)}" if about else ""


def _is_event(what: GatewayEvent | Cleared) -> bool:
    return not isinstance(what, Cleared)
