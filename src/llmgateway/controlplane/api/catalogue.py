"""What the routes are made of: versions with their first day, and backends with how they are."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web

from llmgateway.config.describe import describe
from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.endpoints import Asked, Endpoint, Routes
from llmgateway.controlplane.query import Kind, Param
from llmgateway.controlplane.replies import reply
from llmgateway.ports.generations import GenerationReader, SeenVersion

Figures = Callable[[], Mapping[str, Mapping[str, Any]]]
_ROUTE: Final = (Param("route", Kind.TEXT, "Only this route."),)


def endpoints(snapshot: Callable[[], Snapshot], history: GenerationReader, figures: Figures) -> Routes:
    """`figures`: what the workers say of each backend."""

    async def versions(asked: Asked) -> web.StreamResponse:
        route = asked.query["route"]
        seen = {(each.route, each.name, each.id): each for each in await history.seen_versions(route)}
        return reply(200, {"versions": versions_of(snapshot(), route, seen)})

    async def backends(_: Asked) -> web.StreamResponse:
        return reply(200, {"backends": backends_of(snapshot(), figures())})

    return {
        ("GET", "/admin/v1/versions"): Endpoint(
            versions, summary="The versions in force, by route, and since when they are known.", query=_ROUTE
        ),
        ("GET", "/admin/v1/backends"): Endpoint(
            backends, summary="The backends in force, who uses them, and how they are.", query=()
        ),
    }


def versions_of(
    snapshot: Snapshot, route: str | None, seen: Mapping[tuple[str, str, str], SeenVersion]
) -> list[dict[str, Any]]:
    """Every version of the routes, or of one."""
    lines = []
    for described in describe(snapshot)["routes"]:
        if route not in {None, described["name"]}:
            continue
        for version in described["versions"]:
            first = seen.get((described["name"], version["name"], version["id"]))
            lines.append(
                {"route": described["name"]}
                | version
                | {
                    "first_seen": None if first is None else first.at,
                    "first_generation": None if first is None else first.generation,
                }
            )
    return lines


def backends_of(snapshot: Snapshot, figures: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every backend with the versions that use it and what is known of its state."""
    users: dict[str, list[str]] = {}
    for route in snapshot.routes.values():
        for version in route.versions:
            for backend in version.backends:
                users.setdefault(backend.name, []).append(f"{route.name}/{version.name}")
    return [
        {
            "name": backend["name"],
            "provider": backend["provider"],
            "base_url": backend["base_url"],
            "credential": backend["credential"],
            "used_by": users.get(backend["name"], []),
            "state": dict(figures.get(backend["name"], {})),
        }
        for backend in describe(snapshot)["backends"]
    ]
