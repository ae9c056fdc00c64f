"""Regular expressions (RE2) over octets, with as little as can be between the caller and the engine.

The package's own objects serve text, names of groups and templates too: to look at one number in a short text costs
several times what the engine itself takes. Where the package no longer has the entrance that is used here, its public
one is.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import re2

Span = tuple[int, int]
LAST: Final = 1 << 62  # an end that is the text's
NOWHERE: Final[Sequence[Span]] = ((-1, -1),)
_ANCHOR: Final = getattr(re2, "_Anchor", None)


class Found:
    """Where an expression matches: the whole, and its groups; (-1, -1) for one that has no part in it."""

    __slots__ = ("_octets", "_spans")

    def __init__(self, octets: bytes, spans: Sequence[Span]) -> None:
        self._octets, self._spans = octets, spans

    def span(self, group: int = 0) -> Span:
        return self._spans[group]

    def chosen(self) -> int:
        """Which group has a part in it, of those that alternatives have: the first, from 1 on; 0 if none does."""
        return next((group for group, span in enumerate(self._spans) if group and span[0] >= 0), 0)

    def last(self) -> Span:
        """The last group's span, or the whole where there are no groups: to tell one apart costs the engine more."""
        return self._spans[-1]

    def start(self, group: int = 0) -> int:
        return self._spans[group][0]

    def end(self, group: int = 0) -> int:
        return self._spans[group][1]

    def group(self, group: int = 0) -> bytes:
        """What is there; nothing for a group that has no part in it."""
        begin, end = self._spans[group]
        return self._octets[begin:end] if begin >= 0 else b""


class Expression:
    """A compiled expression. Every position is one octet; ValueError if the pattern is none."""

    __slots__ = ("_bound",)

    def __init__(self, pattern: bytes, *, latin: bool = True, longest: bool = False) -> None:
        """`latin`: an octet is a character, else octets are UTF-8; `longest`: of alternatives the longest one."""
        options = re2.Options()
        options.longest_match = longest
        if latin:
            options.encoding = re2.Options.Encoding.LATIN1
        try:
            self._bound = _bound(re2.compile(pattern, options))
        except re2.error as error:
            raise ValueError(str(error)) from error

    def search(self, octets: bytes, at: int = 0, end: int = LAST) -> Found | None:
        """Find the first match that begins at `at` or later and ends by `end`."""
        stop = min(end, len(octets))
        spans = self._bound(_SEARCH, octets, at, stop) if at <= stop else NOWHERE
        return Found(octets, spans) if spans[0][0] >= 0 else None

    def place(self, octets: bytes, at: int = 0, end: int = LAST) -> Span:
        """Where `search` finds it, (-1, -1) if nowhere: for who wants no more of a match, and many of them."""
        stop = min(end, len(octets))
        return self._bound(_SEARCH, octets, at, stop)[0] if at <= stop else NOWHERE[0]

    def ends(self, octets: bytes, at: int = 0, end: int = LAST) -> int:
        """Where a match right at `at` ends, -1 if there is none."""
        stop = min(end, len(octets))
        return self._bound(_START, octets, at, stop)[0][1] if at <= stop else -1

    def takes(self, octets: bytes) -> bool:
        """Whether all of it matches."""
        return self._bound(_WHOLE, octets, 0, len(octets))[0][0] >= 0

    def match(self, octets: bytes, at: int = 0, end: int = LAST) -> Found | None:
        """Match right at `at`."""
        stop = min(end, len(octets))
        spans = self._bound(_START, octets, at, stop) if at <= stop else NOWHERE
        return Found(octets, spans) if spans[0][0] >= 0 else None

    def fullmatch(self, octets: bytes, at: int = 0, end: int = LAST) -> Found | None:
        """Match all from `at` to `end`."""
        stop = min(end, len(octets))
        spans = self._bound(_WHOLE, octets, at, stop) if at <= stop else NOWHERE
        return Found(octets, spans) if spans[0][0] >= 0 else None

    def finditer(self, octets: bytes, at: int = 0, end: int = LAST) -> Iterator[Found]:
        """Find every match, none over another."""
        stop = min(end, len(octets))
        while at <= stop:
            spans = self._bound(_SEARCH, octets, at, stop)
            if spans[0][0] < 0:
                return
            yield Found(octets, spans)
            at = max(spans[0][1], at + 1)

    def spans(self, octets: bytes, at: int = 0, end: int = LAST) -> list[Span]:
        """Where `finditer` finds it: all at once, and half as dear."""
        stop, bound, places = min(end, len(octets)), self._bound, []
        while at <= stop:
            place = bound(_SEARCH, octets, at, stop)[0]
            if place[0] < 0:
                break
            places.append(place)
            at = max(place[1], at + 1)
        return places


def begun(words: Iterable[str]) -> str:
    """The pattern of whatever these words may begin with, none of which has signs that mean something in patterns."""
    return "|".join(sorted({word[:size] for word in words for size in range(1, len(word) + 1)}))


def _bound(compiled: Any) -> Callable[[Any, bytes, int, int], Sequence[Span]]:
    try:
        direct: Callable[[Any, bytes, int, int], Sequence[Span]] = compiled._regexp.Match  # noqa: SLF001 - see above
    except AttributeError:
        return _indirect(compiled)
    return direct if _ANCHOR else _indirect(compiled)


def _indirect(compiled: Any) -> Callable[[Any, bytes, int, int], Sequence[Span]]:
    ways = {_SEARCH: compiled.search, _START: compiled.match, _WHOLE: compiled.fullmatch}

    def call(anchor: Any, octets: bytes, at: int, end: int) -> Sequence[Span]:
        found = ways[anchor](octets, at, end)
        return [found.span(group) for group in range(compiled.groups + 1)] if found else NOWHERE

    return call


_SEARCH: Final = _ANCHOR.UNANCHORED if _ANCHOR else "search"
_START: Final = _ANCHOR.ANCHOR_START if _ANCHOR else "match"
_WHOLE: Final = _ANCHOR.ANCHOR_BOTH if _ANCHOR else "fullmatch"
