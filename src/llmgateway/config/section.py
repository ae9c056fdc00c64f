"""Where a route's tables stand in a configuration's text, so that changing one route need not take the others apart."""

import tomllib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any


def of_route(text: str, name: str) -> tuple[int, int] | None:
    """From where to where the route's tables are, where they have headers of their own and stand together.

    Headers are told by their lines alone. What looks like one within a text of several lines is taken for one, so
    whoever changes what is between has to look whether the whole is as it should be.
    """
    heads = [(at, path[:2] == ("routes", name)) for at, path in _headers(text)]
    starts = [at for (_, before), (at, is_ours) in pairwise([(0, False), *heads]) if is_ours and not before]
    if len(starts) != 1:
        return None
    return starts[0], next((at for at, is_ours in heads if at > starts[0] and not is_ours), len(text))


def _headers(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    at = 0
    for line in text.splitlines(keepends=True):
        if line.lstrip(" \t").startswith("[") and (path := _path(line)):
            yield at, path
        at += len(line)


def _path(line: str) -> tuple[str, ...]:
    """The names in a table's header; nothing if it is none."""
    try:
        inner: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    path: list[str] = []
    while isinstance(inner, dict | list) and inner:
        if isinstance(inner, dict):
            path.append(next(iter(inner)))
            inner = inner[path[-1]]
        else:
            inner = inner[0]
    return tuple(path)
