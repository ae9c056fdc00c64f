"""How much work a schema can make of an answer. Schemas are strangers': references and unions multiply.

A subschema that is reached by many ways is looked at as often, at one place of the answer; one that leads to itself by
several ways multiplies with the answer's depth. Both are counted before a schema is used.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import log
from typing import Any, Final

MAX_WAYS: Final = 10_000  # to all subschemas together
MAX_LOOKS: Final = 2_000_000  # at an answer: some hundred milliseconds, beside the event loop where it is long
MAX_WORK_OF_DEPTH: Final = 1_000_000
_ELSEWHERE: Final = frozenset({"$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor"})
_DATA: Final = frozenset({"enum", "const", "default", "examples"})
_BY_NAME: Final = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
_UNUSED: Final = frozenset({"$defs", "definitions"})  # until something refers to it


class TooComplexError(ValueError):
    """A schema that could take too long, or leads elsewhere. Its sentence is for the operator."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """`looks`: at each value of an answer, at most. `depth`: of an answer; None: any."""

    looks: int
    depth: int | None

    def allow(self, values: int, depth: int) -> bool:
        """Whether an answer of so many values, so deep in each other, can be judged in time."""
        return values * self.looks <= MAX_LOOKS and (self.depth is None or depth <= self.depth)


def bounds_of(schema: Any) -> Bounds:
    """Count a schema's ways; TooComplexError."""
    ways = _Ways(schema)
    ways.walk(schema, ())
    depth = int(log(MAX_WORK_OF_DEPTH) / log(ways.returns)) if ways.returns > 1 else None
    return Bounds(max(ways.reached.values(), default=1) * ways.widest, depth)


class _Ways:
    """Walks a schema as a validator would, into what is referred to as often as it is referred to."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._count = 0
        self.reached: dict[int, int] = {}  # by subschema
        self.returns = 0  # references from inside of what they refer to
        self.widest = 1  # of unions and enumerations

    def walk(self, schema: Any, inside: tuple[int, ...]) -> None:
        if not isinstance(schema, dict):
            return
        self._count += 1
        self.reached[id(schema)] = self.reached.get(id(schema), 0) + 1
        if self._count > MAX_WAYS:
            raise TooComplexError(f"it has more than {MAX_WAYS:,} ways to its parts")
        if inside and (named := _ELSEWHERE & schema.keys()):
            raise TooComplexError(f"{min(named)} inside of a schema is not looked into")
        self.widest = max(self.widest, *(len(each) for each in schema.values() if isinstance(each, list)), 1)
        inside = (*inside, id(schema))
        if isinstance(target := schema.get("$ref"), str):
            self._refer(_target(self._root, target), inside)
        for each in _parts(schema):
            self.walk(each, inside)

    def _refer(self, schema: Any, inside: tuple[int, ...]) -> None:
        if id(schema) in inside:
            self.returns += 1
        else:
            self.walk(schema, inside)


def _parts(schema: Mapping[str, Any]) -> Iterator[Any]:
    for name, value in schema.items():
        if name in _DATA or name in _UNUSED:
            continue
        if isinstance(value, list):
            yield from value
        elif isinstance(value, dict):
            yield from value.values() if name in _BY_NAME else (value,)


def _target(root: Any, reference: str) -> Any:
    """What a reference inside of the same schema leads to; TooComplexError for any other."""
    if not reference.startswith("#"):
        raise TooComplexError("it refers to another document, and nothing is fetched")
    found = root
    for step in reference.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, dict) else _item(found, name)
    if found is None or (reference != "#" and not reference.startswith("#/")):
        raise TooComplexError("it refers to a part that is not there")
    return found


def _item(found: Any, name: str) -> Any:
    return found[int(name)] if isinstance(found, list) and name.isdecimal() and int(name) < len(found) else None
