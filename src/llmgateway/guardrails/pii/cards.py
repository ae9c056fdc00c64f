"""Payment cards: a length and first digits that some network has, and Luhn's check digit."""

from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii.checks import luhn
from llmgateway.guardrails.pii.labels import Label
from llmgateway.guardrails.pii.runs import Run, compiled
from llmgateway.guardrails.pii.shapes import Judged, Shape, search

KIND: Final = "payment_card"
OLD: Final = 13  # digits of a card, long ago
_MAESTRO: Final = (
    "5018",
    "5020",
    "5038",
    "56",
    "57",
    "58",
    "6304",
    "6390",
    "6759",
    "676",
    "0604",
)  # of 12 to 19 digits
_LONG: Final = 16  # digits; a bare number of more is an identifier, unless it is as long as some issuers' cards are
_LONGEST: Final = 19
_LONG_ISSUERS: Final = ("4", "62")
_BLANK, _SLASH = b" ", b"/"


def is_card(digits: str) -> bool:
    """Whether so many digits that begin so are a card's, by the last of them."""
    return len(digits) in _lengths(digits) and luhn(digits) and len(set(digits)) > 1


def _is_labelled_card(digits: str) -> bool:
    if len(digits) == OLD and digits[0] == "4":
        return luhn(digits)
    return is_card(digits) or (digits.startswith(_MAESTRO) and luhn(digits))


def _lengths(digits: str) -> tuple[int, ...]:
    """How long a number with these first digits is."""
    two, four = int(digits[:2]), int(digits[:4])
    if digits[0] == "4":
        return (16, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720 or 2200 <= four <= 2204:
        return (16,)
    if two in {34, 37}:
        return (15,)
    if four in {1800, 2131}:
        return (15,)
    if two in {36, 38, 39} or 300 <= four // 10 <= 305:
        return (14, 16)
    return (16, 17, 18, 19) if two in {62, 64, 65, 50, 60} or two == 35 or four == 6011 else ()


WRITTEN: Final = (
    rb"\b(?:[2-6][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}(?:[ -]?[0-9]{3})?"
    rb"|(?:4[0-9]|62)[0-9]{4}[ -][0-9]{13}|[2-6][0-9]{3}(?:(?: [.-] |\.)[0-9]{4}){3}"
    rb"|3[0-9]{3}[ -]?[0-9]{6}[ -]?[0-9]{4,5}|3[0-9]{3}\.[0-9]{6}\.[0-9]{4,5}|[2-6][0-9]{12,18}|1800[0-9]{11})"
)
_LABELLED: Final = rb"|\b[03-6][0-9]{3}(?:(?:[ .-]| - )?[0-9]{4}){2,3}(?:(?:[ .-]| - )?[0-9]{1,3})?"
_SHAPE: Final = Shape(KIND, compiled(WRITTEN + _LABELLED, longest=True), _is_labelled_card)


def labelled(run: Run, named: Label) -> list[Finding]:
    """After a label, also the length that cards had long ago."""
    return search(run, _SHAPE) if named.names(_SHAPE.reach) else []


def judge(run: Run, begin: int, end: int, digits: str) -> Judged | None:
    """Any number that is one of a card, if it is neither a part of a longer one in groups nor an identifier."""
    if not is_card(digits) or _is_among_groups(run, begin, end) or _is_of_path(run, begin):
        return None
    if len(digits) <= _LONG or end - begin > len(digits):
        return Judged(end, KIND)
    return Judged(end, KIND) if len(digits) == _LONGEST and digits.startswith(_LONG_ISSUERS) else None


def _is_of_path(run: Run, begin: int) -> bool:
    """Whether it stands in the path of a URL, where numbers are those of things."""
    return run.bare and run.near(begin - 1) == _SLASH and run.near(begin - 2).isalpha()


def _is_among_groups(run: Run, begin: int, end: int) -> bool:
    """Whether groups of digits stand before and behind it, as in the number of a parcel. Dates do in lists of cards."""
    before, after = run.octets[max(0, begin - 4) : begin], run.octets[end : end + 5]
    if before[:1] == _SLASH or _SLASH in after:
        return False
    return before[-1:] == _BLANK and before[-2:-1].isdigit() and after[:1].isspace() and after.strip()[:1].isdigit()
