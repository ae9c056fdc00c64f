"""Characters that nobody sees: they may stand inside of what a person or a model reads without them.

Soft hyphens, joiners and blanks without width, marks of direction, fillers, variation selectors, invisible signs of
mathematics, tags. A selector right behind an emoji is none of them: it says how that looks, in very many texts.
"""

import re
from typing import Final

from llmgateway.wire.expression import Expression

_RANGES: Final = (
    *((0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F)),
    *((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)),
    *((0xFFA0, 0xFFA0), (0xE0001, 0xE0001), (0xE0020, 0xE007F), (0xE0100, 0xE01EF)),
)
UNSEEN: Final = "".join(chr(code) for first, last in _RANGES for code in range(first, last + 1))
"""Each of them."""
IS_UNSEEN: Final = frozenset(UNSEEN)
CLASS: Final = "".join(f"{chr(first)}-{chr(last)}" for first, last in _RANGES)
"""What a pattern has between its brackets that matches any one of them."""
_SELECTORS: Final = "\ufe00-\ufe0f"
_OTHERS: Final = CLASS.replace(_SELECTORS, "")
_EMOJI: Final = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u25aa-\u27bf\u2934\u2935\u2b05-\u2b55"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
SIGHT: Final = rf"[{_OTHERS}]|(?:\A|[^{_EMOJI}])[{_SELECTORS}]"
"""The pattern of a text that has such a character, and what stands before it."""
_ANY: Final = Expression(SIGHT.encode(), latin=False)
_ONE: Final = f"(?:[{_OTHERS}]|(?<![{_EMOJI}])[{_SELECTORS}])"
_EACH: Final = re.compile(_ONE)
_RUN: Final = re.compile(f"{_ONE}[{CLASS}]*+")


def hides(text: str) -> bool:
    """Whether there is such a character in a text."""
    return not text.isascii() and _ANY.search(text.encode("utf-8", "replace")) is not None


def marked(text: str, mark: str) -> str:
    """The text with a mark in the place of each of them."""
    return _EACH.sub(mark, text)


def without(text: str, most: int) -> tuple[str, list[int]]:
    """The text without such characters, but for more than `most` in a row; and where each of what is left stands."""
    pieces: list[str] = []
    places: list[int] = []
    at = 0
    for run in _RUN.finditer(text):
        start, end = run.span()
        if end - start <= most:
            pieces.append(text[at:start])
            places.extend(range(at, start))
            at = end
    pieces.append(text[at:])
    places.extend(range(at, len(text)))
    return "".join(pieces), places
