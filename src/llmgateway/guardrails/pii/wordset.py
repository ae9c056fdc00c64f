"""Whether a text ends or goes on with one of many words, without trying each."""

from collections.abc import Iterable
from typing import Final


class WordSet:
    """Words by their lengths, and the characters they begin and end with: most looks end at the first of these."""

    __slots__ = ("_firsts", "_lasts", "_sizes", "words")

    def __init__(self, words: Iterable[str]) -> None:
        self.words: Final = frozenset(words)
        self._sizes: Final = tuple(sorted({len(word) for word in self.words}))
        self._firsts: Final = frozenset(word[0] for word in self.words)
        self._lasts: Final = frozenset(word[-1] for word in self.words)

    def end(self, text: str, at: int | None = None) -> bool:
        """Whether one of them ends at a place of the text; without one, at the text's end."""
        stop = len(text) if at is None else at
        if not stop or text[stop - 1] not in self._lasts:
            return False
        for size in self._sizes:  # noqa: SIM110  any() costs twice as much
            if size <= stop and text[stop - size : stop] in self.words:
                return True
        return False

    def begin(self, text: str, at: int = 0) -> bool:
        """Whether one of them is at a place of the text."""
        if text[at : at + 1] not in self._firsts:
            return False
        for size in self._sizes:  # noqa: SIM110  as above
            if text[at : at + size] in self.words:
                return True
        return False
