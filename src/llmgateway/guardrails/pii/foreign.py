"""E-mail addresses with letters that are not ASCII: `name@münchen.example`, `name@例え.example`."""

from collections.abc import Iterator
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii.emails import KIND
from llmgateway.guardrails.pii.runs import HAN, KATAKANA, LONGEST, compiled_wide, matches
from llmgateway.wire.view import View

_SIGN: Final = b"@"
_OTHER: Final = b"?"  # stands for what is not ASCII
_MANY: Final = 32  # signs, from which on a closer look is as quick
_EAST: Final = "\u0530"  # where alphabets end that part their words with blanks
_STARTS: Final = frozenset(b"@.-0123456789")  # before the first letter of a name of a host, or inside of it
_LATIN: Final = "A-Za-z0-9À-ÖØ-öø-ɏ"
_LOCAL: Final = rf"{_LATIN}._%+'-"
_CYRILLIC: Final = "а-яА-ЯёЁіїєґ"
_JAPANESE: Final = f"{HAN}{KATAKANA}ぁ-ん"
_LABEL: Final = rf"(?:[{_LATIN}-]+|[{_JAPANESE}0-9-]+|[{_CYRILLIC}0-9-]+)"  # in one script, so prose ends it
_ADDRESS: Final = compiled_wide(rf"[{_LATIN}_][{_LOCAL}]*@(?:{_LABEL}\.)+(?:[A-Za-z]{{2,24}}\b|[{_CYRILLIC}]{{2,10}})")
_ALIKE: Final = "аеорсухіјѕһԁԛԝѵӏοανρικυ"  # Cyrillic and Greek letters that stand for Latin ones to deceive
_MIXED: Final = compiled_wide(
    rf"[{_LATIN}{_ALIKE}_][{_LOCAL}{_ALIKE}]*@(?:[{_LATIN}{_ALIKE}-]+\.)+[A-Za-z{_ALIKE}]{{2,24}}"
)
_HAS_ALIKE: Final = frozenset(_ALIKE)
OPEN: Final = (
    rf"[{_LATIN}{_ALIKE}_][{_LOCAL}{_ALIKE}]*@[{_LATIN}{_JAPANESE}{_CYRILLIC}{_ALIKE}.-]*\z"
    rf"|[{_LOCAL}{_ALIKE}]*[À-ÖØ-öø-ɏ{_ALIKE}][{_LOCAL}{_ALIKE}]*\z"
)


def find(view: View, low: int, raw: bytes) -> Iterator[Finding]:
    """Addresses that are not plain ones."""
    if not _has_others_beside(view, low):
        return
    for begin, end in matches(_ADDRESS, raw, low):
        if end - begin <= LONGEST and not view.folded[begin:end].isascii() and not _is_password(view.folded, begin):
            yield Finding(begin, end, KIND)
    yield from _find_mixed(view, low, raw)


def _find_mixed(view: View, low: int, raw: bytes) -> Iterator[Finding]:
    """Addresses with letters of two alphabets that look the same."""
    text = view.folded
    for begin, end in matches(_MIXED, raw, low):
        is_mixed = end - begin <= LONGEST and not _HAS_ALIKE.isdisjoint(text[begin:end])
        if is_mixed and not _is_letter(text[begin - 1 : begin]) and not _is_letter(text[end : end + 1]):
            yield Finding(begin, end, KIND)


def _is_letter(sign: str) -> bool:
    """Whether it belongs to the same word as a letter beside it."""
    return sign.isalpha() and sign < _EAST


def _has_others_beside(view: View, low: int) -> bool:
    """Whether a letter that an address may have and that is not ASCII stands near a sign: what prose is in does not."""
    octets, folded = view.octets, view.folded
    at = octets.find(_SIGN, low)
    if octets.count(_SIGN, low) > _MANY:
        return True
    while at >= 0:
        before, after = octets.rfind(_OTHER, max(low, at - LONGEST), at), octets.find(_OTHER, at, at + LONGEST)
        if before >= 0 and folded[before] < _EAST:
            return True
        if after >= 0 and (folded[after] < _EAST or octets[after - 1] in _STARTS):
            return True
        at = octets.find(_SIGN, at + 1)
    return False


def _is_password(text: str, begin: int) -> bool:
    """Whether a URL's user stands before it."""
    return text[begin - 1 : begin] == ":" and "//" in text[max(0, begin - LONGEST) : begin].rsplit(maxsplit=1)[-1]
