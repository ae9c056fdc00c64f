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
    markup,
    name_columns,
    networks,
    numbers,
    parted,
    persons,
    phones,
    postal_savings,
    said,
)
from llmgateway.guardrails.pii.runs import compiled, plain, wide
from llmgateway.wire.view import View

_SIGNS: Final = (
    *(numbers.PATTERN, emails.SIGN, emails.SPELT_SIGN, emails.ENCODED),
    *(*networks.HINTS, ibans.HEAD, documents.TOKEN),
)
_ANY: Final = compiled(b"|".join(_SIGNS))
_GLANCE: Final = compiled(b"|".join((*_SIGNS, parted.SIGNS, said.SIGN)))  # one look for all, as most texts have none

_APART: Final = (b"?", b"\n", b",")  # what parts values: no pattern for ASCII has one of these in what it matches
_BACK: Final = addresses.LONGEST + addresses.LONGEST_BLOCK + 4  # farther back begins nothing that matters at a place


class Look:
    """A text in the forms that values are looked for in, and what each family takes for its own there.

    `low`: where the text begins that matters to what ends after `start`; `raw`: all behind it as UTF-8, nothing if the
    text is ASCII; `octets`: the whole text in plain characters, one octet each.
    """

    __slots__ = ("_found", "_has_any", "_names", "low", "octets", "raw", "start")

    def __init__(self, view: View, start: int = 0, names: Collection[str] = ()) -> None:
        """`names`: the languages in which names of persons are looked for."""
        self.start, self._names = start, names
        self.low = max(0, start - _BACK)
        self.raw = b"" if view.text.isascii() else wide(view.folded[self.low :])
        self.octets = markup.plain(escapes.plain(plain(view, self.low, self.raw), self.low), self.low)
        self._has_any = _GLANCE.place(self.octets, self.low)[0] >= 0
        if self._has_any:
            self.octets = said.plain(self.octets, self.low)
        self._found: list[Finding] | None = None

    def candidates(self, view: View) -> list[Finding]:
        """All of it in its text that ends after `start`. It may overlap."""
        if self._found is None:
            self._found = self._find(view)
        return self._found

    def _find(self, view: View) -> list[Finding]:
        low, start = self.low, self.start
        found: list[Finding] = []
        if self._has_any:
            apart = _apart(self.octets, low, max(low, start - phones.EXTENDED)) if start else 0
            found += _in_latin(view, self.octets, low, apart, start)
            found += parted.find(view, self.octets, low)
        if self.raw:
            found += foreign.find(view, low, self.raw)
            found += addresses.find(view, low, self.raw, start)
        if self.raw or view.above.heads:
            found += postal_savings.find(view, low, start)
        if self._names:
            found += persons.find(view, self.octets, start, self._names)
            found += name_columns.find(view, start, self._names)
        return found


def _apart(octets: bytes, low: int, start: int) -> int:
    """Where that begins which nothing before `start` is one value with."""
    for sign in _APART:
        low = max(low, octets.rfind(sign, low, start) + 1)
    return low


def _in_latin(view: View, octets: bytes, first: int, low: int, start: int) -> list[Finding]:
    """What is written in ASCII characters, from `low` on; of what goes on in the next line, from `first` on."""
    if _ANY.place(octets, low)[0] < 0:
        return []
    found = sorted((*ibans.find(view, octets, first), *networks.find(view, octets, low)))
    found += numbers.find(view, octets, low, start, found)
    found += emails.find(view, octets, low)
    found += emails.find_spelt(octets, low)
    found += emails.find_encoded(octets, low)
    found += documents.find(view, octets, low)
    return found
