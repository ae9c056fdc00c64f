"""Look into a JSON body and change single members of it while every other byte stays as the caller sent it.

Load-then-dump would renumber, reorder and re-escape. Here the document is parsed once to understand it, and edits are
spliced into the original bytes. Nothing in here trusts the body to be small, shallow or honest.
"""

import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

from llmgateway.domain.errors import GatewayError
from llmgateway.wire.jsoncodec import JsonError, decode

# A member that two parsers may read differently when it comes twice or in another spelling (reliability row C26).
GUARDED: Final = frozenset(
    {"model", "stream", "max_tokens", "max_completion_tokens", "n", "messages", "input", "system", "instructions"}
)

_QUOTED: Final = {name: b'"%b"' % name.encode() for name in GUARDED}
_CLOSE_LOOK: Final = 256 * 1024  # bytes from which scanning exactly is cheaper than looking for reasons to do so
_SLICE: Final = 1024 * 1024
_PART: Final = 4096
_ESCAPES_A_TOKEN: Final = 10
MAX_MEMBERS: Final = 1_000

_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_ESCAPED_LETTER: Final = re.compile(rb"\\u00[4-7]")
_BLANKS: Final = re.compile(rb"[ \t\r\n]*+")
_BRACKET: Final = re.compile(rb"[{}\[\]]")
_NOT_STRUCTURE: Final = bytes(set(range(256)) - set(b'{}[]:,"'))
_STEPS: Final = bytes({ord("{"): 1, ord("["): 1, ord("}"): 255, ord("]"): 255}.get(byte, 0) for byte in range(256))

Span = tuple[int, int]
Edit = tuple[Span, bytes]
Members = list[tuple[str, Span]]


def parse_object(body: bytes, *, max_depth: int, max_tokens: int) -> dict[str, Any]:
    """Parse a request body that must be one JSON object.

    Raises GatewayError json_too_complex, json_too_deep, invalid_json or duplicate_key; all are the caller's fault.
    """
    document = parse_bounded(body, max_depth, max_tokens)
    refuse_ambiguous(body, document)
    return document


def parse_large(body: bytes, *, max_depth: int, max_tokens: int) -> tuple[dict[str, Any], "Members"]:
    """What `parse_object` gives, and where the members are, found in the same pass; for bodies of many megabytes.

    Meant for a thread of its own: it is many calls of some ten milliseconds at most, so other threads get their turn.
    """
    document = parse_bounded(body, max_depth, max_tokens)
    _refuse_odd_names(document)
    names = _names(body)
    _refuse_repeated(names)
    return document, _members(body, names)


def parse_bounded(body: bytes, max_depth: int, max_tokens: int) -> dict[str, Any]:
    """Parse what must be one JSON object, whatever its members are called.

    Raises GatewayError json_too_complex, json_too_deep or invalid_json.
    """
    opened = _check_tokens(body, max_tokens)
    try:
        document = decode(body)
    except JsonError as error:
        if error.msg.startswith("depth limit"):
            raise GatewayError("json_too_deep") from None
        raise GatewayError("invalid_json", _broken_at(error.lineno, error.colno)) from None
    if type(document) is not dict:
        raise GatewayError("invalid_json", "The body must be a JSON object.")
    if opened > max_depth and is_deeper(document, max_depth):
        raise GatewayError("json_too_deep")
    return document


def _broken_at(line: int, column: int) -> str:
    """Where it ceases to be JSON, and nothing of what stands there."""
    return f"The body is not valid JSON: it breaks off or goes wrong at line {line:,}, column {column:,}."


def _check_tokens(body: bytes, max_tokens: int) -> int:
    """Count what costs time to parse, and stop where it is too much; gives how many brackets open."""
    opened = commas = escapes = 0
    for at in range(0, len(body), _SLICE):
        end = at + _SLICE
        opened += body.count(b"{", at, end) + body.count(b"[", at, end)
        commas += body.count(b",", at, end)
        if len(body) > _SLICE:
            escapes += body.count(b"\\", at, end)
        if opened + commas > max_tokens or escapes > max_tokens * _ESCAPES_A_TOKEN:
            raise GatewayError("json_too_complex")
    return opened


