"""Telephone numbers: international, North American, with a leading zero; and bare digits after a label."""

from collections.abc import Iterator
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii.labels import Label, says_other
from llmgateway.guardrails.pii.runs import Run, compiled
from llmgateway.guardrails.pii.shapes import alone, compact, found, next_group

KIND: Final = "phone"
_INTERNATIONAL: Final = rb"(?:\+ ?|00|011[ -])[1-9](?:[ ().-]{0,2}[0-9]){7,14}"
_AMERICAN: Final = rb"(?:1[ .-]?)?(?:\([2-9][0-9]{2}\)[ .-]?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}"
_ZERO: Final = (
    rb"\(0[0-9]{1,4}\)[ -]?[0-9]{1,4}[ -]?[0-9]{3,4}"
    rb"|0[0-9]{1,4}[ -]?\([0-9]{1,4}\)[ -]?[0-9]{3,4}"
    rb"|0[0-9]{1,4}[ -][0-9]{1,4}[ -][0-9]{3,4}|0[1-9](?:[ .-][0-9]{2}){4}"
    rb"|0[0-9]{3,4}[ -][0-9]{5,6}|0[789]0[ -]?[0-9]{4}[ -]?[0-9]{4}"
)
_WRITTEN: Final = compiled(_INTERNATIONAL + b"|" + _AMERICAN + b"|" + _ZERO)
_LABELLED: Final = compiled(
    _INTERNATIONAL + b"|" + _AMERICAN + b"|" + _ZERO + rb"|\(?[0-9](?:[ ().-]{0,2}[0-9]){8,12}|[0-9]{3,4}-[0-9]{4}"
)
_EXTENSION: Final = compiled(rb"(?:[ ,]{0,2}(?:x|ext\.?|#|extension) ?[0-9]{1,5})")
_LONGEST: Final = {
    "1": 11, "7": 11, "81": 12, "44": 12, "33": 11, "39": 12, "34": 11, "86": 13, "82": 12, "61": 11, "91": 12,
}  # fmt: skip
_REACH: Final = 40


def find(run: Run, named: Label) -> Iterator[Finding]:
    """Numbers that are written as telephone numbers, and after a label whatever is long enough for one."""
    if says_other(named):
        return
    pattern = _LABELLED if named.family == KIND and named.gap <= _REACH else _WRITTEN
    at = _opening(run)
    while match := pattern.search(run.octets, at, run.end):
        begin, end = match.span()
        end = _cut(run, begin, end)
        if alone(run, begin, end) and _is_number(run.octets[begin:end]):
            yield found(run, begin, _with_extension(run, end), KIND)
            at = end
        else:
            at = next_group(run, begin + 1 if run.octets[begin : begin + 1] in b"+(" else begin)


def _opening(run: Run) -> int:
    """A run begins with a digit; a telephone number may have a parenthesis or a plus before it."""
    at = run.begin
    while at > run.begin - 2 and at and run.octets[at - 1 : at] in {b"+", b"("}:
        at -= 1
    return at


def _cut(run: Run, begin: int, end: int) -> int:
    """Leave a next number out that an international one has no room for."""
    text = run.octets[begin:end]
    if not text.startswith((b"+", b"00", b"011")):
        return end
    while _too_long(text) and b" " in text:
        text = text[: text.rindex(b" ")]
    return begin + len(text)


def _too_long(text: bytes) -> bool:
    digits = compact(text).lstrip("+").removeprefix("00").removeprefix("011")
    return len(digits) > _LONGEST.get(digits[:1], _LONGEST.get(digits[:2], 14)) + (b"(0)" in text)


def _is_number(text: bytes) -> bool:
    """Ten or eleven digits at home, eight to fifteen abroad; Japan's are told apart by their beginning."""
    digits = compact(text)
    if digits[0] == "+" or digits.startswith(("00", "011")):
        return not _too_long(text) and len(digits) >= 9
    if digits[0] == "0" and digits[1:2] != "0":
        return len(digits) in {10, 11} or (len(digits) == 9 and text.count(b" ") > 1)
    return len(digits) in {7, 8, 10, 11} and len(set(digits)) > 1


def _with_extension(run: Run, end: int) -> int:
    match = _EXTENSION.match(run.octets, end, end + 14)
    return match.end() if match else end
