"""Numbers that states give to persons. Where many strangers would pass the check too, a label must say it."""

from collections.abc import Iterator
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii import checks
from llmgateway.guardrails.pii.labels import Label, says_other
from llmgateway.guardrails.pii.runs import Run, compiled
from llmgateway.guardrails.pii.shapes import Shape, search

_DASHES: Final = rb"[ -]?"


def is_ssn(digits: str) -> bool:
    """Nine digits that the United States may have given."""
    area = digits[:3]
    return area not in {"000", "666"} and area < "900" and digits[3:5] != "00" and digits[5:] != "0000"


def _groups(*sizes: int, between: bytes = _DASHES) -> bytes:
    return between.join(b"[0-9]{%d}" % size for size in sizes)


_SSN: Final = Shape("us_ssn", compiled(rb"[0-9]{3}-[0-9]{2}-[0-9]{4}"), is_ssn)
_CPF: Final = Shape("id.br", compiled(rb"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}"), checks.cpf)
_RRN: Final = Shape("id.kr", compiled(rb"[0-9]{6}-[1-8][0-9]{6}"), checks.rrn)
_UNLABELLED: Final = (_SSN, _CPF, _RRN)
_LABELLED: Final = {
    shape.kind: shape
    for shape in (
        Shape("us_ssn", compiled(_groups(3, 2, 4, between=rb"[ .-]?")), is_ssn),
        Shape("passport", compiled(rb"[0-9]{8,9}"), lambda digits: len(set(digits)) > 1),
        Shape("id.gb", compiled(_groups(3, 3, 4)), checks.nhs),
        Shape("id.ca", compiled(_groups(3, 3, 3)), checks.luhn),
        Shape("id.in", compiled(_groups(4, 4, 4)), checks.verhoeff),
        Shape("id.br", compiled(_groups(3, 3, 3, 2, between=rb"[ .-]?")), checks.cpf),
        Shape("id.de", compiled(_groups(2, 3, 3, 3)), checks.steuer_id),
        Shape("id.nl", compiled(_groups(3, 3, 3, between=rb"[ .-]?")), checks.bsn),
        Shape("id.pl", compiled(rb"[0-9]{11}"), checks.pesel),
        Shape("id.fr", compiled(_groups(1, 2, 2, 2, 3, 3, 2)), checks.nir),
        Shape("id.kr", compiled(_groups(6, 7)), checks.rrn),
        Shape("id.cn", compiled(rb"[0-9]{18}"), checks.resident_id),
    )
}
KINDS: Final = ("us_ssn", "id.gb", "id.ca", "id.in", "id.br", "id.de", "id.nl", "id.pl", "id.fr", "id.kr", "id.cn")


def find(run: Run, named: Label) -> Iterator[Finding]:
    """What its label calls it, and what is written in a way of its own."""
    shape = _LABELLED.get(named.family)
    if shape is not None and named.gap <= shape.reach:
        yield from search(run, shape)
    elif not says_other(named):
        for each in _UNLABELLED:
            yield from search(run, each)
