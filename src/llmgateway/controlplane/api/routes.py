"""One route: read, replaced, changed in part; and the weights of its versions."""

import asyncio
from typing import Any, Final

from aiohttp import hdrs, web

from llmgateway.config.describe import described_route
from llmgateway.config.edit import shown_route, with_patch, with_route, with_weights
from llmgateway.controlplane.api import changing
from llmgateway.controlplane.asking import json_of
from llmgateway.controlplane.changes import Changes
from llmgateway.controlplane.configfile import etag
from llmgateway.controlplane.draft import Edit
from llmgateway.controlplane.endpoints import Asked, Body, Endpoint, Routes
from llmgateway.controlplane.query import page_by, page_of
from llmgateway.controlplane.refused import RefusedError
from llmgateway.controlplane.reload import Reloader
from llmgateway.controlplane.replies import reply

LIMIT: Final = 1024 * 1024
MAX_VERSIONS: Final = 100
_OBJECT: Final = {"type": "object", "additionalProperties": True}
ROUTE: Final = Body("application/json", "The route's table, with the names it has in the file.", LIMIT, _OBJECT)
PATCH: Final = Body("application/json", "What changes in it (JSON merge patch: null removes).", LIMIT, _OBJECT)
WEIGHTS: Final = Body(
    "application/json",
    "Version → weight. Versions that are not named keep theirs.",
    64 * 1024,
    {"type": "object", "additionalProperties": {"type": "number", "minimum": 0}, "minProperties": 1},
)


def endpoints(changes: Changes, reloader: Reloader) -> Routes:
    """The family's part of the table."""
    family = _RoutesFamily(changes, reloader)
    path = "/admin/v1/routes/{name}"
    missing = {404: "There is no such route."}
    common: dict[str, Any] = {"query": changing.QUERY, "headers": changing.HEADERS}
    with_missing = {**changing.ANSWERS, **missing}
    return {
        ("GET", "/admin/v1/routes"): Endpoint(
            family.every, summary="The routes in force and what they mean.", query=page_by("name")
        ),
        ("GET", path): Endpoint(
            family.show,
            is_query=True,
            summary="One route as the file has it.",
            query=(),
            answers={200: "The route.", **missing},
        ),
        ("PUT", path): Endpoint(
            family.replace, summary="Replace one route, or add it.", body=ROUTE, answers=changing.ANSWERS, **common
        ),
        ("PATCH", path): Endpoint(
            family.patch, summary="Change a part of one route.", body=PATCH, answers=with_missing, **common
        ),
        ("PUT", f"{path}/weights"): Endpoint(
            family.weigh,
            summary="Change the weights of a route's versions.",
            body=WEIGHTS,
            answers=with_missing,
            **common,
        ),
    }


class _RoutesFamily:
    def __init__(self, changes: Changes, reloader: Reloader) -> None:
        self._changes = changes
        self._reloader = reloader
        self._file = str(changes.file.path)

    async def every(self, asked: Asked) -> web.StreamResponse:
        now = self._reloader.snapshot
        names, following = page_of(now.routes, asked.query)
        routes = [described_route(now.routes[name], now) for name in names]
        return reply(200, {"generation": now.generation, "routes": routes, "next": following})

    async def show(self, asked: Asked) -> web.StreamResponse:
        text = await asyncio.to_thread(self._changes.file.read)
        name = asked.names["name"]
        route = await asyncio.to_thread(shown_route, text, self._file, name)
        is_in_force = text == self._reloader.links.plain
        answer = reply(200, {"name": name, "etag": etag(text).strip('"'), "in_force": is_in_force, "route": route})
        answer.headers[hdrs.ETAG] = etag(text)
        return answer

    async def replace(self, asked: Asked) -> web.StreamResponse:
        table = await json_of(asked, ROUTE)
        return await self._change(asked, lambda text: with_route(text, self._file, asked.names["name"], table))

    async def patch(self, asked: Asked) -> web.StreamResponse:
        table = await json_of(asked, PATCH)
        return await self._change(asked, lambda text: with_patch(text, self._file, asked.names["name"], table))

    async def weigh(self, asked: Asked) -> web.StreamResponse:
        weights = _weights(await json_of(asked, WEIGHTS))
        return await self._change(asked, lambda text: with_weights(text, self._file, asked.names["name"], weights))

    async def _change(self, asked: Asked, edit: Edit) -> web.StreamResponse:
        return await changing.change(self._changes, edit, changing.order(asked))


def _weights(sent: dict[str, Any]) -> dict[str, float]:
    """The weights that were sent; what else they may be is for the configuration's schema to say."""
    if not 0 < len(sent) <= MAX_VERSIONS:
        raise RefusedError(422, "invalid_body", 'The body has to name versions and their weights, like {"v1": 50}.')
    if any(isinstance(weight, bool) or not isinstance(weight, int | float) for weight in sent.values()):
        raise RefusedError(422, "invalid_body", "Each weight has to be a number.")
    return sent
