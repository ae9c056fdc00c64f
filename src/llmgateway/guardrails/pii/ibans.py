"""Bank accounts by IBAN: the country says how long it is, and two check digits whether it is one."""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii import checks
from llmgateway.guardrails.pii.runs import GAP, compiled, fits, with_escape
from llmgateway.wire.view import View

KIND: Final = "iban"
_COUNTRIES: Final = (
    "NO15 BE16 DK18 FI18 FO18 GL18 NL18 MK19 SI19 AT20 BA20 EE20 KZ20 LT20 LU20 MN20 XK20 CH21 HR21 LI21 LV21 BG22 "
    "BH22 CR22 DE22 GB22 GE22 IE22 ME22 RS22 VA22 AE23 GI23 IL23 IQ23 OM23 SO23 TL23 AD24 CZ24 ES24 MD24 PK24 RO24 "
    "SA24 SE24 SK24 TN24 VG24 LY25 PT25 ST25 IS26 TR26 BI27 DJ27 FR27 GR27 IT27 MC27 MR27 SM27 AL28 AZ28 BY28 CY28 "
    "DO28 GT28 HU28 LB28 NI28 PL28 SV28 BR29 EG29 PS29 QA29 UA29 JO30 KW30 MU30 YE30 MT31 SC31 LC32 RU33 "
)
_LENGTHS: Final = {each[:2].encode(): int(each[2:]) for each in _COUNTRIES.split()}
_LONGEST: Final = 33
_JOINT: Final = rb"(?:[ .-]| - | ?\r?\n)?"
HEAD: Final = rb"\b[A-Za-z]{2}(?: [0-9]{2}|[0-9]{2}" + _JOINT + rb")[0-9A-Za-z]{3}"
_HIDDEN: Final = compiled(GAP)
_HEAD: Final = compiled(HEAD)
_BODY: Final = compiled(
    rb"[0-9A-Z]{4}(?:" + _JOINT + rb"[0-9A-Z]+)*|[A-Z]{2} [0-9A-Z]+"
    rb"|[0-9a-z]{4}(?:[ .-][0-9a-z]{4}){2,7}(?:[ .-][0-9a-z]{1,3})?|[0-9A-Za-z]+"
)
OPEN: Final = (
    rb"\b(?:[A-Z]{2} ?(?:[0-9]|[0-9]{2}(?:[ .\x7f\r\n-]{0,3}[A-Z0-9]){0,33})"
    rb"|[a-z]{2}[0-9]{2}(?:[ .\x7f-]{0,3}[a-z0-9]){0,33})[ .\x7f\r\n-]{0,3}"
    rb"|[A-Za-z]\x7f+[A-Za-z][ \x7f]*[0-9][ .\x7f0-9A-Za-z-]*"
)
_BETWEEN: Final = b" .-\r\n"


def find(view: View, octets: bytes, low: int) -> Iterator[Finding]:
    """Account numbers in one piece or in groups, with what nobody sees between."""
    if octets.find(GAP, low) < 0:
        yield from _find(octets, low)
        return
    accounts = list(_find(octets[:low] + octets[low:].translate(None, GAP), low))
    gaps = [begin - at for at, (begin, _) in enumerate(_HIDDEN.spans(octets, low))] if accounts else []
    for found in accounts:
        begin = found.start + bisect_right(gaps, found.start)
        end = with_escape(view, octets, found.end + bisect_right(gaps, found.end - 1))
        if fits(octets, begin, end):
            yield Finding(begin, end, KIND)


def _find(octets: bytes, at: int) -> Iterator[Finding]:
    while (begin := _HEAD.place(octets, at)[0]) >= 0:
        length = _LENGTHS.get(octets[begin : begin + 2].upper())
        if length and (end := _end(octets, begin, length)):
            yield Finding(begin, end, KIND)
        at = begin + 4


def _end(octets: bytes, begin: int, length: int) -> int:
    """Where an account number of that length ends; 0 if there is none."""
    text = octets[begin : max(begin, _BODY.ends(octets, begin, begin + 2 * _LONGEST))]
    bare = text.translate(None, _BETWEEN)[:length].upper()
    if len(bare) < length or not checks.iban(bare.decode("latin-1")):
        return 0
    size = length
    while (reached := length + size - len(text[:size].translate(None, _BETWEEN))) > size:
        size = reached
    return 0 if octets[begin + size : begin + size + 1].isalnum() else begin + size
