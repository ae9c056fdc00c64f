"""A text as words are looked for in it: in small letters, and without characters that show nothing."""

from collections.abc import Sequence
from typing import Final

from llmgateway.wire.unseen import hides, without

MOST_HIDDEN: Final = 50
"""More of them together part words: else what stands far away would decide whether a word is whole."""


def lowered(folded: str) -> str:
    """Write a folded text in small letters, one for one.

    Only the dotted capital I has a small form of two characters, and only the small sigma has two forms, by its place.
    """
    if folded.isascii():
        return folded.lower()
    return folded.replace("\u0130", "i").lower().replace("\u03c2", "\u03c3")


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
            part, self._places = without(part, MOST_HIDDEN)
        self.text = lowered(part)

    def place(self, at: int) -> int:
        """Give where character `at` of the plain form stands in the text."""
        return self._base + (at if self._places is None else self._places[at])


def shown(word: str) -> str:
    """Write a word without what shows nothing."""
    return without(word, len(word))[0]
