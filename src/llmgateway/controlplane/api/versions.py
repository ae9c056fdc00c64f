"""The registry of versions: listed, shown whole, and what people say of them."""

from collections.abc import Callable
from typing import Final

from aiohttp import web

from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.asking import AUTHOR_HEADER, author, json_of
from llmgateway.controlplane.endpoints import Asked, Body, Endpoint, Routes
from llmgateway.controlplane.query import Kind, Param, page_by, page_of
from llmgateway.controlplane.refused import RefusedError
from llmgateway.controlplane.registry import Registry
from llmgateway.controlplane.replies import reply
from llmgateway.controlplane.versions import labels_in, note_in, shown, versions_of, whole_version
from llmgateway.ports.generations import GenerationReader
from llmgateway.ports.store import StoreRejectedError
from llmgateway.ports.versions import MAX_ASKED, MAX_LABEL, MAX_LABEL_VALUE, MAX_NOTE, VersionNote

_PAGE: Final = (
    Param("route", Kind.TEXT, "Only this route, which may be one of the past."),
    Param("past", Kind.FLAG, "Those as well that are not in force any more.", default=False),
    *page_by("route"),
)
_HEADERS: Final = {AUTHOR_HEADER: "Who says it; without it, the token's name."}
LABELS: Final = Body(
    "application/json",
    "Labels to set; null takes one off.",
    64 * 1024,
    {
        "type": "object",
        "required": ["labels"],
        "properties": {
            "labels": {
                "type": "object",
                "additionalProperties": {"type": ["string", "null"], "maxLength": MAX_LABEL_VALUE},
                "propertyNames": {"maxLength": MAX_LABEL},
            }
        },
        "additionalProperties": False,
    },
)
NOTE: Final = Body(
    "application/json",
    "What is to be remembered of it.",
    64 * 1024,
    {
        "type": "object",
        "required": ["text"],
        "properties": {"text": {"type": "string", "minLength": 1, "maxLength": MAX_NOTE}},
        "additionalProperties": False,
    },
)
_MISSING: Final = {404: "There is and was no such version."}
_SAID: Final = {
    200: "The version.",
    **_MISSING,
    422: "What was sent does not hold.",
    503: "The store is away. Nothing was saved.",
}


def endpoints(snapshot: Callable[[], Snapshot], history: GenerationReader, registry: Registry) -> Routes:
    """The family's part of the table."""
    family = _Versions(snapshot, history, registry)
    path = "/admin/v1/versions"
    return {
        ("GET", path): Endpoint(
            family.every,
            is_query=True,
            summary="The versions in force, by route: since when, what they are called, when they last answered.",
            query=_PAGE,
        ),
        ("GET", f"{path}/{{id}}"): Endpoint(
            family.show,
            is_query=True,
            summary="One version by its id: all it is made of, where it was in force and under what, labels and notes.",
            query=(),
            answers={200: "The version.", **_MISSING},
        ),
        ("POST", f"{path}/{{id}}/labels"): Endpoint(
            family.label,
            is_query=True,
            summary="Set labels of a version, and take some off.",
            query=(),
            body=LABELS,
            headers=_HEADERS,
            answers={**_SAID, 409: "There would be too many."},
        ),
        ("POST", f"{path}/{{id}}/notes"): Endpoint(
            family.note,
            is_query=True,
            summary="Write a note about a version.",
            query=(),
            body=NOTE,
            headers=_HEADERS,
            answers=_SAID,
        ),
    }


class _Versions:
    def __init__(self, snapshot: Callable[[], Snapshot], history: GenerationReader, registry: Registry) -> None:
        self._snapshot = snapshot
        self._history = history
        self._registry = registry

    async def every(self, asked: Asked) -> web.StreamResponse:
        now, only, past = self._snapshot(), asked.query["route"], asked.query["past"]
        routes = {*now.routes, *(await self._registry.store.version_routes() if past else ())}
        if only is not None:
            routes &= {only}
        names, following = page_of(routes, asked.query)
        seen = await self._history.seen_versions(names)
        lines = versions_of(now, names, seen, past=past)
        ids = list(dict.fromkeys(line["id"] for line in lines))[:MAX_ASKED]
        said = await self._registry.store.said_of_versions(ids)
        served = {**said.served, **self._registry.served_since()}
        return reply(200, {"versions": [shown(line, said, served) for line in lines], "next": following})

    async def show(self, asked: Asked) -> web.StreamResponse:
        return await self._shown(asked.names["id"])

    async def label(self, asked: Asked) -> web.StreamResponse:
        labels = labels_in(await json_of(asked, LABELS))
        version_id, store = asked.names["id"], self._registry.store
        try:
            is_known = await store.label_version(version_id, labels, author(asked), self._registry.clock.time())
        except StoreRejectedError as error:
            raise RefusedError(409, "too_many_labels", f"Nothing was changed: {error}.") from None
        return await self._shown(version_id, is_known=is_known)

    async def note(self, asked: Asked) -> web.StreamResponse:
        text = note_in(await json_of(asked, NOTE))
        version_id = asked.names["id"]
        note = VersionNote(self._registry.clock.time(), author(asked), text)
        is_known = await self._registry.store.add_version_note(version_id, note)
        return await self._shown(version_id, is_known=is_known)

    async def _shown(self, version_id: str, *, is_known: bool = True) -> web.StreamResponse:
        known = await self._registry.store.known_version(version_id) if is_known else None
        if known is None:
            message = f"There is and was no version {version_id[:64]}: ids have 12 digits."
            raise RefusedError(404, "version_not_found", message)
        return reply(200, {"version": whole_version(known, self._snapshot(), self._registry.served_since())})
