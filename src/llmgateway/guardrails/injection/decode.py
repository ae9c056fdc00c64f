"""Texts inside a text: base64, hexadecimal, percent codes, character references, bits; read twice, as models would."""

import base64
import binascii
import html
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import re2

MOST: Final = 4  # runs of a kind that are read in one text
LONGEST: Final = 4096  # characters of a run
FEWEST_CODES: Final = 4  # percent codes of a run, or character references

_ROT13: Final = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM"
)
_NOT_HEX: Final = bytes(set(range(256)) - set(b"0123456789abcdefABCDEF"))
_NOT_BITS: Final = bytes(set(range(256)) - set(b"01"))


def unescaped(text: str) -> str:
    r"""Read `\n`, `\t` and `\uXXXX` as the characters they stand for: much of what tools bring is JSON in a string.

    Other backslashes stay. Half a surrogate pair becomes a question mark.
    """
    if "\\" not in text:
        return text
    octets = text.replace("\\", "\\\\").encode("raw_unicode_escape")
    for letter in (b"u", b"n", b"r", b"t"):
        octets = octets.replace(b"\\\\" + letter, b"\\" + letter)
    said = octets.decode("unicode_escape", "replace")
    return said.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def layers(text: str) -> Iterator[str]:
    """Yield what long runs say, and what runs inside of that say."""
    for outer in decoded(text):
        yield outer
        yield from decoded(outer)


def decoded(text: str) -> Iterator[str]:
    """Yield what long runs say, where they say something that can be read."""
    octets = text.encode()
    yield from _said(octets, _BASE64_RUN, _base64)
    if _HEX_RUN.search(octets):
        yield from _said(octets, _HEX_RUN, _hex)
        yield from _said(octets, _BITS_RUN, _bits)  # bits are hexadecimal digits too
    if octets.count(b"%") >= FEWEST_CODES:
        yield from _said(octets, _PERCENT_RUN, _percent)
    if octets.count(b"&#") >= FEWEST_CODES:
        yield from _said(octets, _REFERENCES_RUN, _references)


def rot13(text: str) -> str:
    """Turn each Latin letter by half the alphabet."""
    return text.translate(_ROT13)


def _said(octets: bytes, pattern: Any, read: Callable[[bytes], bytes]) -> Iterator[str]:
    if pattern.search(octets):
        yield from filter(None, (_readable(read, run[0][:LONGEST]) for run in islice(pattern.finditer(octets), MOST)))


def _readable(read: Callable[[bytes], bytes], run: bytes) -> str:
    try:
        text = read(run).decode("utf-8")
    except (ValueError, binascii.Error):
        return ""
    return text if sum(map(str.isprintable, text)) > 0.9 * len(text) else ""


def _hex(run: bytes) -> bytes:
    digits = run.replace(b"0x", b"").translate(None, _NOT_HEX)
    return bytes.fromhex(digits[: len(digits) & ~1].decode())


def _base64(run: bytes) -> bytes:
    body = run.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    return base64.b64decode(body + b"=" * (-len(body) % 4))


def _bits(run: bytes) -> bytes:
    digits = run.translate(None, _NOT_BITS)
    return bytes(int(digits[at : at + 8], 2) for at in range(0, len(digits) & ~7, 8))


def _percent(run: bytes) -> bytes:
    return unquote_to_bytes(run.replace(b"+", b" "))


def _references(run: bytes) -> bytes:
    return html.unescape(run.decode()).encode("utf-8", "replace")


def _pattern(text: bytes) -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(text, options)


_BASE64_RUN: Final = _pattern(rb"[A-Za-z0-9+/_-]{20,}={0,2}")
_HEX_RUN: Final = _pattern(rb"(?:(?:0x|\\x)?[0-9A-Fa-f]{2}[ ,:]?){12,}")
_BITS_RUN: Final = _pattern(rb"(?:[01]{8}[ ,]?){8,}")
_PERCENT_RUN: Final = _pattern(rb"[A-Za-z0-9+._%-]*(?:%[0-9A-Fa-f]{2}[A-Za-z0-9+._-]*){4,}")
_REFERENCES_RUN: Final = _pattern(rb"(?:&#[xX]?[0-9A-Fa-f]{2,6}; ?){4,}")
