"""Numbers with letters in them: passports, and what states give to persons."""

import string
from collections.abc import Iterator
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii import checks, tables
from llmgateway.guardrails.pii.runs import DIGITS, compiled
from llmgateway.wire.view import View

KINDS: Final = ("passport", "jp_passport", "id.gb", "id.es", "id.sg", "id.cn", "id.in", "jp_corporate_number")
TOKEN: Final = (
    rb"\b(?:[A-Z]{1,3}[0-9]{6,9}[A-Z]?|[A-Z]{2} [0-9]{7}|[a-z]{2}[0-9]{7}"
    rb"|[A-Z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]|[0-9]{8}-?[A-Z]|T[ -]?[0-9](?:[ -]?[0-9]{4}){3}"
    rb"|[A-Z]{5}[0-9]{4}[A-Z]|[XYZ]-?[0-9]{7}-?[A-Z]|[0-9]{17}X|[0-9A-Z]{8,9})\b"
)
_LETTERS: Final = bytes.maketrans(b"123456789BCDEFGHIJKLMNOPQRSTUVWXYZ", b"0" * 9 + b"A" * 25)
_JAPANESE: Final = b"AA0000000"  # forms: zeros are digits, and every A a letter
_BRITISH: Final = b"AA000000A"
_INDIAN: Final = b"AAAAA0000A"
_HOLDERS: Final = "ABCFGHJLPT"  # the fourth letter of a number for India's taxes says who has it
_PAN: Final = (
    "pan",
    "pan no",
    "pan number",
    "pan card",
    "pan card number",
    "pan card no",
    "(pan)",
    "pan is",
    "pan number is",
    "permanent account number",
    "tax id",
)
_LINKS: Final = " :.=#\"'(-|,\t"
_SERIES: Final = (b"TG", b"TH", b"TK", b"TR", b"TS", b"TZ")  # with which most passports of Japan begin, and few others
_ABROAD: Final = (b"E", b"PA", b"RA")  # two letters and seven digits, too: China, Australia
_NINO: Final = compiled(rb"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]")
_NINO_UNUSED: Final = frozenset(("BG", "GB", "KN", "NK", "NT", "TN", "ZZ"))
_CHECKED: Final = {
    b"A0000000A": (("STFG", "id.sg", checks.nric), ("XYZ", "id.es", checks.dni)),
    b"00000000A": ((string.digits, "id.es", checks.dni),),
    b"0" * 17 + b"A": ((string.digits, "id.cn", checks.resident_id),),
}
_FEWEST: Final = 4  # digits of a passport
_GERMAN: Final = compiled(rb"[CFGHJK][0-9CFGHJKLMNPRTVWXYZ]{8}")  # no vowels, and often fewer digits
_TOKEN: Final = compiled(TOKEN)
_REACH: Final = 52
_WORDS: Final = ("NO", "ID", "US", "UK", "SSN", "TEL", "FAX")  # that stand before numbers


def find(view: View, octets: bytes, low: int) -> Iterator[Finding]:
    """What a label calls a passport, and what its check letter or its form tells."""
    for begin, end in _TOKEN.spans(octets, low):
        bare = octets[begin:end].translate(None, b" -").upper()
        letters = bare.translate(None, DIGITS)
        if not letters or (len(bare) - len(letters) < _FEWEST and not _is_german(bare, letters)):
            continue
        kind = _kind(view, begin, bare)
        if kind and octets[end : end + 1] != b"_":
            yield Finding(begin, end, kind)


def _is_german(bare: bytes, letters: bytes) -> bool:
    """Whether it may be a passport's number where a label says so: no word is one, for want of vowels."""
    return len(letters) < len(bare) and _GERMAN.takes(bare)


def _kind(view: View, begin: int, bare: bytes) -> str:
    text = bare.decode("latin-1")
    if text.startswith(_WORDS):
        return ""
    named = tables.label(view, begin)
    if named.family == "passport" and named.names(_REACH):
        return _passport(view, begin, bare)
    if bare.translate(_LETTERS) == _INDIAN:
        return "id.in" if text[3] in _HOLDERS and view.before(begin).rstrip(_LINKS).lower().endswith(_PAN) else ""
    if text[0] == "T" and len(text) == 14:
        return "jp_corporate_number" if checks.corporate_number(text[1:]) else ""
    return _national(bare, text)


def _passport(view: View, begin: int, bare: bytes) -> str:
    if bare.translate(_LETTERS) != _JAPANESE:
        return "passport"
    if bare.startswith(_SERIES):
        return "jp_passport"
    before = view.before(begin)
    elsewhere = bare.startswith(_ABROAD) or (before.isascii() and "japan" not in before.lower())
    return "passport" if elsewhere else "jp_passport"


def _national(bare: bytes, text: str) -> str:
    form = bare.translate(_LETTERS)
    if form == _BRITISH:
        return "id.gb" if _NINO.takes(bare) and text[:2] not in _NINO_UNUSED else ""
    checked = _CHECKED.get(form, ())
    return next((kind for heads, kind, check in checked if text[0] in heads and check(text)), "")
