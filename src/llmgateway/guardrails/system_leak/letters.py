"""The letters of a text: what is left when case, width, accents, spaces, marks and characters without width are gone.

They are bytes of UTF-8, so that a character of Japanese, Chinese or Korean weighs three times as much as a letter of
English: it says about as much more. Each character is folded by itself; what stands beside it does not matter.
"""

from collections.abc import Iterator
from typing import Final
from unicodedata import normalize

from llmgateway.wire.view import SEPARATOR

_KEPT: Final = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789" + SEPARATOR.encode())
_SILENT: Final = bytes(byte for byte in range(128) if byte not in _KEPT)
_MAX_FOLDED: Final = 32 * 1024  # characters of other scripts whose folding is remembered


def _fold(char: str) -> str:
    if char == SEPARATOR or "\uac00" <= char <= "\ud7a3":  # syllables of Korean would fall apart into three letters
        return char
    return "".join(filter(str.isalnum, normalize("NFKD", char).casefold()))


_FOLDED: Final[dict[str, str]] = {}  # what characters of late are folded to


def letters(text: str) -> bytes:
    """The letters of a text, and its separators."""
    if text.isascii():
        return text.lower().encode().translate(None, _SILENT)
    return "".join(_folded(text)).encode()


def places(text: str) -> list[int]:
    """Where the character stands that each byte of `letters(text)` comes from."""
    return [at for at, folded in enumerate(_folded(text)) for _ in range(len(folded.encode()))]


def _folded(text: str) -> list[str]:
    """What each character is folded to; nothing for one that is silent."""
    try:
        return list(map(_FOLDED.__getitem__, text))
    except KeyError:
        if len(_FOLDED) >= _MAX_FOLDED:
            _FOLDED.clear()
        _FOLDED.update({char: _fold(char) for char in set(text)})
    return [_FOLDED.get(char) or _fold(char) for char in text]  # another thread may have cleared it


def backwards(text: str, size: int) -> Iterator[int]:
    """Where the last `size` bytes of letters stand, character by character from the end."""
    for at in range(len(text) - 1, -1, -1):
        if size <= 0:
            return
        if folded := _fold(text[at]):
            size -= len(folded.encode())
            yield at
