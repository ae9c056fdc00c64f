"""Puts an operator's text in front of what a JSON request says to a model as system, in edits of single places.

Every byte beside the new text stays as the caller sent it. Where the caller has a first system text, ours goes into the
same message, string or list, in front: many chat templates take one system message alone, and only as the first.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from llmgateway.domain.errors import GatewayError
from llmgateway.wire.jsoncodec import decode, encode
from llmgateway.wire.jsonscan import Edit, Members, value_starts

MAX_TOKENS: Final = 512  # of a first message that are looked at; one that has more keeps its place behind ours
BETWEEN: Final = "\n\n"  # our text and the caller's

_SYSTEM: Final = frozenset({"system", "developer"})
_BLANKS: Final = re.compile(rb"[ \t\r\n]*+")
_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\],]', re.DOTALL)
_NULL: Final = b"null"
_QUOTE: Final = ord('"')


class Place(StrEnum):
    """Where an operation has its first system text. The value is the member's name."""

    MESSAGES = "messages"  # a list of turns, of which the first may be the system's
    SYSTEM = "system"  # a string or a list of blocks
    INSTRUCTIONS = "instructions"  # a string


_TAKES: Final[Mapping[Place, tuple[type, ...]]] = {
    Place.MESSAGES: (list,),
    Place.SYSTEM: (str, list, type(None)),
    Place.INSTRUCTIONS: (str, type(None)),
}
_WANTED: Final[Mapping[Place, str]] = {
    Place.MESSAGES: "must be a list",
    Place.SYSTEM: "must be a string or a list",
    Place.INSTRUCTIONS: "must be a string",
}


class Prefix:
    """One text in every form that it may have in a body, made once."""

    __slots__ = ("_inside", "_inside_alone", "_message", "_part", "string", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.string = encode(text)
        self._inside = encode(text + BETWEEN)[1:-1]
        self._inside_alone = self.string[1:-1]
        self._part = b'{"type":"text","text":%b}' % self.string
        self._message = b'{"role":"system","content":%b}' % self.string

    def edits(self, body: bytes, document: Mapping[str, Any], place: Place, found: Members | None) -> "Edits":
        """What has to change: members to set, as `wire.jsonscan.splice` takes them, and edits of bytes.

        `document` is the body parsed, `found` its members where they are known. Nothing where `refuse_unfit` refuses.
        """
        if not isinstance(document.get(place.value), _TAKES[place]):
            return {}, []
        if place.value not in document:
            return {place.value: self.string}, []
        edit = self._in_messages if place is Place.MESSAGES else self._in_value
        return {}, [edit(body, document, start) for start in value_starts(body, place.value, found)]

    def _in_value(self, body: bytes, document: Mapping[str, Any], start: int) -> Edit:  # noqa: ARG002 - as the other
        if body.startswith(_NULL, start):
            return (start, start + len(_NULL)), self.string
        return self._in_front(body, start)

    def _in_front(self, body: bytes, start: int) -> Edit:
        """In front of what a string or a list of parts holds."""
        at = start + 1
        if body[start] == ord("["):
            return (at, at), _before(body, at, self._part)
        return (at, at), self._inside_alone if body[at] == _QUOTE else self._inside

    def _in_messages(self, body: bytes, document: Mapping[str, Any], start: int) -> Edit:
        messages = document[Place.MESSAGES.value]
        content = _content_of_system(body, start + 1, messages[0]) if messages else None
        if content is not None:
            return self._in_front(body, content)
        return (start + 1, start + 1), _before(body, start + 1, self._message)


Edits = tuple[Mapping[str, bytes], Sequence[Edit]]


def refuse_unfit(document: Mapping[str, Any], place: Place) -> None:
    """Refuse a body in which an operator's text would have no place: it would reach the model without it.

    Raises GatewayError invalid_value.
    """
    if not isinstance(document.get(place.value), _TAKES[place]):
        raise GatewayError("invalid_value", f"{place.value} {_WANTED[place]}.", param=place.value)


def _before(body: bytes, at: int, new: bytes) -> bytes:
    """A new first entry of the list that opens before `at`."""
    return new if body[_blanks(body, at)] == ord("]") else new + b","


def _blanks(body: bytes, at: int) -> int:
    found = _BLANKS.match(body, at)
    return found.end() if found else at


def _content_of_system(body: bytes, at: int, first: object) -> int | None:
    """Where the content of the first message begins, if that is the system's and can't be read in two ways."""
    if not isinstance(first, dict) or str(first.get("role")) not in _SYSTEM:
        return None
    if not isinstance(first.get("content"), str | list):
        return None
    names = _names(body, _blanks(body, at))
    if names is None or sum(name.casefold() == "role" for name, _ in names) != 1:
        return None
    starts = [start for name, start in names if name.casefold() == "content"]
    return starts[0] if len(starts) == 1 else None


def _names(body: bytes, start: int) -> list[tuple[str, int]] | None:
    """The names in the object at `start`, with where their values begin; None where it has more than MAX_TOKENS."""
    found: list[tuple[str, int]] = []
    depth, is_name, end = 0, False, start
    for _ in range(MAX_TOKENS):
        token = _TOKEN.search(body, end)
        if token is None:
            return None
        kind, end = body[token.start()], token.end()
        if kind in b"{[":
            depth += 1
        elif kind in b"}]":
            depth -= 1
            if depth == 0:
                return found
        elif kind == _QUOTE and is_name:
            end = _blanks(body, _blanks(body, end) + 1)  # behind the colon
            found.append((decode(token[0]), end))
        is_name = depth == 1 and kind in b"{,"
    return None
