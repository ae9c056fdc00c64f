"""A refusal that goes to whoever asked, from wherever it is found out."""

from typing import Any

from llmgateway.config.snapshot import Route, Snapshot


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
        raise RefusedError(404, "route_not_found", f"There is no route {name!r}.")
    return route


def sentence(text: str) -> str:
    """What an error says, which is the middle of a line elsewhere, as a message of its own."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(("?", ".")) else ".")
