"""Look into a JSON body and change single members of it while every other byte stays as the caller sent it.

Load-then-dump would renumber, reorder and re-escape. Here the document is parsed once to understand it, and edits are
spliced into the original bytes. Nothing in here trusts the body to be small, shallow or honest.
"""

import re
from array import array
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any, Final

from llmgateway.domain.errors import GatewayError
from llmgateway.wire.jsoncodec import JsonError, decode

# A member that two parsers may read differently when it comes twice or in another spelling (reliability row C26).
GUARDED: Final = frozenset(
    {"model", "stream", "max_tokens", "max_completion_tokens", "n", "messages", "input", "system"}
)

_QUOTED: Final = {name: b'"%b"' % name.encode() for name in GUARDED}

# Possessive quantifiers: no backtracking, so the time is linear in the body whatever it holds.
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'


def _nested(levels: int) -> bytes:
    """A pattern for a whole object or array that nests at most `levels` deep, so that C code skips it in one match.

    Deeper ones fail after a few levels and are then entered bracket by bracket; each byte is looked at a few times.
    """
    inner = rb'[^{}\[\]"]++|' + _STRING
    for _ in range(levels):
        inner = rb'[^{}\[\]"]++|' + _STRING + rb"|[{\[](?:" + inner + rb")*+[}\]]"
    return rb"[{\[](?:" + inner + rb")*+[}\]]"


_TOKENS: Final = re.compile(_STRING + rb"|" + _nested(4) + rb"|[{}\[\],:]", re.DOTALL)
_STRINGS: Final = re.compile(_STRING, re.DOTALL)
_ESCAPED_LETTER: Final = re.compile(rb"\\u00[4-7]")
_OPENING: Final = frozenset(b"{[")
_CLOSING: Final = frozenset(b"}]")
_BRACKETS: Final = b"{[}]"
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(_BRACKETS))
_STEPS: Final = bytes({ord("{"): 1, ord("["): 1, ord("}"): 255, ord("]"): 255}.get(byte, 0) for byte in range(256))

Span = tuple[int, int]


def parse_object(body: bytes, *, max_depth: int, max_tokens: int) -> dict[str, Any]:
    """Parse a request body that must be one JSON object.

    Raises GatewayError json_too_complex, json_too_deep, invalid_json or duplicate_key; all are the caller's fault.
    """
    opening = body.count(b"{") + body.count(b"[")
    if opening + body.count(b",") > max_tokens:
        raise GatewayError("json_too_complex")
    if opening > max_depth and depth(body) > max_depth:
        raise GatewayError("json_too_deep")
    try:
        document = decode(body)
    except JsonError:
        raise GatewayError("invalid_json") from None
    if type(document) is not dict:
        raise GatewayError("invalid_json", "The body must be a JSON object.")
    refuse_ambiguous(body, document)
    return document


def depth(body: bytes) -> int:
    """How deeply the brackets of a body nest; exact, whether or not the body is valid JSON."""
    brackets = _STRINGS.sub(b"", body).translate(None, _NOT_BRACKETS)
    steps = array("b", brackets.translate(_STEPS))
    return max(accumulate(steps), default=0)


def refuse_ambiguous(body: bytes, document: Mapping[str, Any]) -> None:
    """Refuse a guarded member that comes twice, or in another case; GatewayError duplicate_key."""
    suspicious = b"\\u00" in body and _ESCAPED_LETTER.search(body) is not None
    for key in document:
        quoted = _QUOTED.get(key)
        if quoted is None:
            if key.lower() in GUARDED:
                raise GatewayError("duplicate_key", param=key.lower())
        elif not suspicious and body.find(quoted, body.find(quoted) + 1) >= 0:
            suspicious = True
    if suspicious:
        _refuse_repeated(body)


def _refuse_repeated(body: bytes) -> None:
    seen: set[str] = set()
    for key, _ in members(body):
        folded = key.lower()
        if folded in seen and folded in GUARDED:
            raise GatewayError("duplicate_key", param=folded)
        seen.add(folded)


def members(body: bytes) -> Iterable[tuple[str, Span]]:
    """Each member of the top-level object of a valid document: its name, and where its value lies in the bytes."""
    level = 1
    name: str | None = None
    value_start: int | None = None
    candidate = (0, 0)
    for token in _TOKENS.finditer(body, body.index(b"{") + 1):
        start, end = token.span()
        first = body[start]
        if first == 0x22:  # a string
            candidate = (start, end)
        elif first in _OPENING:
            if end - start > 1:  # a whole container
                continue
            level += 1
        elif first == 0x3A and level == 1 and value_start is None:  # the colon behind a name
            name = decode(body[candidate[0] : candidate[1]])
            value_start = end
        elif level == 1 and first != 0x3A and value_start is not None and name is not None:
            yield name, _trimmed(body, value_start, start)
            value_start = None
        if first in _CLOSING:
            level -= 1


def _trimmed(body: bytes, start: int, end: int) -> Span:
    value = body[start:end]
    return start + len(value) - len(value.lstrip()), end - (len(value) - len(value.rstrip()))


def splice(body: bytes, document: Mapping[str, Any], changes: Mapping[str, bytes]) -> bytes:
    """Set members of a parsed body: replace the value where the member is there, else add it in front.

    `changes` maps names to JSON text. All bytes outside the changed values stay as they are.
    """
    if len(changes) == 1:  # the ordinary case: the model, which stands there once
        ((name, new),) = changes.items()
        span = _only_span(body, name) if name in document else None
        if span is not None:
            return body[: span[0]] + new + body[span[1] :]
    present = {name for name in changes if name in document}
    edits = [(span, changes[name]) for name, span in _spans(body, present)]
    added = b"".join(b'"%b":%b,' % (name.encode(), changes[name]) for name in changes if name not in present)
    if added:
        brace = body.index(b"{") + 1
        edits.append(((brace, brace), added if document else added[:-1]))
    return replace(body, edits)


def _spans(body: bytes, names: set[str]) -> list[tuple[str, Span]]:
    return [(name, span) for name, span in members(body) if name in names] if names else []


_SIMPLE_VALUE: Final = re.compile(rb"[ \t\r\n]*+:[ \t\r\n]*+(" + _STRING + rb"|[-+.0-9eEa-z]++)", re.DOTALL)


def _only_span(body: bytes, name: str) -> Span | None:
    """The value's place if the quoted name stands in the body just once, so that it can only be that member."""
    quoted = _QUOTED.get(name) or b'"%b"' % name.encode()
    at = body.find(quoted)
    if at < 0 or body.find(quoted, at + 1) >= 0 or b"\\u00" in body:
        return None
    found = _SIMPLE_VALUE.match(body, at + len(quoted))
    return found.span(1) if found else None


def replace(body: bytes, edits: Iterable[tuple[Span, bytes]]) -> bytes:
    """Put new bytes in the place of spans that do not overlap."""
    pieces: list[bytes] = []
    at = 0
    for (start, end), new in sorted(edits):
        pieces += (body[at:start], new)
        at = end
    pieces.append(body[at:])
    return b"".join(pieces)
