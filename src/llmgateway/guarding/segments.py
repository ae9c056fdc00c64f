"""The texts inside of a text, and where each character of theirs is written in it.

A text that is JSON is looked into as the chain looks into one: strings as what they say, what stands between them as it
is, JSON inside of strings too.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from llmgateway.guarding.body import MAX_NESTED
from llmgateway.wire.jsoncodec import JsonError, decode
from llmgateway.wire.jsontexts import literals
from llmgateway.wire.view import SEPARATOR

_PUNCTUATION: Final = "{}[]:, \t\r\n"
_ESCAPE: Final = 2  # characters of \n
_UNIT: Final = 6  # of \u0041
_PAIR: Final = 12  # of two of these that are one character


@dataclass(frozen=True, slots=True)
class Segment:
    """One text inside. It is written from `start` on in the text around it, which is `outer` or the given one.

    `runs`: where its characters stand there if some are escaped. `quote`: what has to stand around a string that takes
    the place of a part of it, where it is no part of a string.
    """

    text: str
    start: int = 0
    outer: "Segment | None" = None
    runs: "_Runs | None" = None
    quote: str = ""

    def written(self, at: int) -> int:
        """Where its character `at` stands in the given text."""
        place = self.start + (at if self.runs is None else self.runs.place(at))
        return place if self.outer is None else self.outer.written(place)


@dataclass(frozen=True, slots=True)
class _Runs:
    """Runs of characters that are written as they are: each is said from `said` on and written from `written` on."""

    said: list[int]
    written: list[int]

    def place(self, at: int) -> int:
        index = bisect_right(self.said, at) - 1
        return self.written[index] + at - self.said[index]


class Segmented:
    """A text with the texts inside of it. `joined`: these in order, to be judged in one go."""

    __slots__ = ("_starts", "joined", "segments")

    def __init__(self, text: str) -> None:
        self.segments = tuple(_segments(text, None, 0))
        self.joined = SEPARATOR.join(each.text for each in self.segments)
        self._starts = [0, *accumulate(len(each.text) + 1 for each in self.segments)]

    def written(self, start: int, end: int) -> tuple[int, int, str]:
        """Where `joined[start:end]` stands in the text, and the quote that a replacement needs there."""
        index = bisect_right(self._starts, start) - 1
        segment, base = self.segments[index], self._starts[index]
        return segment.written(start - base), segment.written(end - base), segment.quote


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
    at = raw.find("\\")
    if at < 0:
        return None
    runs, end = _Runs([0], [0]), 0
    while at >= 0:
        said = runs.said[-1] + at - end + 1
        end = at + _size(raw, at)
        runs.said.append(said)
        runs.written.append(end)
        at = raw.find("\\", end)
    return runs


def _size(raw: str, at: int) -> int:
    """How many characters the escape sequence has that begins at `at`."""
    if raw[at + 1] != "u":
        return _ESCAPE
    return _PAIR if raw[at + 2 : at + 4].lower() in {"d8", "d9", "da", "db"} else _UNIT
