"""Which characters names in Japanese are written with, and words go on with."""

from typing import Final

_REPEATING: Final = frozenset("ー々")


def is_letter(character: str) -> bool:
    """Whether a name goes on with it: kanji or katakana."""
    return "一" <= character <= "鿿" or "ァ" <= character <= "ヺ" or character in _REPEATING


def is_han(character: str) -> bool:
    return "一" <= character <= "鿿" or character == "々"
