"""The texts inside of a text, and where each character of theirs is written in it.

A text that is JSON is looked into as the chain looks into one: strings as what they say, what stands between them as it
is, JSON inside of strings too; and then as a text, for the name of a member may say what its value is.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Final, NamedTuple

from llmgateway.guarding.body import MAX_NESTED
from llmgateway.guarding.chain import Hit
from llmgateway.guarding.standins import Document, touched
from llmgateway.wire.jsoncodec import JsonError, decode
from llmgateway.wire.jsontexts import literals
from llmgateway.wire.view import SEPARATOR

_PUNCTUATION: Final = "{}[]:, \t\r\n"
_ESCAPED: Final = re.compile(r"\\(?:u[Dd][89ABab]..\\u....|u....|.)")  # one character, in a valid document
_KEPT: Final = ('"', "\\")  # which can't be written otherwise


@dataclass(frozen=True, slots=True)
class Segment:
    """One text inside. It is written from `start` on in the text around it, which is `outer` or the given one.

    `runs`: where its characters stand there if some are escaped. `quote`: what has to stand around a string that takes
    the place of a part of it, where it is no part of a string. `is_document`: it is JSON, looked into before.
    """

    text: str
    start: int = 0
    outer: "Segment | None" = None
    runs: "_Runs | None" = None
    quote: str = ""
    is_document: bool = False

    def written(self, at: int) -> int:
        """Where its character `at` stands in the given text."""
        place = self.start + (at if self.runs is None else self.runs.place(at))
        return place if self.outer is None else self.outer.written(place)


@dataclass(frozen=True, slots=True)
class _Runs:
    """Runs of characters that are written as they are: each is said from `said` on and written from `written` on."""

    said: list[int]
    written: list[int]

    @classmethod
    def around(cls, escapes: Iterable[tuple[int, int]]) -> "_Runs":
        """Those around escape sequences at these places, each of which says one character."""
        runs = cls([0], [0])
        for start, end in escapes:
            runs.said.append(runs.said[-1] + start - runs.written[-1] + 1)
            runs.written.append(end)
        return runs

    def place(self, at: int) -> int:
        index = bisect_right(self.said, at) - 1
        return self.written[index] + at - self.said[index]


class Placed(NamedTuple):
    """A hit where it is written in the given text. `value`: what is replaced, nothing of what only goes with it.

    `quote`: see Segment. `around`: what is written anew, so that it looks otherwise, once something of it is replaced.
    """

    hit: Hit
    value: str
    quote: str
    around: Hit


class Segmented:
    """A text with the texts inside of it. `joined`: these in order, to be judged in one go."""

    __slots__ = ("_starts", "joined", "segments")

    def __init__(self, text: str) -> None:
        self.segments = tuple(_segments(text, None, 0))
        self.joined = SEPARATOR.join(each.text for each in self.segments)
        self._starts = [0, *accumulate(len(each.text) + 1 for each in self.segments)]

    def written(self, start: int, end: int) -> tuple[int, int, str]:
        """Where `joined[start:end]` stands in the text, and the quote that a replacement needs there."""
        segment, base = self._around(start)
        return segment.written(start - base), segment.written(end - base), segment.quote

    def placed(self, hits: Iterable[Hit]) -> Iterator[Placed]:
        """Where hits in `joined`, in order and not overlapping, stand in the text.

        Of what is found in a document as a text only what was not found in what is inside of it.
        """
        known: list[tuple[int, int]] = []
        for segment, base, own in self._by_segment(hits):
            document = Document(segment.text) if segment.is_document else None
            places = (each for hit in own for each in _placed(hit, segment, base, document))
            fresh = [each for each in places if not touched(known, each.around)]
            yield from fresh
            if document is None:
                known += (each.hit[:2] for each in fresh)
            else:
                known = sorted([*known, *(each.hit[:2] for each in fresh)])

    def _by_segment(self, hits: Iterable[Hit]) -> Iterator[tuple[Segment, int, list[Hit]]]:
        for index, own in groupby(hits, lambda hit: bisect_right(self._starts, hit.start) - 1):
            yield self.segments[index], self._starts[index], list(own)

    def _around(self, at: int) -> tuple[Segment, int]:
        index = bisect_right(self._starts, at) - 1
        return self.segments[index], self._starts[index]


def _placed(hit: Hit, segment: Segment, base: int, document: Document | None) -> Iterator[Placed]:
    inside = hit._replace(start=hit.start - base, end=hit.end - base)
    parts = [(inside.start, inside.end, segment.quote)] if document is None else document.inside(inside)
    for at, (start, end, quote) in enumerate(parts):
        written, anew = _written(hit, segment, (start, end)), document and document.escaped(start)
        around = _written(hit, segment, anew) if anew else written
        yield Placed(written, "" if at else segment.text[start:end], quote and segment.quote, around)


def _written(hit: Hit, segment: Segment, span: tuple[int, int]) -> Hit:
    return hit._replace(start=segment.written(span[0]), end=segment.written(span[1]))


def _segments(text: str, outer: Segment | None, depth: int) -> Iterator[Segment]:
    """The texts inside of one that is written in `outer`, which is the text itself where it stands in a string."""
    if depth >= MAX_NESTED or not _is_json(text):
        yield outer or Segment(text)
        return
    body, end, at = text.encode(), 0, 0  # in the bytes, and in the text
    for literal in literals(body):
        between = body[end : literal.start].decode()
        if between.strip(_PUNCTUATION):
            yield Segment(between, at, outer, quote=_quote(depth))
        raw = body[literal.start + 1 : literal.end - 1].decode()
        at += len(between) + 1
        if raw:
            yield from _segments(literal.text, Segment(literal.text, at, outer, _runs(raw)), depth + 1)
        at += len(raw) + 1
        end = literal.end
    rest = body[end:].decode()
    if rest.strip(_PUNCTUATION):
        yield Segment(rest, at, outer, quote=_quote(depth))
    plain, runs = _plainer(text)
    yield Segment(plain, 0, outer, runs, _quote(depth), is_document=True)


def _plainer(document: str) -> tuple[str, _Runs | None]:
    """A document with the escapes resolved that its writer could have left out, and where its characters are."""
    if "\\" not in document:
        return document, None
    pieces: list[str] = []
    resolved = [(0, 0)]
    for found in _ESCAPED.finditer(document):
        said = str(decode(f'"{found[0]}"'))
        if said not in _KEPT and said >= " ":
            pieces += document[resolved[-1][1] : found.start()], said
            resolved.append(found.span())
    return "".join((*pieces, document[resolved[-1][1] :])), _Runs.around(resolved[1:])


def _quote(depth: int) -> str:
    """A quotation mark as JSON writes it that is so many strings deep."""
    return "\\" * ((1 << depth) - 1) + '"'


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in {"{", "["}:
        return False
    try:
        decode(text)
    except JsonError:
        return False
    return True


def _runs(raw: str) -> _Runs | None:
    """Where the characters of a string are that is written as `raw`; None where each stands for itself."""
    return _Runs.around(found.span() for found in _ESCAPED.finditer(raw)) if "\\" in raw else None
