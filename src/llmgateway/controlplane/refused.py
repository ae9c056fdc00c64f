"""A refusal that goes to whoever asked, from wherever it is found out."""

from collections.abc import Iterable
from typing import Any

from llmgateway.config.routenames import unknown_route
from llmgateway.config.snapshot import Route, Snapshot
from llmgateway.ports.store import StoreReader, Wanted


class RefusedError(Exception):
    """What was asked for is not done, and nothing is different from before. `more` stands beside the message."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.more = more


def route_named(snapshot: Snapshot, name: str) -> Route:
    """The route of that name; RefusedError 404 `route_not_found` if there is none."""
    route = snapshot.routes.get(name)
    if route is None:
        raise no_such_route(name, snapshot.routes)
    return route


def no_such_route(name: str, known: Iterable[str]) -> RefusedError:
    """The refusal of a name that none of the `known` routes has: it tells which there are."""
    return RefusedError(404, "route_not_found", sentence(unknown_route(name, known)))


async def ever_a_route(snapshot: Snapshot, name: str, store: StoreReader) -> None:
    """Do nothing if there is or was a route of that name; RefusedError as `route_named`.

    There was one if a version of it ever was in force, or if the log has exchanges of it.
    """
    if name in snapshot.routes:
        return
    names = await store.version_routes()
    if name not in names and not await store.page(Wanted(route=name, shadow=None), limit=1):
        raise no_such_route(name, {*snapshot.routes, *names})


def lost_cursor(param: str, what: str) -> RefusedError:
    """The refusal of a page behind something that is not there: an empty page would look like the end of the list."""
    return RefusedError(
        422, "invalid_parameter", f"The parameter {param} names no {what} that is there: begin with the first page."
    )


def sentence(text: str) -> str:
    """What an error says, which is the middle of a line elsewhere, as a message of its own."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(("?", ".")) else ".")
