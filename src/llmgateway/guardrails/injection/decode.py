"""Texts inside a text: runs of base64, hexadecimal, percent codes and escapes, read once, as a model would."""

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

import re2

MOST: Final = 4  # runs of a kind that are read in one text
LONGEST: Final = 4096  # characters of a run

_HEX_OCTET: Final = r"(?:[0-9A-Fa-f]{2})"
_HEX: Final = rf"(?:{_HEX_OCTET}[ :,]?){{12,}}|(?:\\x{_HEX_OCTET}){{8,}}|(?:0x{_HEX_OCTET}[ ,]*){{8,}}"
_BASE64: Final = r"[A-Za-z0-9+/_\-]{20,}={0,2}"
_PERCENT: Final = r"(?:[A-Za-z0-9+._\-]{0,16}%[0-9A-Fa-f]{2}){4,}[A-Za-z0-9+._\-]{0,16}"
_BITS: Final = r"(?:[01]{8} ?){8,}"
_LONG: Final = re2.compile(rf"{_HEX}|{_BASE64}|{_PERCENT}|{_BITS}")
_KINDS: Final = {"hex": _HEX, "base64": _BASE64, "percent": _PERCENT, "bits": _BITS}
_RUNS: Final = {kind: re2.compile(pattern) for kind, pattern in _KINDS.items()}
_NOT_HEX: Final = bytes(set(range(256)) - set(b"0123456789abcdefABCDEF"))
_ROT13: Final = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM"
)


def decoded(text: str) -> Iterator[str]:
    """Yield what long runs say, where they say something that can be read."""
    if not _LONG.search(text):
        return
    for kind, pattern in _RUNS.items():
        for run in pattern.findall(text)[:MOST]:
            said = _readable(_READ[kind], run[:LONGEST])
            if said:
                yield said


def rot13(text: str) -> str:
    """Turn each Latin letter by half the alphabet."""
    return text.translate(_ROT13)


def _readable(read: Callable[[str], bytes], run: str) -> str:
    try:
        text = read(run).decode("utf-8")
    except (ValueError, binascii.Error):
        return ""
    return text if sum(map(str.isprintable, text)) > 0.9 * len(text) else ""


def _hex(run: str) -> bytes:
    digits = run.replace("0x", "").encode("ascii").translate(None, _NOT_HEX)
    return bytes.fromhex(digits[: len(digits) & ~1].decode())


def _base64(run: str) -> bytes:
    body = run.rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(body + "=" * (-len(body) % 4))


def _bits(run: str) -> bytes:
    digits = run.replace(" ", "")
    return bytes(int(digits[at : at + 8], 2) for at in range(0, len(digits) & ~7, 8))


def _percent(run: str) -> bytes:
    return unquote_to_bytes(run.replace("+", " "))


_READ: Final = {"hex": _hex, "base64": _base64, "percent": _percent, "bits": _bits}
