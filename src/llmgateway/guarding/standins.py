"""What is written in the place of what was found in a text; a text that is JSON stays that."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Final

from llmgateway.guarding.chain import Hit
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.wire.jsoncodec import JsonError, decode
from llmgateway.wire.jsontexts import literals

Span = tuple[int, int]

# Two of them that say one character belong together.
_ESCAPE: Final = re.compile(r"\\u[Dd][89ABab]..\\u[Dd][C-Fc-f]..|\\u....|\\.", re.DOTALL)
_NUMBER: Final = re.compile(r"-?[0-9][0-9.eE+-]*")


def is_json(text: str) -> bool:
    """Whether a text is a JSON object or list."""
    if text.lstrip()[:1] not in {"{", "["}:
        return False
    try:
        decode(text)
    except (JsonError, UnicodeEncodeError):
        return False
    return True


def replaced(text: str, hits: Sequence[Hit], placeholders: Placeholders) -> str:
    """The text with hits replaced, which are in order and do not overlap."""
    pieces: list[str] = []
    at = 0
    for hit in hits:
        pieces += (text[at : hit.start], placeholders.stand_in(hit, text[hit.start : hit.end]))
        at = hit.end
    pieces.append(text[at:])
    return "".join(pieces)


def replaced_json(text: str, hits: Sequence[Hit], placeholders: Placeholders) -> str:
    """The same of a JSON document: what is replaced are parts of strings, and numbers, which become strings."""
    document = Document(text)
    pieces: list[str] = []
    at = 0
    for hit in hits:
        stand_in = None
        for start, end, quote in document.inside(hit):
            if start < at:
                continue
            said = placeholders.stand_in(hit, text[start:end]) if stand_in is None else ""
            pieces += (text[at:start], quote, said, quote)
            at, stand_in = end, said
    pieces.append(text[at:])
    return "".join(pieces)


class Document:
    """Where a document's strings stand in it as a text, its numbers, and its escape sequences."""

    def __init__(self, text: str) -> None:
        self._strings = list(_strings(text.encode()))
        starts, ends = [0, *(end for _, end in self._strings)], [*(start for start, _ in self._strings), len(text)]
        self._numbers = list(_found(_NUMBER, text, zip(starts, ends, strict=True)))
        self._escapes = list(_found(_ESCAPE, text, self._strings)) if "\\" in text else []

    def inside(self, hit: Hit) -> list[tuple[int, int, str]]:
        """What of a hit can be replaced so that the document stays one: within strings and, quoted, whole numbers."""
        strings = [(max(hit.start, start + 1), min(hit.end, end - 1)) for start, end in touched(self._strings, hit)]
        found = [(self._uncut(start, 0), self._uncut(end, 1), "") for start, end in strings]
        found += ((start, end, '"') for start, end in touched(self._numbers, hit))
        return sorted(found) or [(hit.start, hit.end, '"')]

    def escaped(self, at: int) -> Span | None:
        """The string that a place is in, if there are escapes in it."""
        index = bisect_right(self._strings, at, key=itemgetter(1))
        start, end = self._strings[index] if index < len(self._strings) else (at, at)
        escape = bisect_left(self._escapes, start, key=itemgetter(0))
        return (
            (start, end) if start < at and any(each[1] <= end for each in self._escapes[escape : escape + 1]) else None
        )

    def _uncut(self, at: int, side: int) -> int:
        """Where to cut instead, if an escape sequence would be cut here: before (0) or behind it (1)."""
        index = bisect_right(self._escapes, at, key=itemgetter(1))
        escape = self._escapes[index] if index < len(self._escapes) else (at, at)
        return escape[side] if escape[0] < at else at


def _strings(body: bytes) -> Iterator[Span]:
    """Where a document's strings begin and end in it as a text, quotes included."""
    at = end = 0
    for each in literals(body):
        start = end + len(body[at : each.start].decode())
        at, end = each.end, start + len(body[each.start : each.end].decode())
        yield start, end


def _found(what: "re.Pattern[str]", text: str, places: Iterable[Span]) -> Iterator[Span]:
    return (found.span() for start, end in places for found in what.finditer(text, start, end))


def touched(spans: Sequence[Span], hit: Hit) -> Sequence[Span]:
    """Those of these, which are in order, of which a part is in a hit."""
    first = bisect_right(spans, hit.start, key=itemgetter(1))
    return spans[first : bisect_left(spans, hit.end, key=itemgetter(0))]
