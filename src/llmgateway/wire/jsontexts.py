"""The strings of a JSON document: where each stands in the bytes, what it says, and how to say it otherwise.

Works on the bytes, not on a parsed document: of two members with the same name a parser keeps one, and nobody knows
which one another parser keeps. Every string is seen, names included. C code does the work where it can.
"""

import re
from collections.abc import Mapping
from itertools import accumulate
from typing import Final, NamedTuple

from llmgateway.wire.jsoncodec import decode, encode

# A run of backslashes is looked at from its beginning only, and given up whole: no text takes more than one pass.
_ESCAPE: Final = re.compile(r"(?<!\\)\\++(?:u([0-9A-Fa-f]{4})|/)")


class Literal(NamedTuple):
    """One string of a document. `name`: of the member whose value it is, b"" elsewhere, raw. `start`, `end`: in the
    bytes, quotes included."""

    text: str
    name: bytes
    is_name: bool
    start: int
    end: int


def literals(body: bytes) -> list[Literal]:
    """Every string of a valid document in order. ValueError for what is none."""
    pieces = _plain(body).split(b'"')  # what lies between strings, and their contents, by turns
    if len(pieces) % 2 == 0:
        raise ValueError("a string does not end")
    ends = list(accumulate(map(len, pieces)))
    found: list[Literal] = []
    name = b""
    for at in range(1, len(pieces), 2):
        start, end = ends[at - 1] + at - 1, ends[at] + at + 1
        is_name = pieces[at + 1].lstrip()[:1] == b":"
        raw = body[start + 1 : end - 1]
        text = decode(body[start:end]) if b"\\" in raw else raw.decode()
        is_value = not is_name and pieces[at - 1].strip() == b":"
        found.append(Literal(text, name if is_value else b"", is_name, start, end))
        name = raw if is_name else b""
    return found


def outside(body: bytes) -> list[str]:
    """What stands outside of the strings of a valid document: numbers, and the marks of JSON."""
    return [piece.decode() for piece in _plain(body).split(b'"')[::2]]


def _plain(body: bytes) -> bytes:
    """The body with no quotes in its strings; every place stays the same."""
    return body.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in body else body


def unescaped(text: str) -> str:
    """A text that may hold JSON, with the escapes resolved that its writer could have left out: no less valid."""
    return _ESCAPE.sub(_resolved, text)


def _resolved(found: "re.Match[str]") -> str:
    if found[1] is None:
        return "/"
    said = chr(int(found[1], 16))
    return said if said.isprintable() and said not in '"\\' else found[0]


def rewritten(body: bytes, texts: Mapping[int, str], found: list[Literal]) -> bytes:
    """Say the literals with these indices otherwise; every other byte stays."""
    pieces: list[bytes] = []
    at = 0
    for index, text in sorted(texts.items()):
        literal = found[index]
        pieces += (body[at : literal.start], encode(text))
        at = literal.end
    pieces.append(body[at:])
    return b"".join(pieces)
