"""Lists of one route refuse a name that no route has or had: a typo must not look like a quiet day."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from aiohttp import web

from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.endpoints import Asked, Endpoint, Handler, Routes
from llmgateway.controlplane.refused import ever_a_route
from llmgateway.ports.store import StoreReader

PARAM: Final = "route"
_MISSING: Final = "There is and was no such route."


def with_known_routes(endpoints: Routes, snapshot: Callable[[], Snapshot], store: StoreReader | None) -> Routes:
    """The endpoints; those that take a route as a parameter answer 404 `route_not_found` to one that never was.

    The store is only asked about those that are not in force; without one there is no list to be empty.
    """
    if store is None:
        return endpoints

    def checked(handler: Handler) -> Handler:
        async def answer(asked: Asked) -> web.StreamResponse:
            if (route := asked.query[PARAM]) is not None:
                await ever_a_route(snapshot(), route, store)
            return await handler(asked)

        return answer

    def mended(endpoint: Endpoint) -> Endpoint:
        answers = {**endpoint.answers, 404: endpoint.answers.get(404, _MISSING)}
        return replace(endpoint, handler=checked(endpoint.handler), answers=answers)

    return {at: mended(each) if _takes_route(each) else each for at, each in endpoints.items()}


def _takes_route(endpoint: Endpoint) -> bool:
    return any(param.name == PARAM for param in endpoint.query or ())
