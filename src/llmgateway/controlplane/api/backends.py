"""The backends: where they are, who uses them, how they are over all workers; and what an operator may do to them.

An operator's word about a backend is no change to the configuration: it stands in the process's log, with who and why,
and in no generation.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from aiohttp import web

from llmgateway.config import source
from llmgateway.config.describe import described_backend
from llmgateway.config.masking import masked_document
from llmgateway.config.problems import ConfigError, did_you_mean, quoted
from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.asking import AUTHOR_HEADER, author, json_of
from llmgateway.controlplane.byhand import ByHand, Shown
from llmgateway.controlplane.endpoints import Asked, Body, Endpoint, Routes
from llmgateway.controlplane.query import Kind, Param, page_by, page_of
from llmgateway.controlplane.refused import RefusedError, sentence
from llmgateway.controlplane.reload import Reloader
from llmgateway.controlplane.replies import reply
from llmgateway.telemetry.redact import one_line

EJECT_S: Final = 300.0
EJECT: Final = Body(
    "application/json",
    f"For how many seconds; {EJECT_S:.0f} without a body.",
    1024,
    {
        "type": "object",
        "properties": {"seconds": {"type": "number", "exclusiveMinimum": 0}},
        "additionalProperties": False,
    },
    is_required=False,
)
_PAGE: Final = page_by("name")
_REASON: Final = (Param("reason", Kind.TEXT, "Why; stands in the gateway's log.", default=""),)
_HEADERS: Final = {AUTHOR_HEADER: "Who asks for it; stands in the gateway's log."}
_SUMMARIES: Final = {
    "drain": "Send a backend no new exchanges until undrain; those under way finish.",
    "undrain": "Send a backend that was drained exchanges again.",
    "eject": "Send a backend no new exchanges for some time.",
    "heal": "End a backend's ejection, whoever or whatever caused it.",
}

log = logging.getLogger(__name__)
Act = Callable[[str], Awaitable[Shown]]


def endpoints(backends: ByHand, reloader: Reloader) -> Routes:
    """The family's part of the table."""
    family = _BackendsFamily(backends, reloader)
    table = {
        ("GET", "/admin/v1/backends"): Endpoint(
            family.every,
            is_query=True,
            summary="The backends in force, who uses them, and how they are over all workers.",
            query=_PAGE,
        )
    }
    for name, handler in (
        ("drain", family.drain),
        ("undrain", family.undrain),
        ("eject", family.eject),
        ("heal", family.heal),
    ):
        table["POST", f"/admin/v1/backends/{{name}}/{name}"] = Endpoint(
            handler,
            is_query=True,
            summary=_SUMMARIES[name],
            query=_REASON,
            body=EJECT if name == "eject" else None,
            answers={
                200: "The workers have been told; how the backend is now.",
                404: "There is no such backend.",
                422: "It can't be done; `message` says why.",
            },
            headers=_HEADERS,
        )
    return table


class _BackendsFamily:
    def __init__(self, backends: ByHand, reloader: Reloader) -> None:
        self._backends = backends
        self._reloader = reloader

    async def every(self, asked: Asked) -> web.StreamResponse:
        names, following = page_of(self._reloader.snapshot.backends, asked.query)
        return reply(200, {"backends": await self._shown(names), "next": following})

    async def drain(self, asked: Asked) -> web.StreamResponse:
        return await self._done(asked, "drained", self._backends.drain)

    async def undrain(self, asked: Asked) -> web.StreamResponse:
        return await self._done(asked, "undrained", self._backends.undrain)

    async def eject(self, asked: Asked) -> web.StreamResponse:
        seconds = _seconds(await json_of(asked, EJECT))
        return await self._done(asked, f"ejected for {seconds:g} s", lambda name: self._backends.eject(name, seconds))

    async def heal(self, asked: Asked) -> web.StreamResponse:
        return await self._done(asked, "healed", self._backends.heal)

    async def _done(self, asked: Asked, what: str, act: Act) -> web.StreamResponse:
        name, known = asked.names["name"], self._reloader.snapshot.backends
        try:
            shown = await act(name)
        except KeyError:
            message = sentence(f"no backend is called {quoted(name)}{did_you_mean(name, known)}")
            raise RefusedError(404, "backend_not_found", message) from None
        except ValueError as error:
            raise RefusedError(422, "not_possible", sentence(str(error))) from None
        why = one_line(asked.query["reason"])
        log.info("backend %s %s by %s%s", name, what, author(asked), f": {why}" if why else "")
        lines = await self._shown([name])
        return reply(200, {"backend": lines[0] if lines else shown})

    async def _shown(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """Lines about some backends."""
        snapshot, text = self._reloader.snapshot, self._reloader.links.plain
        references = await asyncio.to_thread(_references, text)
        state, users = {each["name"]: each for each in self._backends.shown()}, _users(snapshot)
        return [
            _line(snapshot, name, references, users) | state[name]
            for name in names
            if name in state and name in snapshot.backends  # a reload may have come between
        ]


def _line(
    snapshot: Snapshot, name: str, references: Mapping[str, str], users: Mapping[str, list[str]]
) -> dict[str, Any]:
    backend = described_backend(snapshot.backends[name])
    return {
        "name": name,
        "provider": backend["provider"],
        "base_url": backend["base_url"],
        "credential": references.get(name, "***") if backend["credential"] else None,
        "used_by": users.get(name, []),
    }


def _references(text: str) -> dict[str, str]:
    """Where each backend's credential comes from, as the text has it; one that is written out as `***`."""
    try:
        tables = masked_document(source.parse(text, "")).get("backends", {})
    except ConfigError:
        return {}
    return {name: str(table["api_key"]) for name, table in tables.items() if "api_key" in table}


def _users(snapshot: Snapshot) -> dict[str, list[str]]:
    users: dict[str, list[str]] = {}
    for route in snapshot.routes.values():
        for version in route.versions:
            for backend in version.backends:
                users.setdefault(backend.name, []).append(f"{route.name}/{version.name}")
    return users


def _seconds(sent: Mapping[str, Any]) -> float:
    seconds = sent.get("seconds", EJECT_S)
    if sent.keys() - {"seconds"} or isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise RefusedError(422, "invalid_body", 'The body has to say for how long, like {"seconds": 60}.')
    return float(seconds)