def is_deeper(document: Any, limit: int) -> bool:
    """Whether a parsed document nests its objects and arrays more than `limit` deep."""
    level = [document]
    for _ in range(limit):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return False
    return True


def refuse_ambiguous(body: bytes, document: Mapping[str, Any]) -> None:
    """Refuse a guarded member that comes twice, or in another case; GatewayError duplicate_key or json_too_complex."""
    if len(document) > MAX_MEMBERS:
        raise GatewayError("json_too_complex")
    suspicious = len(body) > _CLOSE_LOOK or (b"\\u00" in body and _ESCAPED_LETTER.search(body) is not None)
    for key in document:
        quoted = _QUOTED.get(key)
        if quoted is None:
            folded = key.casefold()  # not lower(): to some, "\u017ftream" is "stream"
            if folded in GUARDED:
                raise GatewayError("duplicate_key", param=folded)
        elif not suspicious and body.find(quoted, body.find(quoted) + 1) >= 0:
            suspicious = True
    if suspicious:
        _refuse_repeated(_names(body))


def _refuse_odd_names(document: Mapping[str, Any]) -> None:
    """Refuse guarded names in another spelling, and too many names."""
    if len(document) > MAX_MEMBERS:
        raise GatewayError("json_too_complex")
    for key in document:
        if key not in GUARDED and (folded := key.casefold()) in GUARDED:
            raise GatewayError("duplicate_key", param=folded)


def _refuse_repeated(names: Members) -> None:
    seen: set[str] = set()
    for key, _ in names:
        folded = key.casefold()
        if folded in seen and folded in GUARDED:
            raise GatewayError("duplicate_key", param=folded)
        seen.add(folded)


def members(body: bytes) -> Members:
    """Each member of the top-level object of a valid document: its name, and where its value lies in the bytes.

    GatewayError json_too_complex if there are more than `MAX_MEMBERS`.
    """
    return _members(body, _names(body))


def _members(body: bytes, names: Members) -> Members:
    found: Members = []
    for (name, (_, end)), behind in zip(names, [*names[1:], None], strict=False):
        start = body.index(b":", end) + 1
        stop = body.rindex(b"}") if behind is None else body.rindex(b",", start, behind[1][0])
        found.append((name, _trimmed(body, start, stop)))
    return found


def _names(body: bytes) -> Members:
    """The names of the top-level object's members, and where each stands with its quotes.

    Works on whole bodies at a time, as it is C code then: a loop over the tokens of a hostile body takes a second.
    """
    plain = body.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in body else body
    texts = plain.split(b'"')  # what lies between strings, and the strings' contents, by turns
    ends = list(accumulate(map(len, texts)))
    found: Members = []
    for index in _name_indices(b'"'.join(texts[::2]).translate(None, _NOT_STRUCTURE)):
        start = ends[2 * index] + 2 * index
        end = ends[2 * index + 1] + 2 * index + 2
        found.append((decode(body[start:end]), (start, end)))
    return found


def _name_indices(structure: bytes) -> list[int]:
    """Which of all strings are names at the top. `structure`: a document without white space, each string one quote."""
    levels = array("h", accumulate(array("b", structure.translate(_STEPS))))  # behind each byte
    found: list[int] = []
    at = strings = 0  # how far it has been looked, and how many strings begin before
    while len(found) <= MAX_MEMBERS:
        try:
            start = levels.index(1, at) + 1
        except ValueError:
            return found
        bracket = _BRACKET.search(structure, start)
        strings += structure.count(b'"', at, start)
        at = bracket.start() if bracket else len(structure)
        segment = structure[start:at]
        name = strings - 1
        for part in segment.split(b'":')[:-1]:
            name += part.count(b'"') + 1
            found.append(name)
        strings += segment.count(b'"')
    raise GatewayError("json_too_complex")


