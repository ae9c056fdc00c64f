"""What to say to somebody who asks for a route by a name that none has. Pure."""

from collections.abc import Iterable
from typing import Final

from llmgateway.config.patterns import best_match
from llmgateway.config.problems import nearest, quoted

LISTED: Final = 8


def unknown_route(name: str, known: Iterable[str]) -> str:
    """The middle of a line: no route of those `known` is called so, which one may be meant, and which there are."""
    routes = sorted(set(known))
    text = f"no route is called {quoted(name)}"
    if (pattern := best_match((each for each in routes if "*" in each), name)) is not None:
        return f"{text}: requests for it go to the route {quoted(pattern)}, which the log has them under"
    if (near := nearest(name, routes)) is not None:
        text += f"; did you mean {quoted(near)}?"
    if not routes:
        return text
    more = f" and {len(routes) - LISTED:,} more" if len(routes) > LISTED else ""
    return f"{text}{' There' if near else '; there'} is {', '.join(map(quoted, routes[:LISTED]))}{more}"
