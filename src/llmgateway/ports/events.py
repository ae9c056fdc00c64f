"""Port for events: a part of the store (`ports/store.py`), written by whatever acts by itself in the control process.

The newest `MAX_EVENTS` are kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from llmgateway.domain.event import EventKind, EventSeverity, GatewayEvent

MAX_EVENTS: Final = 20_000


@dataclass(frozen=True, slots=True)
class WantedEvents:
    """Which events to read; None wants all. `is_open`: alarms that have not cleared."""

    kind: EventKind | None = None
    severity: EventSeverity | None = None
    route: str | None = None
    since: float | None = None  # at or after
    until: float | None = None  # before
    is_open: bool = False


class EventReader(Protocol):
    """Reading; bounded as all reading is."""

    async def events(self, wanted: WantedEvents, *, limit: int, before: str | None = None) -> list[GatewayEvent]:
        """The newest first, those of one moment in the reverse of the order in which they were added; older than the
        event `before`, which asks for the next page.
        """
        ...

    async def event(self, event_id: str) -> GatewayEvent | None: ...


class EventWriter(Protocol):
    """Writing."""

    async def add_events(self, events: Sequence[GatewayEvent]) -> list[GatewayEvent]:
        """Save those that are not there already; returns them."""
        ...

    async def clear_event(self, event_id: str, at: float) -> bool:
        """Note that an alarm's cause is gone. False: it was not open."""
        ...

    async def note_undone(self, event_id: str, by: str, at: float) -> bool:
        """Note that somebody took it back. False: it is not there, or somebody has already."""
        ...
