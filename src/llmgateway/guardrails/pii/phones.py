"""Telephone numbers: international, North American, with a leading zero; and bare digits after a label."""

from itertools import pairwise
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii.labels import Label
from llmgateway.guardrails.pii.runs import Run, compiled
from llmgateway.guardrails.pii.shapes import FEWEST, Judged, alone, compact, found, next_group

KIND: Final = "phone"
OPENINGS: Final = "+0"
BARE: Final = (10, 11)  # digits of numbers with a leading zero that need nothing between them
LAND: Final = 10  # of these in Japan: of lines on land and, with these beginnings, free of charge
FREE: Final = (b"0120", b"0800")
_INTERNATIONAL: Final = (  # behind 00 a country's number stands whole: 004-242-… is none
    rb"(?:(?:\+ ?|\b(?:0011|011)[ -])[1-9]|\b00(?:[17]|[2-689][0-9]))(?:(?:[ ().-]{0,2}| [.-] )[0-9]){6,14}"
)
_AMERICAN: Final = (
    rb"(?:\b1[ .-]?)?(?:\([2-9][0-9]{2}\)[ .-]?[0-9]{3}[ .-]"
    rb"|\b[2-9][0-9]{2}(?:[ -][2-9][0-9]{2}[ .-]|\.[2-9][0-9]{2}\.))[0-9]{4}"
)
_ZERO: Final = (
    rb"\([1-9][1-9]\) ?(?:9[ -]?)?[0-9]{4}-[0-9]{4}|\(0[0-9]{1,4}\)[ -]?[0-9]{1,4}[ -]?[0-9]{3,4}"
    rb"|\b0(?:[0-9]{1,4}[ -]?\([0-9]{1,4}\)[ -]?[0-9]{3,4}|[0-9]{1,4}[ -][0-9]{1,4}[ -][0-9]{3,4}"
    rb"|[1-9](?:[ .-][0-9]{2}){4}|[1-9][0-9] [0-9]{3} [0-9]{2} [0-9]{2}|1[567][0-9][ /-][0-9]{7,8}"
    rb"|[1-9][0-9]{0,2}\.[0-9]{2,4}\.[0-9]{3,4}"
    rb"|[0-9]{2,4}(?:[ -]| - )[0-9]{5,7}|[5789]0(?:[ .-]| - )?[0-9]{4}(?:[ .-]| - )?[0-9]{4}"
    rb"|[0-9]{1,4}(?: - [0-9]{2,4}){2}|[0-9]{1,4}(?: \. [0-9]{2,4}){2}|[1-9][0-9]{8}|[7-9][0-9]{9})"
)
WRITTEN: Final = _INTERNATIONAL + b"|" + _AMERICAN + b"|" + _ZERO
_LABELLED: Final = compiled(
    WRITTEN + rb"|(?:\(|\b)[0-9](?:(?:[ .-]|\)[ -]?|[ -]?\(| - )?[0-9]){8,12}|\b[0-9]{3,4}-[0-9]{4}", longest=True
)
_EXTENSION: Final = compiled(rb"(?:[ ,]{0,2}(?:x|ext\.?|#|extension) ?[0-9]{1,5})")
_LONGEST: Final = {
    "1": 11, "7": 11, "81": 12, "44": 12, "33": 11, "39": 13, "34": 11, "86": 13, "82": 12, "61": 11, "91": 12,
}  # fmt: skip
_SPELT: Final = compiled(
    rb"\b(?:0[1-9][0-9]{8,9}|1?[2-9][0-9]{2}[2-9][0-9]{6}|(?:33|34|39|44|49|81|82|86|91)[1-9][0-9]{8,10})\b",
    longest=True,
)
VARIED: Final = 4  # different digits, unlike rows of bits
EXTENDED: Final = 17  # characters of the longest one
_BEFORE_EXTENSION: Final = frozenset((b" ", b",", b"x", b"#", b"e"))
_OPEN: Final = (b"+", b"(")
_ABROAD: Final = (b"+", b"00", b"011")
_WITH_PREFIX: Final = 11  # digits of an international number with what one dials first
_MOBILE: Final = 12  # digits of the longest mobile numbers in Germany
_GERMAN: Final = ("015", "016", "017")
_CENTURIES: Final = (b"19", b"20")
_SHORT: Final = compiled(
    rb"\(?0[0-9]{1,3}\)?[ -][0-9]{2,7}(?:[ -][0-9]{2,4}){0,2}"
    rb"|[2-9][0-9]{3}[ -]?[0-9]{4}|[1-9][0-9]{2}[ -]?[0-9]{3}[ -]?[0-9]{3}|[1-9][0-9](?:[ -][0-9]{2,3}){3}"
    rb"|[6-9][0-9]{2}(?:[ .-][0-9]{2}){3}"
)
_LONGEST_SHORT: Final = 13  # characters of such a number
_LOCAL: Final = (7, 8)  # digits of a number without its area
_SIZES_OF_SHORT: Final = (8, 9)
_REACH: Final = 40


