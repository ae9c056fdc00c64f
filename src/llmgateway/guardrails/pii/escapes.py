"""Signs as URLs and reports of attacks write them, `%2B81` and `203[.]0[.]113[.]7`: read in as many characters."""

import re
from typing import Final

from llmgateway.guardrails.pii.runs import GAP, compiled

_ESCAPE: Final = b"%2"
_SIGNS: Final = {b"%20": b" ", b"%28": b"(", b"%29": b")", b"%2B": b"+", b"%2b": b"+", b"%2D": b"-", b"%2d": b"-"}
_POINTS: Final = (b"[.]", b"(.)", b"[dot]", b"(dot)")
_SLASH: Final = b"/"
_HYPHEN: Final = ord("-")
_SLASHED: Final = compiled(rb"(?:^|[^0-9A-Za-z./-])(?:0[1-9][0-9]{1,3} ?/ ?|[2-9][0-9]{2}/)[0-9]")
_TEL_END: Final = b"L0"
_FAX_END: Final = b"X0"
_LABELS: Final = ((b"TEL0", b"TE 0"), (b"FAX0", b"FA 0"))
_POINT_IN_NUMBER: Final = re.compile(rb"(?<=[0-9])(?:\[\.\]|\(\.\)|\[dot\]|\(dot\))(?=[0-9])")


def plain(octets: bytes) -> bytes:
    """The same with the signs themselves, each before characters that count for nothing."""
    # one character is looked for ten times as fast as two
    if b"%" in octets and _ESCAPE in octets:
        for escape, sign in _SIGNS.items():
            octets = octets.replace(escape, sign + GAP * (len(escape) - 1))
    if (b"[" in octets or b"(" in octets) and any(sign in octets for sign in _POINTS):
        octets = _POINT_IN_NUMBER.sub(_point, octets)
    if _SLASH in octets:
        octets = _without_slashes(octets)
    if (b"L" in octets and _TEL_END in octets) or (b"X" in octets and _FAX_END in octets):
        octets = _apart(octets)
    return octets


def _point(found: "re.Match[bytes]") -> bytes:
    return GAP + b"." + GAP * (len(found[0]) - 2)


def _without_slashes(octets: bytes) -> bytes:
    """The same with a hyphen for the slash behind an area code: `0711/8773690`, `212/555-0187`."""
    found = _SLASHED.spans(octets)
    if not found:
        return octets
    signs = bytearray(octets)
    for begin, end in found:
        signs[octets.index(_SLASH, begin, end)] = _HYPHEN
    return bytes(signs)


def _apart(octets: bytes) -> bytes:
    """The same with a blank between a number and what it is called, as in `TEL03-1234-5678`."""
    for glued, apart in _LABELS:
        octets = octets.replace(glued, apart)
    return octets
