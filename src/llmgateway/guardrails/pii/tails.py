"""Which end of a text may still become part of a value, when more of the text comes."""

from collections.abc import Collection
from typing import Final

from llmgateway.guardrails.pii import (
    addresses,
    emails,
    escapes,
    foreign,
    ibans,
    japan,
    markup,
    name_columns,
    numbers,
    parted,
    persons,
    said,
)
from llmgateway.guardrails.pii.runs import KANJI_OPEN, begun, compiled, compiled_wide, wide
from llmgateway.guardrails.pii.scan import Look
from llmgateway.wire.view import View

WIDEST: Final = 250  # characters of the end that are looked at
_WORD: Final = rb"[" + emails.WORD + rb"]"
_EXTENSION: Final = b"|".join(b"extension"[:size] for size in range(1, 10))
_EXTENDED: Final = rb"[ ,]{1,2}|[ ,]{0,2}(?:x|ext\.|#|" + _EXTENSION + rb") ?[0-9]{0,5}"
_BEHIND: Final = rb"(?:" + b"|".join((_EXTENDED, rb"/ ?", escapes.OPEN, markup.IN_NUMBER)) + rb")?"
_NUMBER: Final = rb"(?:[+(]\x7f*)*[0-9][0-9" + numbers.BETWEEN + rb"]*" + _BEHIND
_POSTAL: Final = rb"[0-9]{3}-[0-9]{4}[ ,\t\n\"]{0,%d}[?]{0,%d}" % (japan.AHEAD, japan.CITY)
_PARTS: Final = (
    rb"={0,2}",
    rb"[+(][+(\x7f]*" + escapes.OPEN,
    _NUMBER,
    parted.OPEN,
    _POSTAL,
    rb"(?:" + ibans.OPEN + rb")" + escapes.OPEN,
    escapes.OPEN,
    markup.IN_ADDRESS,
    said.OPEN,
    emails.CHAIN_OPEN,
    emails.QUOTE_OPEN,
)
_END: Final = compiled(_WORD + rb"*(?:" + b"|".join(_PARTS) + rb")\z")
_END_WITH_NAMES: Final = compiled(_WORD + rb"*(?:" + b"|".join((*_PARTS, persons.ENGLISH_OPEN)) + rb")\z")
_WIDE_END: Final = compiled_wide(rf"{addresses.OPEN}|{foreign.OPEN}|{KANJI_OPEN}|{parted.WIDE_OPEN}")


def opening(view: View, look: Look, names: Collection[str] = ()) -> int:
    """Where the open end begins of what is behind the look's `start`; `len(view.text)` if nothing is open.

    `names`: the languages in which names of persons are looked for.
    """
    at = _opening(view, look, names)
    return at if at <= look.start else min(at, max(look.start, name_columns.opening(view, names)))


def _opening(view: View, look: Look, names: Collection[str]) -> int:
    size = len(view.text)
    low = max(look.start, size - WIDEST)
    if not look.raw:
        return _end(look.octets, low, names)
    at = _end(begun(view, look.octets), low, names)
    if at <= look.start:  # nothing is settled, whatever else is open
        return at
    low = max(low, size - addresses.LONGEST)
    raw = wide(view.folded[low:])
    begin, _ = _WIDE_END.place(raw)
    at = min(at, low + len(raw[:begin].decode())) if begin >= 0 else at
    if at <= look.start or persons.JAPANESE not in names:
        return at
    return min(at, persons.opening(view.folded, low))


def _end(octets: bytes, low: int, names: Collection[str]) -> int:
    begin, _ = (_END_WITH_NAMES if persons.ENGLISH in names else _END).place(octets, low)
    return begin if begin >= 0 else len(octets)
