"""Spellings that say the same: a word with a slip of the fingers, Japanese words in the other kana."""

from collections.abc import Iterator
from typing import Final

SHORTEST: Final = 6  # letters of a word whose slips are no other words

_HIRAGANA: Final = {code: code - 0x60 for code in range(ord("ァ"), ord("ヶ") + 1)}


def hiragana(text: str) -> str:
    """Write katakana as hiragana, character for character."""
    return text.translate(_HIRAGANA)


def slips(word: str) -> Iterator[str]:
    """Yield a word with two letters swapped, one left out or one doubled; its first and last letter stay."""
    for at in range(len(word) - 1):
        yield word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    for at in range(1, len(word) - 1):
        yield word[:at] + word[at + 1 :]
        yield word[:at] + word[at] + word[at:]
