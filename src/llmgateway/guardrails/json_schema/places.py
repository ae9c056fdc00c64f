"""Where a member of a JSON document is written in it."""

import re
from collections.abc import Iterator, Sequence
from json.decoder import JSONDecoder
from typing import Final

_BLANK: Final = re.compile(r"[ \t\r\n]*+")
_DECODER: Final = JSONDecoder()


def place(text: str, path: Sequence[str | int]) -> tuple[int, int]:
    """Where the value at the end of a path begins and ends in a valid document; of two of a name the last one."""
    start, end = _value(text, 0)
    for step in path:
        found = [span for name, span in _members(text, start) if name == step]
        if not found:
            break
        start, end = found[-1]
    return start, end


def _members(text: str, at: int) -> Iterator[tuple[str | int, tuple[int, int]]]:
    """The members of the object or list that begins there."""
    if text[at] not in "{[":
        return
    is_object, at, index = text[at] == "{", _blank(text, at + 1), 0
    while text[at] not in "}]":
        name: str | int = index
        if is_object:
            name, at = _DECODER.raw_decode(text, at)
            at = _blank(text, at) + 1
        span = _value(text, at)
        yield name, span
        at, index = _blank(text, span[1]), index + 1
        if text[at] == ",":
            at = _blank(text, at + 1)


def _value(text: str, at: int) -> tuple[int, int]:
    start = _blank(text, at)
    return start, _DECODER.raw_decode(text, start)[1]


def _blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at
