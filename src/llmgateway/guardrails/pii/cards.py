"""Payment cards: a length and first digits that some network has, and Luhn's check digit."""

from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii.checks import luhn
from llmgateway.guardrails.pii.labels import Label
from llmgateway.guardrails.pii.runs import Run, compiled
from llmgateway.guardrails.pii.shapes import Judged, Shape, search

KIND: Final = "payment_card"
OLD: Final = 13  # digits of a card, long ago


def _is_card(digits: str) -> bool:
    return len(digits) in _lengths(digits) and luhn(digits) and len(set(digits)) > 1


def _is_labelled_card(digits: str) -> bool:
    return _is_card(digits) or (len(digits) == OLD and digits[0] == "4" and luhn(digits))


def _lengths(digits: str) -> tuple[int, ...]:
    """How long a number with these first digits is."""
    two, four = int(digits[:2]), int(digits[:4])
    if digits[0] == "4":
        return (16, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720 or 2200 <= four <= 2204:
        return (16,)
    if two in {34, 37}:
        return (15,)
    if two in {36, 38, 39} or 300 <= four // 10 <= 305:
        return (14, 16)
    return (16, 17, 18, 19) if two in {62, 64, 65, 50, 60} or 3528 <= four <= 3589 or four == 6011 else ()


WRITTEN: Final = (
    rb"\b(?:[2-6][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}(?:[ -]?[0-9]{3})?"
    rb"|3[0-9]{3}[ -]?[0-9]{6}[ -]?[0-9]{4,5}|[2-6][0-9]{12,18})"
)
_SHAPE: Final = Shape(KIND, compiled(WRITTEN), _is_labelled_card)


def labelled(run: Run, named: Label) -> list[Finding]:
    """After a label, also the length that cards had long ago."""
    return search(run, _SHAPE) if named.names(_SHAPE.reach) else []


def judge(run: Run, begin: int, end: int, digits: str) -> Judged | None:
    """Any number that is one of a card."""
    del run, begin
    return Judged(end, KIND) if _is_card(digits) else None
