"""Parameters in a URL, declared once: how each is read, bounded, and documented. Pure.

Whatever is not declared is refused: a `dryrun=true` that nobody reads would make the change it was meant to try.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from llmgateway.config import values
from llmgateway.config.problems import did_you_mean, quoted

MAX_TEXT: Final = 500
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}


class Kind(StrEnum):
    FLAG = "boolean"
    WHOLE = "integer"
    TEXT = "string"
    TIME = "time"
    LIST = "array"


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter. `low` and `high` bound a number; `high` is also the most characters of a text."""

    name: str
    kind: Kind
    description: str
    default: Any = None
    low: int = 0
    high: int = MAX_TEXT
    choices: Sequence[str] = ()


MAX_PAGE: Final = 1_000


def page_by(key: str, limit: int = 100) -> tuple[Param, Param]:
    """The two parameters of a list that goes by a name or id: how many, and behind which one."""
    return (
        Param("limit", Kind.WHOLE, "How many at most.", default=limit, low=1, high=MAX_PAGE),
        Param("after", Kind.TEXT, f"Only those behind this {key}: `next` of the page before."),
    )


def page_of(names: Iterable[str], query: Mapping[str, Any]) -> tuple[list[str], str | None]:
    """One page of names in their order, and what asks for the next one."""
    after, limit = query["after"], query["limit"]
    found = sorted(name for name in names if after is None or name > after)
    return found[:limit], found[limit - 1] if len(found) > limit else None


class BadQueryError(Exception):
    """A parameter is unknown, doubled or not what it should be; the message says which and why."""


def read(given: Iterable[tuple[str, str]], declared: Sequence[Param]) -> dict[str, Any]:
    """Read the parameters of a request; raises BadQueryError."""
    known = {param.name: param for param in declared}
    found = {param.name: param.default for param in declared}
    seen = set[str]()
    for name, text in given:
        if name not in known:
            raise BadQueryError(f"there is no parameter {quoted(name)}{did_you_mean(name, known)}")
        if name in seen:
            raise BadQueryError(f"the parameter {name} is given twice")
        seen.add(name)
        try:
            found[name] = _value(known[name], text)
        except ValueError as error:
            raise BadQueryError(f"the parameter {name} {error}") from None
    return found


def _value(param: Param, text: str) -> Any:
    match param.kind:
        case Kind.FLAG:
            return _flag(text)
        case Kind.WHOLE:
            return _whole(param, text)
        case Kind.TIME:
            return _time(text)
        case Kind.LIST:
            return [each for each in _text(param, text).split(",") if each]
        case Kind.TEXT:
            return _text(param, text)


def _flag(text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise ValueError("must be true or false")
    return _FLAGS[text.lower()]


def _whole(param: Param, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18 or not param.low <= int(text) <= param.high:
        raise ValueError(f"must be a whole number from {param.low} to {param.high}")
    return int(text)


def _time(text: str) -> float:
    """Unix seconds, or a date with its zone."""
    try:
        moment = float(text)
    except ValueError:
        return values.unix_time(text)
    if not math.isfinite(moment) or not 0 <= moment < 1e11:
        raise ValueError("must be a time in Unix seconds")
    return moment


def _text(param: Param, text: str) -> str:
    if not text or len(text) > param.high or "\0" in text:
        raise ValueError(f"must have 1 to {param.high} characters")
    if param.choices and text not in param.choices:
        raise ValueError(f"must be {' or '.join(param.choices)}")
    return text


def schema(param: Param) -> dict[str, Any]:
    """As OpenAPI says it."""
    if param.kind is Kind.WHOLE:
        shape: dict[str, Any] = {"type": "integer", "minimum": param.low, "maximum": param.high}
    elif param.kind is Kind.FLAG:
        shape = {"type": "boolean"}
    elif param.kind is Kind.LIST:
        shape = {"type": "array", "items": {"type": "string"}}
    else:
        shape = {"type": "string", "maxLength": param.high}
    if param.choices:
        shape["enum"] = list(param.choices)
    if param.default is not None:
        shape["default"] = param.default
    return shape
