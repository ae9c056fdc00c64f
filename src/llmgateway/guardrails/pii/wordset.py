"""Whether a text ends or goes on with one of many words, without trying each."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

_PAIR: Final = 2


class WordSet:
    """Words, and how long they are by the two characters they begin or end with: most looks end at these."""

    __slots__ = ("_heads", "_ones", "_tails", "words")

    def __init__(self, words: Iterable[str]) -> None:
        self.words: Final = frozenset(words)
        self._ones: Final = frozenset(word for word in self.words if len(word) < _PAIR)
        longer = self.words - self._ones
        self._heads: Final = _sizes((word[:_PAIR], word) for word in longer)
        self._tails: Final = _sizes((word[-_PAIR:], word) for word in longer)

    def end(self, text: str, at: int | None = None) -> bool:
        """Whether one of them ends at a place of the text; without one, at the text's end."""
        stop = len(text) if at is None else at
        if stop < _PAIR:
            return text[:stop] in self._ones
        for size in self._tails.get(text[stop - _PAIR : stop], ()):
            if size <= stop and text[stop - size : stop] in self.words:
                return True
        return text[stop - 1] in self._ones

    def begin(self, text: str, at: int = 0) -> bool:
        """Whether one of them is at a place of the text."""
        head = text[at : at + _PAIR]
        for size in self._heads.get(head, ()):
            if text[at : at + size] in self.words:
                return True
        return head[:1] in self._ones

    def may_begin(self, text: str) -> bool:
        """Whether more of a text may make it begin with one of them."""
        return any(word.startswith(text) for word in self.words)


def _sizes(pairs: Iterable[tuple[str, str]]) -> Mapping[str, tuple[int, ...]]:
    found: dict[str, int] = {}
    for pair, word in pairs:
        found[pair] = found.get(pair, 0) | 1 << len(word)
    return {pair: _set_bits(sizes) for pair, sizes in found.items()}


@cache
def _set_bits(number: int) -> tuple[int, ...]:
    return tuple(at for at in range(number.bit_length()) if number >> at & 1)
