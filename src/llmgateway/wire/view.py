"""A text as guardrails look at it: as it is, and in plainer forms of the same length, so that offsets hold in each.

Full-width letters and digits, ideographic spaces and the many kinds of hyphens become ASCII, one character for one. RE2
works on `octets`: one byte a character, where everything that is not ASCII is `?`, so its offsets are code points.
"""

from typing import Final

SEPARATOR: Final = "\x1f"
"""Stands between texts that are looked at together. No finding reaches over it, and no context."""

CONTEXT: Final = 64  # characters before a finding that may decide about it
_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_HYPHENS: Final = dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212, 0xFE63), 0x2D)
_BLANKS: Final = dict.fromkeys((0x00A0, 0x2002, 0x2003, 0x2009, 0x202F, 0x3000), 0x20)
_FOLDED: Final = {**_FULL_WIDTH, **_HYPHENS, **_BLANKS}


def fold(text: str) -> str:
    """Turn look-alikes of ASCII characters into these; the result is as long as `text`."""
    return text if text.isascii() else text.translate(_FOLDED)


class View:
    """One text, folded once however many guardrails look at it."""

    __slots__ = ("_folded", "_octets", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._folded: str | None = None
        self._octets: bytes | None = None

    @property
    def folded(self) -> str:
        if self._folded is None:
            self._folded = fold(self.text)
        return self._folded

    @property
    def octets(self) -> bytes:
        if self._octets is None:
            self._octets = self.folded.encode("ascii", "replace")
        return self._octets

    def before(self, at: int) -> str:
        """The context of what begins at `at`: the folded characters before it, back to the text's own beginning."""
        return self.folded[max(0, at - CONTEXT) : at].rpartition(SEPARATOR)[2]
