"""Numbers: runs of at least seven digits with what may stand between, and who is asked about them."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii import cards, forms, japan, national, phones
from llmgateway.guardrails.pii.labels import label, says_other
from llmgateway.guardrails.pii.runs import LONGEST, Run, compiled
from llmgateway.wire.view import View

BETWEEN: Final = rb" ().\x7f-"  # what may stand between a number's digits
PATTERN: Final = rb"[0-9](?:[" + BETWEEN + rb"]*[0-9]){6,}"
_RUN: Final = compiled(PATTERN)
_NOT_DIGITS: Final = bytes(sorted(set(range(256)) - set(b"0123456789")))
_OWNERS: Final = {
    phones.KIND: phones.labelled,
    cards.KIND: cards.labelled,
    **dict.fromkeys(national.LABELLED, national.labelled),
    **dict.fromkeys(japan.LABELLED, japan.labelled),
}


def find(view: View, octets: bytes, low: int, start: int, taken: Sequence[Finding]) -> Iterator[Finding]:
    """Every value in the numbers that end after `start`, but not those of `taken`."""
    starts = [found.start for found in taken]
    for match in _RUN.finditer(octets, low):
        begin, end = match.span()
        around = bisect_right(starts, begin) - 1
        inside = around >= 0 and end <= taken[around].end
        if end > start and end - begin <= LONGEST and not inside:
            yield from _classify(Run(view, octets, begin, end), begin)


def _classify(run: Run, at: int) -> Iterator[Finding]:
    """Ask whom the label calls, and then whoever knows his numbers by how they are written."""
    named = label(run.view, at)
    owner = _OWNERS.get(named.family)
    taken = owner(run, named) if owner else []
    yield from taken
    if taken and run.covers(taken[-1]):
        return
    refused = says_other(named) or (owner is national.labelled and named.beside and not taken)
    if run.spaced and (hidden := phones.spelt(run)):
        yield hidden
    first = phones.opening(run)
    written = run.octets[first : run.end]
    if forms.tells(len(written.translate(None, _NOT_DIGITS)), len(written)):
        yield from forms.find_but_first(run, first) if refused else forms.find(run, first)
