"""Numbers that states give to persons. Where many strangers would pass the check too, a label must say it."""

from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii import checks
from llmgateway.guardrails.pii.labels import Label
from llmgateway.guardrails.pii.runs import Run, compiled
from llmgateway.guardrails.pii.shapes import Judged, Shape, search

TAX: Final = "tax"
"""The family of labels that several states' numbers have."""
UID: Final = "uid"
"""The label of an Indian's number that programs have for others: only one in groups is his."""
SURE: Final = "id.cn"  # which few strangers' numbers pass for, as it tells a day and where somebody was born
_OF_TAXES: Final = ("us_ssn", "id.de", "id.in", "id.br")
_DASHES: Final = rb"[ -]?"


def is_ssn(digits: str) -> bool:
    """Nine digits that the United States may have given."""
    area = digits[:3]
    return area not in {"000", "666"} and area < "900" and digits[3:5] != "00" and digits[5:] != "0000"


def _groups(*sizes: int, between: bytes = _DASHES) -> bytes:
    return between.join(b"[0-9]{%d}" % size for size in sizes)


WRITTEN: Final = (
    rb"\b(?:[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}|[0-9]{6}-[1-8][0-9]{6}"
    rb"|[1-8][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{4})"
)
_OWN: Final = compiled(WRITTEN)
_CHECKS: Final = {
    9: ("us_ssn", is_ssn),
    11: ("id.br", checks.cpf),
    13: ("id.kr", checks.rrn),
    18: ("id.cn", checks.resident_id),
}
LABELLED: Final = {
    shape.kind: shape
    for shape in (
        Shape("us_ssn", compiled(_groups(3, 2, 4, between=rb"(?:[ .-]| - )?")), is_ssn),
        Shape("passport", compiled(rb"[0-9]{8,9}"), lambda digits: len(set(digits)) > 1, 52),
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
LABELLED[UID] = Shape("id.in", compiled(_groups(4, 4, 4, between=b"[ -]")), checks.verhoeff)
KINDS: Final = ("us_ssn", "id.gb", "id.ca", "id.in", "id.br", "id.de", "id.nl", "id.pl", "id.fr", "id.kr", "id.cn")


def labelled(run: Run, named: Label) -> list[Finding]:
    """What its label calls it."""
    found: list[Finding] = []
    for kind in _OF_TAXES if named.family == TAX else (named.family,):
        shape = LABELLED[kind]
        found = found or (search(run, shape) if named.names(shape.reach) else [])
    return found


def judge(run: Run, begin: int, end: int, digits: str) -> Judged | None:
    """What is written in a way of its own."""
    kind, valid = _CHECKS[len(digits)]
    if run.near(end) == b"-" and run.near(end + 1).isalpha():  # the number of a part
        return None
    return Judged(end, kind) if _OWN.takes(run.octets[begin:end]) and valid(digits) else None
