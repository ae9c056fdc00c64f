"""The strings of a JSON document: where each stands in the bytes, what it says, and how to say it otherwise.

Works on the bytes, not on a parsed document: of two members with the same name a parser keeps one, and nobody knows
which one another parser keeps. Every string is seen, names included. C code does the work where it can.
"""

import re
from collections.abc import Collection, Mapping
from itertools import accumulate
from typing import Any, Final, NamedTuple

import re2

from llmgateway.wire.jsoncodec import decode, encode
from llmgateway.wire.jsonscan import replace
from llmgateway.wire.view import SEPARATOR

_SEPARATOR: Final = SEPARATOR.encode()
_PROSE: Final = ((b"\\n", b"\n"), (b"\\t", b"\t"), (b"\\r", b"\r"), (b"\\/", b"/"))
_ARGUMENTS: Final = (b'"input"', b'"arguments"')
_UNIT: Final = b"\\u"
_SLASH: Final = b"\\/"
_OBJECT: Final = re2.compile(rb'"(?:input|arguments)"[ \t\r\n]*:[ \t\r\n]*\{')
_NESTED: Final = re2.compile(rb'"(?:[ \t\r\n]|\\[nrt])*[{\[]')


WORD: Final = 64
FILE: Final = 512  # characters from which base64 may be a file
USUAL: Final = frozenset(
    b"messages role content system user assistant tool model choices index message delta finish_reason stop usage type"
    b" text prompt_tokens completion_tokens total_tokens input_tokens output_tokens max_tokens max_completion_tokens"
    b" prompt_tokens_details completion_tokens_details cached_tokens reasoning_tokens audio_tokens temperature top_p"
    b" stream stream_options include_usage object created id logprobs refusal annotations system_fingerprint input"
    b" service_tier accepted_prediction_tokens rejected_prediction_tokens chat.completion tools function name"
    b" description parameters properties required tool_calls arguments tool_choice auto metadata cache_control"
    b" cache_creation_input_tokens cache_read_input_tokens stop_reason stop_sequence end_turn".split()
)
"""Strings that are names, or values that mean nothing by themselves, in the APIs that everybody uses."""

# A run of backslashes is looked at from its beginning only, and given up whole: no text takes more than one pass.
_ESCAPE: Final = re.compile(r"(?<!\\)(\\++)(?:u([0-9A-Fa-f]{4})|/)")


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
    plain = body.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in body else body
    pieces = plain.split(b'"')  # what lies between strings, and their contents, by turns
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


def is_repetitive(body: bytes, document: Any) -> bool:
    """Whether a member comes twice in one object of a document: its bytes have more strings than what was read then."""
    read, inner = 0, [document]
    while inner:
        value = inner.pop()
        if isinstance(value, dict):
            read += len(value)
            inner.extend(value.values())
        elif isinstance(value, list):
            inner.extend(value)
        else:
            read += isinstance(value, str)
    return read != (len(literals(body)) if b"\\" in body else body.count(b'"') // 2)


def at_a_glance(
    body: bytes, skipped: Collection[bytes], files: Collection[bytes] = (), clean: Collection[bytes] = USUAL
) -> str | None:
    """All strings of a valid document at once, between separators; None where that needs a closer look: other escapes
    than those of ordinary prose, arguments that are objects, or JSON inside a string.

    Where nothing is found in this, nothing is found in the strings. Left out are what is `clean`, short words under
    the names in `skipped`, and long ones in base64 under those in `files`.
    """
    if any(name in body for name in _ARGUMENTS) and _OBJECT.search(body) is not None:
        return None
    if b"\\" in body:
        plain = _unescaped(body)
        if plain is None:
            return None
        body = plain
    pieces = body.split(b'"')
    texts = pieces[1::2]
    kept: list[bytes] = []
    for at in [at for at, text in enumerate(texts) if text not in clean]:
        text, name = texts[at], texts[at - 1] if at and pieces[2 * at].strip() == b":" else b""
        if name in skipped and len(text) <= WORD and _is_word(text):
            continue
        if name in files and len(text) > FILE and _is_base64(text):
            continue
        kept.append(text)
    return _SEPARATOR.join(kept).replace(b"\x01", b'"').decode()


def _is_word(text: bytes) -> bool:
    return text.translate(None, b"_-.").isalnum()


def _is_base64(text: bytes) -> bool:
    """The whole of it, or what follows the head of a data URL that is no text."""
    if text[:5] == b"data:":
        head, comma, _ = text[:200].partition(b",")
        if not comma or not head.endswith(b";base64") or head.startswith(b"data:text"):
            return False
        text = text[len(head) + 1 :]
    return text.translate(None, b"+/=-_").isalnum()


def _unescaped(body: bytes) -> bytes | None:
    """The document with the escapes of prose undone (a quote in a string becomes 0x01, which no document holds)."""
    if b"\\\\" in body:
        return None
    if b'\\"' in body:
        if _NESTED.search(body) is not None:
            return None
        body = body.replace(b'\\"', b"\x01")
    for escape, said in _PROSE:
        body = body.replace(escape, said)
    return None if b"\\" in body else body


def unescaped(text: str) -> str:
    """A text that may hold JSON, with the escapes resolved that its writer could have left out: no less valid."""
    return _ESCAPE.sub(_resolved, text) if "\\" in text else text


def _resolved(found: "re.Match[str]") -> str:
    before = "\\" * before_escape(len(found[1]))
    if found[2] is None:
        return before + "/"
    said = chr(int(found[2], 16))
    is_plain = said >= " " and said not in '"\\' and not "\ud800" <= said <= "\udfff"
    return before + said if is_plain else found[0]


def before_escape(slashes: int) -> int:
    """How many of so many backslashes before an escape's letter are backslashes themselves: the others begin it, one
    in JSON, two where that stands in a string of JSON, four where this does in another.
    """
    return slashes - (slashes & -slashes)


def plainer(body: bytes) -> bytes:
    """A valid document with the escapes resolved that its writer could have left out: it says the same."""
    if _UNIT not in body and _SLASH not in body:
        return body
    found = literals(body)
    escaped = (at for at, each in enumerate(found) if body.find(b"\\", each.start, each.end) >= 0)
    return rewritten(body, {at: found[at].text for at in escaped}, found)


def rewritten(body: bytes, texts: Mapping[int, str], found: list[Literal]) -> bytes:
    """Say the literals with these indices otherwise; every other byte stays."""
    return replace(body, [((found[index].start, found[index].end), encode(text)) for index, text in texts.items()])
