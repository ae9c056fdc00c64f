"""Signs as programs and reports of attacks write them, `%2B81`, `&#64;`, `\\u0040` and `203[.]0[.]113[.]7`: read in as
many characters."""

import re
from functools import lru_cache
from typing import Final

from llmgateway.guardrails.pii.runs import GAP, compiled, replaced

_PERCENT: Final = rb"%[2-7][0-9A-Fa-f]"
_SEVERAL: Final = 4  # octets in a row, from which on letters and digits are meant to be read so: `%20d` is none
_NAMES: Final = "&commat; &period; &lowbar; &plus; &hyphen; &nbsp; &lpar; &rpar;"
_BY_NAME: Final = {each.encode(): sign.encode() for each, sign in zip(_NAMES.split(), "@._+- ()", strict=True)}
_ESCAPES: Final = compiled(
    rb"(?:(?:" + _PERCENT + rb"){%d,}|%%(?:2[089BbDdEe]|40|5[Ff])" % _SEVERAL
    + rb"|&(?:#(?:3[2-9]|[4-9][0-9]|1[01][0-9]|12[0-6]|[xX][2-7][0-9A-Fa-f]);|[a-z]{4,6};)"
    + rb"|\\(?:u00|x|U000000)[2-7][0-9A-Fa-f])+"
)  # fmt: skip
_ESCAPE: Final = re.compile(rb"(?:%|\\u00|\\U000000|\\x)[0-9A-Fa-f]{2}|&#?[0-9A-Za-z]+;")
OPEN: Final = (
    rb"(?:(?:" + _PERCENT + rb"){0,%d}(?:%%[2-7]?)?" % (_SEVERAL - 1)
    + rb"|&(?:#(?:[0-9]{0,3}|[xX][0-9A-Fa-f]{0,2})|[a-z]{0,6})|\\(?:u0{0,2}[2-7]?|U0{0,6}[2-7]?|x[2-7]?)?)"
)  # fmt: skip
"""The pattern of what may become such a sign."""
_POINTS: Final = (b"[.]", b"(.)", b"[dot]", b"(dot)")
_SLASH: Final = b"/"
_HYPHEN: Final = b"-"
_SLASHED: Final = compiled(rb"(?:^|[^0-9A-Za-z./-])(?:0[1-9][0-9]{1,3} ?/ ?|[2-9][0-9]{2}/)[0-9]")
_TEL_END: Final = b"L0"
_FAX_END: Final = b"X0"
_LABELS: Final = ((b"TEL0", b"TE 0"), (b"FAX0", b"FA 0"))
_POINT_IN_NUMBER: Final = re.compile(rb"(?<=[0-9])(?:\[\.\]|\(\.\)|\[dot\]|\(dot\))(?=[0-9])")


def plain(octets: bytes, low: int = 0) -> bytes:
    """The same with the signs themselves from `low` on, each before characters that count for nothing."""
    # one character is looked for ten times as fast as two
    if b"%" in octets or b"&" in octets or b"\\" in octets:
        octets = replaced(octets, _ESCAPES.spans(octets, low), _read)
    if (b"[" in octets or b"(" in octets) and any(sign in octets for sign in _POINTS):
        octets = _POINT_IN_NUMBER.sub(_point, octets)
    if _SLASH in octets:
        octets = replaced(octets, _SLASHED.spans(octets, low), _without_slash)
    if (b"L" in octets and _TEL_END in octets) or (b"X" in octets and _FAX_END in octets):
        octets = _apart(octets)
    return octets


def _read(escapes: bytes) -> bytes:
    """What they say."""
    return b"".join(map(_sign, _ESCAPE.findall(escapes)))


@lru_cache(1024)
def _sign(escape: bytes) -> bytes:
    """What one of them says, as long as it is."""
    if escape.startswith(b"&") and not escape.startswith(b"&#"):
        sign = _BY_NAME.get(escape)
    elif escape.startswith(b"&#") and escape[2:-1].isdigit():
        sign = bytes((int(escape[2:-1]),))
    else:
        sign = bytes((int(escape.rstrip(b";")[-2:], 16),))
    return sign.ljust(len(escape), GAP) if sign else escape


def _point(found: "re.Match[bytes]") -> bytes:
    return GAP + b"." + GAP * (len(found[0]) - 2)


def _without_slash(area: bytes) -> bytes:
    """The same with a hyphen for the slash behind an area code: `0711/8773690`, `212/555-0187`."""
    at = area.rindex(_SLASH)
    return area[:at] + _HYPHEN + area[at + 1 :]


def _apart(octets: bytes) -> bytes:
    """The same with a blank between a number and what it is called, as in `TEL03-1234-5678`."""
    for glued, apart in _LABELS:
        octets = octets.replace(glued, apart)
    return octets
