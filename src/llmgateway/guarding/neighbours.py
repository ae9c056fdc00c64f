"""Texts that stand in neighbouring parts of a JSON body: a model reads them as one, so they must be judged as one, too.

Neighbours are members `text`, `thinking`, `refusal` or `transcript`, in whatever spelling, of objects side by side in
one array; what stands between them, pictures and parts without a text, parts nothing.
"""

import re
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from llmgateway.domain.errors import GatewayError
from llmgateway.wire.expression import Expression
from llmgateway.wire.jsoncodec import decode
from llmgateway.wire.jsonscan import Span

_NAMES: Final = (b"text", b"thinking", b"refusal", b"transcript")
_QUOTED: Final = tuple(b'"%b"' % name for name in _NAMES)
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
MARKS: Final = rb"(?is:\\u00|" + b"|".join(name + b".*" + name for name in _QUOTED) + b")"
"""What a body holds that has such texts: its pattern."""
_MARKS: Final = Expression(MARKS)
_CHOICES: Final = b'"choices"'
_IN_CHOICES: Final = 3  # brackets around a choice's text
_SHORT: Final = 256
_MAX_KNOWN: Final = 256
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"{}[]"))
_STEPS: Final = bytes({ord("{"): 1, ord("["): 1, ord("}"): 255, ord("]"): 255}.get(byte, 0) for byte in range(256))


def _spelled(name: bytes) -> bytes:
    return b"".join(b"(?:%c|\\\\u00%02x|\\\\u00%02x)" % (each, each, each - 32) for each in name)


# A quote in a string is never without its backslash, so these find names and nothing else.
_VALUE: Final = re.compile(rb'[ \t\r\n]*+:[ \t\r\n]*+(?=")')
_SPELT: Final = re.compile(
    rb'"(?<!\\")(' + b"|".join(map(_spelled, _NAMES)) + rb')"[ \t\r\n]*+:[ \t\r\n]*+(?=")', re.IGNORECASE
)


@dataclass(slots=True)
class _Row:
    """Texts that are neighbours so far. `low`: how far out the brackets have led since the last one."""

    level: int
    spans: list[Span]
    low: int
    parts: int = 1


def rows(body: bytes, *, is_strict: bool = True, is_reply: bool = False) -> list[list[Span]]:
    """Where neighbouring texts stand in a valid document, their quotes included: each list has two or more.

    `is_reply`: the texts of choices are no neighbours, for nobody reads one behind the other.
    `is_strict`: GatewayError guardrail_unsupported where a part has its text twice: nobody knows which one is read.
    """
    if _MARKS.search(body) is None:
        return []
    found = [row for row in _rows(body) if row.parts > 1]
    if is_reply and _CHOICES in body:
        found = [row for row in found if row.level != _IN_CHOICES]
    if is_strict and any(row.parts < len(row.spans) for row in found):
        raise GatewayError("guardrail_unsupported", "A part has its text more than once.")
    return [row.spans for row in found]


def _rows(body: bytes) -> Iterator[_Row]:
    """Follow the brackets from one such member to the next."""
    opened: dict[tuple[int, bytes], _Row] = {}
    known: dict[bytes, tuple[int, int]] = {}  # the same stands between most of them
    at = level = 0
    for start, end, name in _members(body):
        between = body[at:start]
        led = known.get(between) or _levels(between)
        if len(between) <= _SHORT and len(known) <= _MAX_KNOWN:
            known[between] = led
        lowest, level = level + led[0], level + led[1]
        for key in [key for key, row in opened.items() if lowest < row.level - 1]:
            yield opened.pop(key)
        for row in opened.values():
            row.low = min(row.low, lowest)
        value = _STRING.match(body, end)
        assert value is not None  # the document is valid
        at = value.end()
        _take(opened, (level, name), value.span())
    yield from opened.values()


def _levels(between: bytes) -> tuple[int, int]:
    """How far out the brackets between two places lead, and where they end."""
    steps = _STRING.sub(b"", between).translate(_STEPS, _NOT_BRACKETS)
    levels = array("b" if len(steps) < 128 else "q", accumulate(array("b", steps)))
    return (min(levels, default=0), levels[-1] if levels else 0)


def _members(body: bytes) -> Iterable[tuple[int, int, bytes]]:
    """The members that may be neighbours: where each begins, where its value does, and its name."""
    if b"\\u00" in body:
        return [(found.start(), found.end(), _said(found[1])) for found in _SPELT.finditer(body)]
    folded = body.lower()
    found = []
    for name, quoted in zip(_NAMES, _QUOTED, strict=True):
        at = folded.find(quoted)
        while at >= 0:
            value = _VALUE.match(body, at + len(quoted))
            if value is not None and body[at - 1 : at] != b"\\":
                found.append((at, value.end(), name))
            at = folded.find(quoted, at + len(quoted))
    return sorted(found)


def _said(raw: bytes) -> bytes:
    return str(decode(b'"%b"' % raw)).lower().encode()


def _take(opened: dict[tuple[int, bytes], _Row], key: tuple[int, bytes], span: Span) -> None:
    row = opened.get(key)
    if row is None:
        opened[key] = _Row(key[0], [span], key[0])
        return
    row.parts += row.low < row.level
    row.spans.append(span)
    row.low = row.level
