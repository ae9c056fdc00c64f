"""What the routes are made of: versions, with their first day."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from aiohttp import web

from llmgateway.config.describe import described_route
from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.endpoints import Asked, Endpoint, Routes
from llmgateway.controlplane.query import Kind, Param, page_by, page_of
from llmgateway.controlplane.replies import reply
from llmgateway.ports.generations import GenerationReader, SeenVersion

_VERSIONS: Final = (Param("route", Kind.TEXT, "Only this route."), *page_by("route"))


def endpoints(snapshot: Callable[[], Snapshot], history: GenerationReader) -> Routes:
    """The family's part of the table."""

    async def versions(asked: Asked) -> web.StreamResponse:
        now, only = snapshot(), asked.query["route"]
        names, following = page_of(now.routes if only is None else {only} & now.routes.keys(), asked.query)
        seen = await history.seen_versions(names)
        return reply(200, {"versions": versions_of(now, names, seen), "next": following})

    return {
        ("GET", "/admin/v1/versions"): Endpoint(
            versions,
            is_query=True,
            summary="The versions in force, by route, and since when they are known.",
            query=_VERSIONS,
        ),
    }


def versions_of(snapshot: Snapshot, routes: Iterable[str], seen: Iterable[SeenVersion]) -> list[dict[str, Any]]:
    """Every version of some routes."""
    first = {(each.route, each.name, each.id): each for each in seen}
    lines = []
    for route in routes:
        for version in described_route(snapshot.routes[route], snapshot)["versions"]:
            known = first.get((route, version["name"], version["id"]))
            since = {
                "first_seen": None if known is None else known.at,
                "first_generation": None if known is None else known.generation,
            }
            lines.append({"route": route} | version | since)
    return lines
