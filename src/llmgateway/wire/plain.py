"""A text as words are looked for in it: in small letters, and without characters that show nothing."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from llmgateway.wire.view import HIDDEN

MOST_HIDDEN: Final = 50
"""More of them together part words: else what stands far away would decide whether a word is whole."""


def lowered(folded: str) -> str:
    """Write a folded text in small letters, one for one.

    Only the dotted capital I has a small form of two characters, and only the small sigma has two forms, by its place.
    """
    if folded.isascii():
        return folded.lower()
    return folded.replace("\u0130", "i").lower().replace("\u03c2", "\u03c3")


def hides(text: str) -> bool:
    """Tell whether some characters of a text show nothing."""
    return not text.isascii() and any(char in text for char in HIDDEN)


class Plain:
    """The plain form of a folded text from `base` on; `place` leads back to the text itself.

    `hiding`: whether some of its characters may show nothing, for who knows that of the whole text.
    """

    __slots__ = ("_base", "_places", "text")

    def __init__(self, folded: str, base: int = 0, *, hiding: bool = True) -> None:
        part = folded[base:] if base else folded
        self._base = base
        self._places: Sequence[int] | None = None
        if hiding and hides(part):
            self._places = _shown(part)
            part = "".join(part[at] for at in self._places)
        self.text = lowered(part)

    def place(self, at: int) -> int:
        """Give where character `at` of the plain form stands in the text."""
        return self._base + (at if self._places is None else self._places[at])


def _shown(text: str) -> list[int]:
    places: list[int] = []
    for is_hidden, run in groupby(range(len(text)), key=lambda at: text[at] in HIDDEN):
        together = list(run)
        if not is_hidden or len(together) > MOST_HIDDEN:
            places += together
    return places


def shown(word: str) -> str:
    """Write a word without what shows nothing."""
    return "".join(char for char in word if char not in HIDDEN)
