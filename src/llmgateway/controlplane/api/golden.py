"""Golden questions: what came of them, and to have them asked now."""

from collections.abc import Callable
from typing import Final

from aiohttp import web

from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.endpoints import Asked, Endpoint, Routes
from llmgateway.controlplane.golden.lazily import LazyGolden
from llmgateway.controlplane.query import Kind, Param
from llmgateway.controlplane.refused import RefusedError, route_named
from llmgateway.controlplane.replies import reply

PATH: Final = "/admin/v1/golden"
_AWAY: Final = "The store is away."


def endpoints(golden: LazyGolden, snapshot: Callable[[], Snapshot]) -> Routes:
    """The family's part of the table."""

    async def every(asked: Asked) -> web.StreamResponse:
        return reply(200, {"routes": await golden.status(asked.query["route"])})

    async def run(asked: Asked) -> web.StreamResponse:
        route = asked.names["route"]
        if route_named(snapshot(), route).golden is None:
            raise RefusedError(409, "no_golden", f"The route {route!r} has no golden questions.")
        golden.ask_now(route)
        return reply(202, {"routes": await golden.status(route)})

    return {
        ("GET", PATH): Endpoint(
            every,
            is_query=True,
            summary="What came of the golden questions of every route that has some.",
            query=(Param("route", Kind.TEXT, "Of this route alone."),),
            answers={200: "A line for each route.", 503: _AWAY},
        ),
        ("POST", f"{PATH}/{{route}}/run"): Endpoint(
            run,
            is_query=True,
            summary="Ask a route's golden questions now, and not only when they are due.",
            query=(),
            answers={
                202: "They are asked; how it stands.",
                404: "There is no such route.",
                409: "It has no golden questions.",
                503: _AWAY,
            },
        ),
    }
