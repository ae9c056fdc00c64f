"""A text as guardrails look at it: as it is, and in plainer forms of the same length, so that offsets hold in each.

Full-width letters and digits, those of other sets, ideographic spaces and the many kinds of hyphens become ASCII, one
character for one. RE2 works on `octets`: one byte a character, where everything that is not ASCII is `?`, so its
offsets are code points.
"""

import codecs
from typing import Any, Final

from llmgateway.wire import alphabets, unseen
from llmgateway.wire.heads import NOTHING, Above, Head, Hints

SEPARATOR: Final = "\x1f"
"""Stands between texts that are looked at together. No finding reaches over it, and no context."""

_NOTHING: Final = "\u200b"  # shows as little as the separator, and separates nothing
CONTEXT: Final = 64  # characters before a finding that may decide about it
_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_HYPHENS: Final = dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212, 0xFE63), 0x2D)
_BLANKS: Final = dict.fromkeys((0x00A0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), 0x20)
_FOLDED: Final = {**_FULL_WIDTH, **_HYPHENS, **_BLANKS}

# Each look-alike has a byte of its own above ASCII, so that one pass of a codec tells which of them a text holds: ten
# times as quick as str.translate over Japanese, which looks every character up in a dictionary.
_LOOK_ALIKES: Final = "".join(map(chr, _FOLDED))
_BYTES: Final = codecs.charmap_build("".join(map(chr, range(128))) + _LOOK_ALIKES.ljust(128, "\ufffe"))
_ASCII: Final = bytes(range(128)) + bytes(_FOLDED.values()).ljust(128, b"?")
_ALL_ASCII: Final = bytes(range(128))


def shown(text: str) -> str:
    """A text as it may be put beside others: a separator of its own becomes another character that shows nothing."""
    return text.replace(SEPARATOR, _NOTHING) if SEPARATOR in text else text


def fold(text: str) -> str:
    """Turn look-alikes of ASCII characters into these; the result is as long as `text`."""
    return text if text.isascii() else _folded(plain := alphabets.plain(text), _coded(plain))


def _coded(text: str) -> bytes:
    return codecs.charmap_encode(text, "replace", _BYTES)[0]


def _folded(text: str, coded: bytes) -> str:
    for byte in set(coded.translate(None, _ALL_ASCII)):
        text = text.replace(_LOOK_ALIKES[byte - 128], chr(_ASCII[byte]))
    return text


class View:
    """One text, folded once however many guardrails look at it."""

    __slots__ = (
        *("_coded", "_folded", "_heads", "_hides", "_is_odd", "_octets", "_plain"),
        *("above", "said", "seen", "text", "told"),
    )

    def __init__(self, text: str, above: Above = NOTHING) -> None:
        self.text = text
        self.above = above
        self._heads: dict[int, tuple[Head, ...]] | None = None
        self.said: str | None = None  # all that may be in the head of a table, in small letters: see `wire.rows`
        self.told: dict[Hints, bool] = {}  # whether something of that was there
        self._coded: bytes | None = None
        self._octets: bytes | None = None
        plain = text.isascii()
        self._plain = text
        self._folded: str | None = text if plain else None
        self._hides: bool | None = False if plain else None
        self._is_odd: bool | None = False if plain else None
        self.seen: tuple[object, Any] | None = None  # who looked at it last, and what it keeps of that

    @property
    def folded(self) -> str:
        if self._folded is None:
            coded = self._bytes()
            self._folded = _folded(self._plain, coded)
        return self._folded

    @property
    def octets(self) -> bytes:
        if self._octets is None:
            self._octets = self.text.encode() if self.text.isascii() else self._bytes().translate(_ASCII)
        return self._octets

    @property
    def hides(self) -> bool:
        """Whether some characters of the text show nothing."""
        if self._hides is None:
            self._hides = self._odd() and unseen.hides(self.text)
        return self._hides

    @property
    def heads(self) -> dict[int, tuple[Head, ...]]:
        """What has been found out about tables: by where a line begins, what may be the head of its table."""
        if self._heads is None:
            self._heads = {}
        return self._heads

    def _odd(self) -> bool:
        """Whether a look for rare characters is worth its while: one for all of them."""
        if self._is_odd is None:
            self._is_odd = alphabets.is_odd(self.text)
        return self._is_odd

    def _bytes(self) -> bytes:
        if self._coded is None:
            self._plain = alphabets.plain(self.text) if self._odd() else self.text
            self._coded = _coded(self._plain)
        return self._coded

    def before(self, at: int) -> str:
        """The context of what begins at `at`: the folded characters before it, back to the text's own beginning."""
        return self.folded[max(0, at - CONTEXT) : at].rpartition(SEPARATOR)[2]