def _trimmed(body: bytes, start: int, end: int) -> Span:
    """The span without the blanks around it; never copies more than a part of it."""
    found = _BLANKS.match(body, start, end)
    start = found.end() if found else start
    while start < end:
        part = body[max(start, end - _PART) : end]
        kept = part.rstrip()
        end -= len(part) - len(kept)
        if kept:
            break
    return start, end


def splice(
    body: bytes, document: Mapping[str, Any], changes: Mapping[str, bytes], others: Sequence[Edit] = ()
) -> bytes:
    """Set members of a parsed body: replace the value where the member is there, else add it in front.

    `changes` maps names to JSON text; `others` are edits within members that are none of these. All bytes outside the
    changed values stay as they are.
    """
    if len(changes) == 1 and len(body) <= _CLOSE_LOOK:  # the ordinary case: the model, which stands there once
        ((name, new),) = changes.items()
        span = _only_span(body, name) if name in document else None
        if span is not None:
            return replace(body, [(span, new), *others]) if others else body[: span[0]] + new + body[span[1] :]
    found = members(body) if any(name in document for name in changes) else []
    return replace(body, [*_edits(body, found, document, changes), *others])


def splice_large(
    body: bytes,
    document: Mapping[str, Any],
    changes: Mapping[str, bytes],
    found: Members,
    others: Sequence[Edit] = (),
) -> list[bytes | memoryview]:
    """Do what `splice` does without copying the body: the result is in parts. `found`: the body's members."""
    parts: list[bytes | memoryview] = []
    whole, at = memoryview(body), 0
    for (start, end), new in sorted([*_edits(body, found, document, changes), *others]):
        parts += (whole[at:start], new)
        at = end
    parts.append(whole[at:])
    return parts


def _edits(body: bytes, found: Members, document: Mapping[str, Any], changes: Mapping[str, bytes]) -> list[Edit]:
    edits = [(span, changes[name]) for name, span in found if name in changes]
    added = b"".join(b'"%b":%b,' % (name.encode(), changes[name]) for name in changes if name not in document)
    if added:
        brace = body.index(b"{") + 1
        edits.append(((brace, brace), added if document else added[:-1]))
    return edits


_SIMPLE_VALUE: Final = re.compile(rb"[ \t\r\n]*+:[ \t\r\n]*+(" + _STRING + rb"|[-+.0-9eEa-z]++)", re.DOTALL)


_COLON: Final = re.compile(rb"[ \t\r\n]*+:[ \t\r\n]*+")


def _only_span(body: bytes, name: str) -> Span | None:
    """The value's place if the quoted name stands in the body just once, so that it can only be that member."""
    end = _only_name(body, name)
    found = _SIMPLE_VALUE.match(body, end) if end is not None else None
    return found.span(1) if found else None


def _only_name(body: bytes, name: str) -> int | None:
    """Where that name ends."""
    quoted = _QUOTED.get(name) or b'"%b"' % name.encode()
    at = body.find(quoted)
    if at < 0 or body.find(quoted, at + 1) >= 0 or b"\\u00" in body:
        return None
    return at + len(quoted)


def value_starts(body: bytes, name: str, found: Members | None) -> list[int]:
    """Where the values of a member that is there begin: one, or several where it comes twice. `found`: the members,
    where they are known.
    """
    if found is None and len(body) <= _CLOSE_LOOK and (end := _only_name(body, name)) is not None:
        colon = _COLON.match(body, end)
        if colon is not None:
            return [colon.end()]
    return [span[0] for each, span in (members(body) if found is None else found) if each == name]


def replace(body: bytes, edits: Iterable[Edit]) -> bytes:
    """Put new bytes in the place of spans that do not overlap."""
    pieces: list[bytes] = []
    at = 0
    for (start, end), new in sorted(edits):
        pieces += (body[at:start], new)
        at = end
    pieces.append(body[at:])
    return b"".join(pieces)
