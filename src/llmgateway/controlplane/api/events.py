"""What the gateway did by itself, or noticed: listed, shown, taken back."""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from llmgateway.controlplane.asking import AUTHOR_HEADER, author
from llmgateway.controlplane.endpoints import Asked, Endpoint, Routes
from llmgateway.controlplane.events import shown
from llmgateway.controlplane.query import MAX_PAGE, Kind, Param
from llmgateway.controlplane.refused import lost_cursor
from llmgateway.controlplane.replies import reply
from llmgateway.controlplane.undoing import Undoing
from llmgateway.domain.event import EventKind, EventSeverity
from llmgateway.ports.events import EventReader, WantedEvents

PATH: Final = "/admin/v1/events"
MAX_ID: Final = 300
_FILTERS: Final = (
    Param("kind", Kind.TEXT, "Only of this kind.", choices=tuple(EventKind)),
    Param("severity", Kind.TEXT, "Only of this severity.", choices=tuple(EventSeverity)),
    Param("route", Kind.TEXT, "Only about this route."),
    Param("since", Kind.TIME, "Then or later: Unix seconds, or a time with its zone."),
    Param("until", Kind.TIME, "Before then; written like since."),
    Param("open", Kind.FLAG, "Only alarms that have not cleared.", default=False),
)
_PAGE: Final = (
    *_FILTERS,
    Param("limit", Kind.WHOLE, "How many at most.", default=50, low=1, high=MAX_PAGE),
    Param("before", Kind.TEXT, "Only those before this event: `next` of the page before.", high=MAX_ID),
)
_REASON: Final = (Param("reason", Kind.TEXT, "Why; has to be given, and stays where the act is written down."),)
_MISSING: Final = "There is no such event: only the newest are kept."


def endpoints(events: EventReader, undoing: Undoing) -> Routes:
    """The family's part of the table."""
    family = _EventsFamily(events, undoing)
    return {
        ("GET", PATH): Endpoint(
            family.every,
            is_query=True,
            summary="What the gateway did by itself, or noticed, the newest first.",
            query=_PAGE,
            answers={200: "A page; `next` asks for the one after.", 503: "The store is away."},
        ),
        ("GET", f"{PATH}/{{id}}"): Endpoint(
            family.show,
            is_query=True,
            summary="One event: what, why, on which figures, and what takes it back.",
            query=(),
            answers={200: "The event.", 404: _MISSING},
        ),
        ("POST", f"{PATH}/{{id}}/undo"): Endpoint(
            family.undo,
            is_query=True,
            summary="Take an event back, by the act that its `undo` names.",
            query=_REASON,
            headers={AUTHOR_HEADER: "Who asks for it; stays with the event."},
            answers={
                200: "It is taken back; the event as it is now.",
                404: _MISSING,
                409: "Nothing takes it back, somebody has, it is over, or things have moved on; `message` says it.",
                422: "No reason was given.",
            },
        ),
    }


class _EventsFamily:
    def __init__(self, events: EventReader, undoing: Undoing) -> None:
        self._events = events
        self._undoing = undoing

    async def every(self, asked: Asked) -> web.StreamResponse:
        limit, before = asked.query["limit"], asked.query["before"]
        found = await self._events.events(_wanted(asked.query), limit=limit + 1, before=before)
        if not found and before is not None and await self._events.event(before) is None:
            raise lost_cursor("before", "event")
        following = found[limit - 1].id if len(found) > limit else None
        return reply(200, {"events": [shown(each) for each in found[:limit]], "next": following})

    async def show(self, asked: Asked) -> web.StreamResponse:
        return reply(200, {"event": shown(await self._undoing.event(asked.names["id"]))})

    async def undo(self, asked: Asked) -> web.StreamResponse:
        done = await self._undoing.undo(asked.names["id"], author(asked), asked.query["reason"] or "")
        return reply(200, {"event": shown(done)})


def _wanted(query: Mapping[str, Any]) -> WantedEvents:
    kind, severity = query["kind"], query["severity"]
    return WantedEvents(
        kind=None if kind is None else EventKind(kind),
        severity=None if severity is None else EventSeverity(severity),
        route=query["route"],
        since=query["since"],
        until=query["until"],
        is_open=query["open"],
    )
