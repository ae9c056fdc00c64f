"""Numbers: runs of at least seven digits with what may stand between, and who is asked about them."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii import cards, japan, national, phones
from llmgateway.guardrails.pii.labels import Label, label
from llmgateway.guardrails.pii.runs import LONGEST, Run, compiled
from llmgateway.wire.view import View

BETWEEN: Final = rb" ().\x7f-"  # what may stand between a number's digits
FEWEST: Final = 7
PATTERN: Final = rb"[0-9](?:[" + BETWEEN + rb"]*[0-9]){6,}"
_RUN: Final = compiled(PATTERN)
_NOT_DIGITS: Final = bytes(sorted(set(range(256)) - set(b"0123456789")))


class Family(NamedTuple):
    """Who knows one kind of number, and how many digits it has at least."""

    fewest: int
    find: Callable[[Run, Label], Iterator[Finding]]


_FAMILIES: Final = (
    Family(7, phones.find),
    Family(7, japan.find),
    Family(8, national.find),
    Family(13, cards.find),
)


def find(view: View, octets: bytes, low: int) -> Iterator[Finding]:
    """Every value in the text's numbers, as often as somebody takes it for his own."""
    for match in _RUN.finditer(octets, low):
        begin, end = match.span()
        if end - begin <= LONGEST:
            yield from _classify(Run(view, octets, begin, end), label(view, begin))


def _classify(run: Run, named: Label) -> Iterator[Finding]:
    count = len(run.octets[run.begin : run.end].translate(None, _NOT_DIGITS))
    for family in _FAMILIES:
        if count >= family.fewest:
            yield from family.find(run, named)
