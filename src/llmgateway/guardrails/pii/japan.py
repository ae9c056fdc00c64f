"""Numbers of Japan. Most are plain digits, so a label must call them what they are."""

from collections.abc import Iterator
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii import checks
from llmgateway.guardrails.pii.labels import Label, says_other
from llmgateway.guardrails.pii.prefectures import PREFECTURES
from llmgateway.guardrails.pii.runs import Run, compiled
from llmgateway.guardrails.pii.shapes import Shape, alone, found, search

POSTAL: Final = "jp_postal_code"
KINDS: Final = ("jp_my_number", "jp_corporate_number", "jp_driving_licence", "jp_bank_account", POSTAL)
AHEAD: Final = 3  # blanks or commas between a postal code and its prefecture
_AFTER_AMOUNT: Final = ("円", "人", "件", "名", "個", "点", "年", "月", "日", "%", "ドル")


def _varied(digits: str) -> bool:
    return len(set(digits)) > 1


_FOURS: Final = compiled(rb"[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}")
_SPACED_MY_NUMBER: Final = Shape("jp_my_number", compiled(rb"[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}"), checks.my_number)
_LABELLED: Final = {
    shape.kind: shape
    for shape in (
        Shape("jp_my_number", _FOURS, checks.my_number),
        Shape(
            "jp_corporate_number",
            compiled(rb"[0-9]{13}|[0-9]-[0-9]{4}-[0-9]{4}-[0-9]{4}"),
            checks.corporate_number,
        ),
        Shape("jp_driving_licence", compiled(rb"[0-9]{12}|[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}"), _varied, 24),
        Shape("jp_bank_account", compiled(rb"[0-9]{7,8}|[0-9]{5}-[0-9]-?[0-9]{6,8}|[0-9]{3}-[0-9]{7}"), _varied, 20),
        Shape(POSTAL, compiled(rb"[0-9]{3}-?[0-9]{4}"), lambda _: True, 16),
    )
}
_POSTAL: Final = compiled(rb"[0-9]{3}-[0-9]{4}")


def find(run: Run, named: Label) -> Iterator[Finding]:
    """What its label calls it, a personal number in three groups of four, and the postal code before a prefecture."""
    shape = _LABELLED.get(named.family)
    if shape is not None and named.gap <= shape.reach:
        yield from (each for each in search(run, shape) if not _is_amount(run, each.end))
    elif not says_other(named):
        if named.family in {"", "phone"} or named.gap > 24:
            yield from search(run, _SPACED_MY_NUMBER, 0.8)
        yield from _before_prefectures(run)


def _is_amount(run: Run, end: int) -> bool:
    return run.view.folded.startswith(_AFTER_AMOUNT, end)


def _before_prefectures(run: Run) -> Iterator[Finding]:
    for match in _POSTAL.finditer(run.octets, run.begin, run.end):
        begin, end = match.span()
        if alone(run, begin, end):
            place = run.place(begin, end)
            after = run.view.folded[place[1] : place[1] + AHEAD + 4].lstrip(' ,\t\n"')
            if after.startswith(PREFECTURES):
                yield found(run, begin, end, POSTAL)
