"""Whatever may be personal: one look tells whether there can be any, then each family looks for its own."""

from collections.abc import Collection
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii import (
    addresses,
    documents,
    emails,
    escapes,
    foreign,
    ibans,
    networks,
    numbers,
    persons,
    phones,
)
from llmgateway.guardrails.pii.runs import compiled, plain, wide
from llmgateway.wire.view import View

_ANY: Final = compiled(
    b"|".join(
        (numbers.PATTERN, emails.SIGN, emails.SPELT_SIGN, emails.ENCODED, *networks.HINTS, ibans.HEAD, documents.TOKEN)
    )
)

_APART: Final = (b"?", b"\n", b",")  # what parts values: no pattern for ASCII has one of these in what it matches
_BACK: Final = addresses.LONGEST + addresses.LONGEST_BLOCK + 4  # farther back begins nothing that matters at a place


def candidates(view: View, start: int, names: Collection[str] = ()) -> list[Finding]:
    """Give what each family takes for its own: all of it that ends after `start`. It may overlap.

    `names`: the languages in which names of persons are looked for.
    """
    low = max(0, start - _BACK)
    raw = b"" if view.text.isascii() else wide(view.folded[low:])
    octets = escapes.plain(plain(view, low, raw))
    apart = _apart(octets, low, max(low, start - phones.EXTENDED)) if start else 0
    found = _in_latin(view, octets, apart, start)
    if raw:
        found += foreign.find(view, low, raw)
        found += addresses.find(view, low, raw, start)
    if names:
        found += persons.find(view, octets, start, names)
    return found


def _apart(octets: bytes, low: int, start: int) -> int:
    """Where that begins which nothing before `start` is one value with."""
    for sign in _APART:
        low = max(low, octets.rfind(sign, low, start) + 1)
    return low


def _in_latin(view: View, octets: bytes, low: int, start: int) -> list[Finding]:
    """What is written in ASCII characters, from `low` on."""
    if _ANY.place(octets, low)[0] < 0:
        return []
    found = sorted((*ibans.find(octets, low), *networks.find(view, octets, low)))
    found += numbers.find(view, octets, low, start, found)
    found += emails.find(view, octets, low)
    found += emails.find_spelt(octets, low)
    found += emails.find_encoded(octets, low)
    found += documents.find(view, octets, low)
    return found
