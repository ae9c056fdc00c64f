"""The table of endpoints: which there are, what they take, and which one a request means.

One table serves the listener and the OpenAPI document, so what is documented is what is read.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from re import compile as regex
from typing import Any, Final
from urllib.parse import unquote

from aiohttp import web

from llmgateway.controlplane.query import Param

NAME: Final = regex(r"\{(\w+)\}")
MAX_SEGMENTS: Final = 16

Routes = Mapping[tuple[str, str], "Endpoint"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as an endpoint gets it. `names`: what stands in the path's places, decoded; `query`: its parameters,
    read as the endpoint declares them, None where one is left out; `holder`: who the token says it is.
    """

    http: web.BaseRequest
    names: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    holder: str = "local"


Handler = Callable[[Asked], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Body:
    """What an endpoint reads: JSON as `schema` says, or text. `limit` in bytes. Nothing at all is an empty object where
    it is not required.
    """

    content_type: str
    description: str
    limit: int
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What answers a method and path. `is_open`: needs no token (probes). `query` None: parameters are not looked at.
    `cookie`: of an open one, the name of the cookie that it wants instead.

    `is_query`: asks the store, or works through the whole file; only so many of these run at once. `answers`: status →
    what it means, the ordinary one first; `produces`: its content type.
    """

    handler: Handler
    is_open: bool = False
    cookie: str | None = None
    is_query: bool = False
    summary: str = ""
    query: tuple[Param, ...] | None = None
    body: Body | None = None
    answers: Mapping[int, str] = field(default_factory=lambda: {200: "As asked."})
    produces: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)  # request headers that it heeds → what they are for


class Table:
    """Finds endpoints. A place in a path (`{name}`) takes one segment, percent-encoded where it holds a slash."""

    def __init__(self, endpoints: Routes) -> None:
        self.endpoints = dict(endpoints)
        self._by_length: dict[int, list[tuple[list[str], str]]] = {}
        for path in sorted({path for _, path in endpoints}):
            segments = path.split("/")
            self._by_length.setdefault(len(segments), []).append((segments, path))

    @property
    def paths(self) -> list[str]:
        return sorted({path for _, path in self.endpoints})

    def find(self, method: str, raw_path: str) -> tuple[Endpoint | None, Mapping[str, str], bool]:
        """The endpoint, what stands in its places, and whether the path is known at all."""
        is_known = False
        for path, names in self._matches(raw_path):
            if (method, path) in self.endpoints:
                return self.endpoints[method, path], names, True
            is_known = True
        return None, {}, is_known

    def _matches(self, raw_path: str) -> list[tuple[str, Mapping[str, str]]]:
        """The paths that fit, those with fewer places first."""
        segments = raw_path.split("/", MAX_SEGMENTS)
        found = []
        for template, path in self._by_length.get(len(segments), ()):
            names = _names(template, segments)
            if names is not None:
                found.append((path, names))
        return sorted(found, key=lambda each: len(each[1]))


def _names(template: list[str], segments: list[str]) -> dict[str, str] | None:
    names: dict[str, str] = {}
    for expected, given in zip(template, segments, strict=True):
        if place := NAME.fullmatch(expected):
            if not given:
                return None
            names[place[1]] = unquote(given)
        elif expected != given:
            return None
    return names
