"""What the routes are made of: versions with their first day, and backends with how they are."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from aiohttp import web

from llmgateway.config.describe import described_backend, described_route
from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.endpoints import Asked, Endpoint, Routes
from llmgateway.controlplane.query import Kind, Param, page_by, page_of
from llmgateway.controlplane.replies import reply
from llmgateway.ports.generations import GenerationReader, SeenVersion

Figures = Callable[[], Mapping[str, Mapping[str, Any]]]
_VERSIONS: Final = (Param("route", Kind.TEXT, "Only this route."), *page_by("route"))
_BACKENDS: Final = page_by("name")


def endpoints(snapshot: Callable[[], Snapshot], history: GenerationReader, figures: Figures) -> Routes:
    """`figures`: what the workers say of each backend."""

    async def versions(asked: Asked) -> web.StreamResponse:
        now, only = snapshot(), asked.query["route"]
        names, following = page_of(now.routes if only is None else {only} & now.routes.keys(), asked.query)
        seen = await history.seen_versions(names)
        return reply(200, {"versions": versions_of(now, names, seen), "next": following})

    async def backends(asked: Asked) -> web.StreamResponse:
        now = snapshot()
        names, following = page_of(now.backends, asked.query)
        return reply(200, {"backends": backends_of(now, names, figures()), "next": following})

    return {
        ("GET", "/admin/v1/versions"): Endpoint(
            versions,
            is_query=True,
            summary="The versions in force, by route, and since when they are known.",
            query=_VERSIONS,
        ),
        ("GET", "/admin/v1/backends"): Endpoint(
            backends, summary="The backends in force, who uses them, and how they are.", query=_BACKENDS
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


def backends_of(
    snapshot: Snapshot, names: Collection[str], figures: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Some backends with the versions that use them and what is known of their state."""
    users = _users(snapshot)
    lines = []
    for name in names:
        backend = described_backend(snapshot.backends[name])
        about = {key: backend[key] for key in ("name", "provider", "base_url", "credential")}
        lines.append(about | {"used_by": users.get(name, []), "state": dict(figures.get(name, {}))})
    return lines


def _users(snapshot: Snapshot) -> dict[str, list[str]]:
    users: dict[str, list[str]] = {}
    for route in snapshot.routes.values():
        for version in route.versions:
            for backend in version.backends:
                users.setdefault(backend.name, []).append(f"{route.name}/{version.name}")
    return users