def labelled(run: Run, named: Label) -> list[Finding]:
    """After a label, whatever is long enough for a telephone number."""
    findings: list[Finding] = []
    at = opening(run) if named.names(_REACH) else run.end
    while run.end - at >= FEWEST:
        begin, end = _LABELLED.place(run.octets, at, run.end)
        if begin < 0:
            break
        if judged := judge(run, begin, end, compact(run.octets[begin:end])):
            at = judged.end
            findings.append(found(run, begin, at, KIND))
        else:
            at = next_group(run, begin)
    return findings or _short(run, named)


def _short(run: Run, named: Label) -> list[Finding]:
    """The eight or nine digits that telephone numbers have in many countries, right behind the label."""
    first = opening(run)
    text = run.octets[first : run.end]
    if len(text) > _LONGEST_SHORT or not named.beside or "id" in named.between.lower() or not _SHORT.takes(text):
        return []
    is_date = text.startswith(_CENTURIES) and text.isdigit()
    is_number = len(compact(text)) in _SIZES_OF_SHORT and not is_date and not _is_coded(run, first)
    is_number = is_number and alone(run, first, run.end)
    return [found(run, first, run.end, KIND)] if is_number else []


def judge(run: Run, begin: int, end: int, digits: str) -> Judged | None:
    """A telephone number with its extension, if there is room for its digits."""
    text = run.octets[begin:end]
    if b"." in text and _is_in_a_name(run, begin):
        return None
    if text.startswith(_ABROAD) and _too_long(digits, text) and b" " in text:
        text = _cut(text)
        end, digits = begin + len(text), compact(text)
    if alone(run, begin, end) and _is_number(text, digits) and not (len(digits) in _LOCAL and _is_coded(run, begin)):
        return Judged(_with_extension(run, end), KIND)
    return None


def _is_coded(run: Run, begin: int) -> bool:
    """Whether letters and a hyphen stand before it, as in the name of a model."""
    return run.near(begin - 1) == b"-" and run.near(begin - 2).isalpha()


def _is_in_a_name(run: Run, begin: int) -> bool:
    """Whether one letter and a point stand before it, as in the names of articles: `10.1234/j.0665.24.1713`."""
    return run.near(begin - 1) == b"." and run.near(begin - 2).isalpha() and not run.near(begin - 3).isalpha()


def spelt(run: Run) -> list[Finding]:
    """A number whose digits stand apart, each on its own: only to hide it."""
    match = _SPELT.search(run.octets, run.begin, run.end)
    if not match or len(set(match.group())) < VARIED or _is_scale(match.group()):
        return []
    begin, end = match.span()
    return [found(run, begin, end, KIND, 0.7)] if alone(run, begin, end) else []


def _is_scale(digits: bytes) -> bool:
    """Whether most digits are one more or less than the one before."""
    return 2 * sum(abs(after - before) == 1 for before, after in pairwise(digits)) > len(digits)


def opening(run: Run) -> int:
    """A run begins with a digit; a telephone number may have a parenthesis or a plus before it."""
    at = run.begin
    while at and at > run.begin - 2 and run.octets[at - 1 : at] in _OPEN:
        at -= 1
    return at


def _cut(text: bytes) -> bytes:
    """Leave a next number out that an international one has no room for."""
    while b" " in text and _too_long(compact(text), text):
        text = text[: text.rindex(b" ")]
    return text


def _too_long(digits: str, text: bytes) -> bool:
    number = digits.lstrip("+").removeprefix("0011").removeprefix("00").removeprefix("011")
    return len(number) > _LONGEST.get(number[:1], _LONGEST.get(number[:2], 14)) + (b"(0)" in text)


def _is_number(text: bytes, digits: str) -> bool:
    """Ten or eleven digits at home, eight to fifteen abroad; Japan's are told apart by their beginning."""
    if text.count(b".") == 3 and text[:1] != b"+":  # an address or a version
        return False
    if text[4:5] == text[7:8] == b"-" and text.startswith(_CENTURIES):
        return False
    if digits[0] == "+":
        return len(digits) >= 9 and not _too_long(digits, text)
    if digits.startswith("00") or (digits.startswith("011") and len(digits) > _WITH_PREFIX):
        is_country = digits[2:3] != "0"  # none begins with a zero
        return is_country and len(digits) >= _WITH_PREFIX and not _too_long(digits, text)
    if digits[0] == "0" and digits[1:2] != "0":
        return _has_length_at_home(text, digits)
    return len(digits) in {7, 8, 10, 11} and len(set(digits)) > 1


def _has_length_at_home(text: bytes, digits: str) -> bool:
    """Whether a number with a leading zero is as long as those of some country."""
    if len(digits) == _MOBILE:
        return digits.startswith(_GERMAN)
    return len(digits) in {10, 11} or (len(digits) == 9 and (text.count(b" ") > 1 or text[:1] in _OPEN))


def _with_extension(run: Run, end: int) -> int:
    if run.near(end) not in _BEFORE_EXTENSION:
        return end
    return max(end, _EXTENSION.ends(run.octets, end, end + EXTENDED))
