"""Drift: how every version stands against what was usual, and a new reference where that is usual no more."""

from collections.abc import Callable
from typing import Final

from aiohttp import web

from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.asking import AUTHOR_HEADER, author
from llmgateway.controlplane.drift.watch import DriftWatch
from llmgateway.controlplane.endpoints import Asked, Endpoint, Routes
from llmgateway.controlplane.query import Kind, Param
from llmgateway.controlplane.refused import RefusedError, route_named
from llmgateway.controlplane.replies import reply

PATH: Final = "/admin/v1/drift"
_AWAY: Final = "The store is away."
_HEADERS: Final = {AUTHOR_HEADER: "Who asks for it; stands in the log."}


def endpoints(drift: DriftWatch, snapshot: Callable[[], Snapshot]) -> Routes:
    """The family's part of the table."""

    async def every(asked: Asked) -> web.StreamResponse:
        return reply(200, await drift.status(asked.query["route"]))

    async def reset(asked: Asked) -> web.StreamResponse:
        route, version = asked.names["route"], asked.query["version"]
        found = route_named(snapshot(), route)
        if version is not None and version not in {each.name for each in found.versions}:
            raise RefusedError(404, "version_not_found", f"The route {route!r} has no version {version!r}.")
        if not snapshot().drift.is_on:
            raise RefusedError(409, "drift_is_off", "Nothing is watched: [drift] names no signals and no features.")
        await drift.begin_anew(route, version, author(asked))
        return reply(200, await drift.status(route))

    return {
        ("GET", PATH): Endpoint(
            every,
            is_query=True,
            summary="How every version stands against what was usual for it.",
            query=(Param("route", Kind.TEXT, "Of this route alone."),),
            answers={200: "A line for each version.", 503: _AWAY},
        ),
        ("POST", f"{PATH}/{{route}}/reset"): Endpoint(
            reset,
            is_query=True,
            summary="Take what comes next as usual: a new reference, and an end to the alarms of the old one.",
            query=(Param("version", Kind.TEXT, "Of this version alone."),),
            headers=_HEADERS,
            answers={
                200: "Done; how the route's versions are now.",
                404: "There is no such route or version.",
                409: "Nothing is watched.",
                503: _AWAY,
            },
        ),
    }
