"""Numbers: runs of at least seven digits with what may stand between, and who is asked about them."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii import cards, forms, japan, national, phones, tables
from llmgateway.guardrails.pii.labels import says_other
from llmgateway.guardrails.pii.runs import Run, compiled, fits
from llmgateway.guardrails.pii.shapes import is_word_of_digits
from llmgateway.wire.view import View

BETWEEN: Final = rb" ().\x7f-"  # what may stand between a number's digits
PATTERN: Final = rb"[0-9](?:[" + BETWEEN + rb"]*[0-9]){6,}"
_RUN: Final = compiled(PATTERN)
OWNERS: Final = {
    phones.KIND: phones.labelled,
    cards.KIND: cards.labelled,
    **dict.fromkeys((*national.LABELLED, national.TAX), national.labelled),
    **dict.fromkeys(japan.LABELLED, japan.labelled),
}


def find(view: View, octets: bytes, low: int, start: int, taken: Sequence[Finding]) -> list[Finding]:
    """Every value in the numbers that end after `start`, but not those of `taken`."""
    found: list[Finding] = []
    starts = [each.start for each in taken]
    for begin, end in _RUN.spans(octets, low):
        if end + phones.EXTENDED <= start or not fits(octets, begin, end) or is_word_of_digits(octets, begin, end):
            continue
        around = bisect_right(starts, begin) - 1
        if around < 0 or end > taken[around].end:
            found += _classify(Run(view, octets, begin, end), begin)
    return found


def _classify(run: Run, at: int) -> list[Finding]:
    """Ask whom the label calls, and then whoever knows his numbers by how they are written."""
    named = tables.label(run.view, at)
    owner = OWNERS.get(named.family)
    taken = (owner(run, named) if owner else []) or japan.numbered(run)
    if taken and run.covers(taken[-1]):
        return taken
    refused = says_other(named) or (owner is national.labelled and not taken and named.beside)
    hidden = phones.spelt(run) if run.spaced else []
    first = phones.opening(run)
    if not forms.tells(run, first):
        return taken + hidden
    return taken + hidden + (forms.find_but_first(run, first) if refused else forms.find(run, first))
