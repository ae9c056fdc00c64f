"""The guardrail that finds personal data."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii import (
    addresses,
    cards,
    documents,
    emails,
    ibans,
    japan,
    national,
    networks,
    persons,
    phones,
    scan,
    tails,
)
from llmgateway.guardrails.pii.overlap import resolve
from llmgateway.ports.guardrail import Growing, OptionError
from llmgateway.wire.view import View

_PROSE: Final = b"'.-"
_KINDS: Final = tuple(
    dict.fromkeys(
        (
            emails.KIND, phones.KIND, cards.KIND, ibans.KIND, networks.KIND, *national.KINDS, *documents.KINDS,
            *japan.KINDS, addresses.KIND, persons.KIND,
        )
    )
)  # fmt: skip


class PiiGuardrail:
    """Personal data by its form: check digits and shapes decide; where these say too little, the words before do."""

    name = "pii"
    version = "8"
    kinds: Sequence[str] = _KINDS
    growing = (Growing.WORD, Growing.KANJI)

    def __init__(self, options: Mapping[str, Any]) -> None:
        """`kinds`: which of them to look for, all if it is not given. `names`: in which languages `person` looks.

        Names in English have much more in common with other words: they are looked for if `kinds` or `names` say so.
        """
        unknown = sorted(set(options) - {"kinds", "names"})
        if unknown:
            raise OptionError(unknown[0], "pii takes two settings: kinds, names.")
        self._wanted = _read("kinds", options["kinds"], _KINDS) if "kinds" in options else frozenset(_KINDS)
        usual = persons.LANGUAGES if "kinds" in options else (persons.JAPANESE,)
        names = _read("names", options["names"], persons.LANGUAGES) if "names" in options else frozenset(usual)
        self._names = names if persons.KIND in self._wanted else frozenset()

    def find(self, view: View, start: int = 0) -> list[Finding]:
        """Give what is personal; of values that overlap, the longest."""
        found = resolve(self._look(view, start).candidates(view))
        return [each for each in found if each.start >= start and each.kind in self._wanted]

    def settled(self, view: View, start: int = 0) -> int:
        """Everything but the last word, number, or beginning of an address is settled."""
        look = self._look(view, start)
        cut = tails.opening(view, look, self._names)
        if cut <= len(view.text) - tails.WIDEST and cut > start:
            return self._beyond(view, cut)
        if cut == start or (not self._names and _is_one_word(view, cut)):
            return cut
        return max(start, _before(look.candidates(view), cut))

    def _look(self, view: View, start: int) -> scan.Look:
        """A look at the text from `start` on. Streams ask twice for one: what is settled, and what is found there."""
        if view.seen is None or view.seen[0] is not self or view.seen[1].start != start:
            view.seen = self, scan.Look(view, start, self._names)
        look: scan.Look = view.seen[1]
        return look

    def _beyond(self, view: View, cut: int) -> int:
        """A run that is longer than any value: nothing that reaches over its middle is open."""
        near = self.find(view, max(0, cut - addresses.LONGEST))
        return max([cut, *(found.end for found in near if found.start < cut < found.end)])

    def continues(self, kind: str, text: str) -> int:
        """None: no value is longer than what is held back."""
        del kind, text
        return 0


def _read(setting: str, chosen: Any, known: Sequence[str]) -> frozenset[str]:
    if not isinstance(chosen, list | tuple) or not chosen or not all(isinstance(each, str) for each in chosen):
        raise OptionError(setting, f"{setting} is a list of one or more of: {', '.join(known)}.")
    unknown = [each for each in chosen if each not in known]
    if unknown:
        raise OptionError(setting, f"There is no {unknown[0]!r} in {setting}. Known: {', '.join(known)}.")
    return frozenset(chosen)


def _before(near: list[Finding], cut: int) -> int:
    """The last word may belong to a value of several words that is complete."""
    return min([cut, *(found.start for found in near if found.start < cut < found.end)])


def _is_one_word(view: View, cut: int) -> bool:
    """Whether the open end cannot be the last word of a value of several words."""
    open_end = view.octets[cut:]
    return open_end.rstrip(_PROSE).isalpha() or not view.folded[cut : cut + 1].isascii()
