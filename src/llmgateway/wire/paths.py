"""API paths by their shape: `/v1/files/file-1/content` is `files/*/content`, so that names stay a closed set."""

from collections.abc import Iterable, Mapping
from typing import Final

from llmgateway.domain.operation import Operation

OTHER: Final = "other"
_MAX_SEGMENTS: Final = 8
_HARMLESS: Final = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})  # once more changes nothing

Rows = Iterable[tuple[str, str, Operation]]


class PathTable:
    """Find an operation by method and path. `rows`: (method or `*`, shape below /v1, operation).

    `families`: what a path of no listed shape is, by its first segment. Anything else is `other`.
    """

    __slots__ = ("_exact", "_families", "_shapes", "_words")

    def __init__(self, rows: Rows, families: Iterable[str]) -> None:
        self._shapes: Mapping[tuple[str, str], Operation] = {(method, shape): found for method, shape, found in rows}
        self._exact = {(m, f"/v1/{shape}"): found for (m, shape), found in self._shapes.items() if "*" not in shape}
        self._words = frozenset(word for _, shape in self._shapes for word in shape.split("/"))
        self._families = frozenset(families)

    def find(self, method: str, path: str) -> Operation:
        """Name the operation; never fails."""
        return self._exact.get((method, path)) or self._look(method, path)

    def names(self) -> frozenset[str]:
        """All the names that `find` can give."""
        return frozenset({OTHER} | self._families | {found.name for found in self._shapes.values()})

    def _look(self, method: str, path: str) -> Operation:
        segments = path.removeprefix("/v1/").rstrip("/").split("/", _MAX_SEGMENTS)
        shape = "/".join([segments[0], *(word if word in self._words else "*" for word in segments[1:])])
        asked = "GET" if method == "HEAD" else method
        found = self._shapes.get((asked, shape)) or self._shapes.get(("*", shape))
        if found is not None:
            return found
        name = segments[0] if segments[0] in self._families else OTHER
        return kept(name, is_repeatable=method in _HARMLESS)


def made(name: str, *, is_json: bool = True) -> Operation:
    """An operation that works something out and leaves nothing behind."""
    return Operation(name, is_json=is_json)


def kept(name: str, *, is_repeatable: bool = True) -> Operation:
    """An operation on things that one backend keeps under an id."""
    return Operation(name, is_repeatable=is_repeatable, is_stateful=True, is_json=False)
