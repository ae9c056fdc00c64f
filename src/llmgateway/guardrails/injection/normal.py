"""Attack texts in one plain form: what hides them is taken off, and remembered as a mark.

The form is lower-case words with one space between them and at both ends; punctuation is gone, Japanese stays as it is.
"""

import tomllib
import unicodedata
from enum import StrEnum
from importlib.resources import files
from typing import Final, NamedTuple

import re2


class Mark(StrEnum):
    """How a text was hidden."""

    TAGS = "tags"  # characters that no one sees and a model reads
    INVISIBLE = "invisible"  # zero-width characters inside words
    LOOK_ALIKES = "look_alikes"  # words that mix alphabets


class Plain(NamedTuple):
    """A text in its plain form, and how it was hidden."""

    words: str
    marks: frozenset[Mark] = frozenset()


_LETTERS: Final = b"abcdefghijklmnopqrstuvwxyz0123456789"
_WORDS: Final = bytes(code if code in _LETTERS or code > 127 else 32 for code in range(256))
_LEET: Final = bytes.maketrans(b"01345789@$!|", b"oieastbgasil").translate(_WORDS)  # digits and signs for letters
_WIDE: Final = (
    ("\u3000", " "),
    ("\u2019", "'"),
    ("\u2018", "'"),
    ("\u201c", '"'),
    ("\u201d", '"'),
    ("\u2014", "-"),
    ("\u2013", "-"),
    *((chr(ord(each) + 0xFEE0), each) for each in "!?():,%"),
)

_TAG: Final = r"\x{E0020}-\x{E007E}"
_UNSEEN: Final = r"\x{00AD}\x{034F}\x{115F}\x{1160}\x{180E}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{206F}\x{FEFF}"
_SELECTORS: Final = r"\x{FE00}-\x{FE0F}\x{E0100}-\x{E01EF}"
_ANY: Final = re2.compile(rf"[{_UNSEEN}{_SELECTORS}\x{{E0001}}\x{{E0020}}-\x{{E007F}}]")
_FLAG: Final = re2.compile(rf"\x{{1F3F4}}[{_TAG}]{{1,6}}\x{{E007F}}")  # England's, Scotland's: letters in tags, rightly
_TAGS: Final = re2.compile(rf"[{_TAG}]{{2,}}")
_SMUGGLED: Final = re2.compile(rf"[{_SELECTORS}]{{4,}}")
_INSIDE: Final = re2.compile(rf"[a-z][{_UNSEEN}]+[a-z]")
_OTHERS: Final = r"\p{Cyrillic}\p{Greek}\p{Armenian}\p{Cherokee}\x{0131}\x{0250}-\x{02AF}\x{1D00}-\x{1D7F}"
_MIXED: Final = re2.compile(rf"[a-z][{_OTHERS}]|[{_OTHERS}][a-z]")  # where words are whole, letters are what they seem
_LOOK_ALIKES: Final = tomllib.loads(files(__package__).joinpath("look_alikes.toml").read_text("utf-8"))
_FOLD: Final = {ord(each): plain for plain, many in _LOOK_ALIKES.items() for each in many}


def plain(text: str) -> Plain:
    """Give the plain form of a text."""
    if text.isascii():
        return Plain(spaced(text.lower()))
    for wide, narrow in _WIDE:
        text = text.replace(wide, narrow)
    marks = frozenset[Mark]()
    if _ANY.search(text):
        text, marks = _seen(text)
    if not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text)
    text = text.lower()
    if _MIXED.search(text):
        text, marks = text.translate(_FOLD), marks | {Mark.LOOK_ALIKES}
    return Plain(spaced(text), marks)


def spaced(text: str, *, leet: bool = False) -> str:
    """Lower-case text as words with single spaces between them and around; `leet` with digits read as letters."""
    octets = text.encode("utf-8", "replace").translate(_LEET if leet else _WORDS)
    return " " + b" ".join(octets.split()).decode() + " "


def _seen(text: str) -> tuple[str, frozenset[Mark]]:
    """What a reader sees, and the marks of what else a model reads."""
    marks = set()
    text = _FLAG.sub("\U0001f3f4", text)
    if _TAGS.search(text) or _SMUGGLED.search(text):
        marks.add(Mark.TAGS)
    if _INSIDE.search(text.lower()):
        marks.add(Mark.INVISIBLE)
    return _ANY.sub("", text), frozenset(marks)
