"""Numbers that need no label, because they are written as only numbers of their kind are."""

from collections.abc import Callable
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii import cards, japan, national, phones
from llmgateway.guardrails.pii.runs import DIGITS, Run, compiled
from llmgateway.guardrails.pii.shapes import FEWEST, Judged, alone, compact, found, next_group

_FORM: Final = compiled(b"|".join((phones.WRITTEN, cards.WRITTEN, national.WRITTEN, japan.WRITTEN)), longest=True)
_ABROAD: Final = b"00"  # that one dials before a country: ids are filled with it, too
_PAIRS: Final = 5  # of digits in France
_FOURS: Final = compiled(rb"[0-9]{4}(?: 0[0-9]{3})+")  # numbers of characters, in hexadecimal
_JOINED: Final = frozenset((b"~", b"+", b")", b"_"))
_ESCAPE: Final = b"\\"
_LAST_DRAWN: Final = b"49"
_ROWS: Final = (b"0123456789", b"0987654321")
_Judge = Callable[[Run, int, int, str], Judged | None]


def _judge_ten(run: Run, begin: int, end: int, digits: str) -> Judged | None:
    """Ten digits are a telephone number, but `12-3456-7890` only in Japanese."""
    if _is_in_row(run, begin, end):
        return None
    is_bare = run.octets[begin + 2 : begin + 3] == b"-"
    return (japan.judge_phone if is_bare else phones.judge)(run, begin, end, digits)


_JUDGES: Final[dict[int, tuple[_Judge, ...]]] = {
    7: (japan.judge,),
    9: (national.judge,),
    10: (_judge_ten,),
    11: (national.judge, phones.judge),
    12: (japan.judge,),
    13: (national.judge, japan.judge_company),
    **dict.fromkeys(range(14, 20), (cards.judge,)),
    18: (national.judge, cards.judge),
}


def tells(run: Run, at: int) -> bool:
    """Whether what is there from `at` on can be anything by its form alone."""
    digits = run.end - at
    return not run.bare or at < run.begin or digits in phones.BARE or digits >= cards.OLD


def find(run: Run, at: int) -> list[Finding]:
    """Every such number of a run from `at` on."""
    findings = []
    while run.end - at >= FEWEST:
        begin, end = _FORM.place(run.octets, at, run.end)
        if begin < 0:
            break
        judged = _judged(run, begin, end)
        if judged:
            at = judged.end
            findings.append(found(run, begin, at, judged.kind))
        else:
            at = next_group(run, begin)
    return findings


def find_but_first(run: Run, at: int) -> list[Finding]:
    """The same of a run whose first number is called nobody's: only cards in groups and a plus are believed then."""
    match = _FORM.match(run.octets, at, run.end)
    first, _ = run.place(at, run.end)
    grouped = match is not None and b" " in match.group().replace(b"-", b" ")
    sure = phones.KIND if run.near(at) == b"+" else cards.KIND if grouped else ""
    return [each for each in find(run, at) if each.start > first or each.kind in (sure, national.SURE)]


def _judged(run: Run, begin: int, end: int) -> Judged | None:
    """Ask those whose numbers have that many digits."""
    digits = compact(run.octets[begin:end])
    if digits[0] in phones.OPENINGS and (judged := phones.judge(run, begin, end, digits)):
        return judged if _is_telephone(run, begin, end) else None
    if digits.isdigit() and alone(run, begin, end):  # a plus is of telephone numbers only
        for judge in _JUDGES.get(len(digits), ()):
            if judged := judge(run, begin, end, digits):
                return judged
    return _first_card(run, begin, end)


def _is_telephone(run: Run, begin: int, end: int) -> bool:
    """Whether it may go without a label: it is no row of bits, nor ten mere digits where nobody speaks Japanese."""
    text = run.octets[begin:end]
    if b"-" not in text and (len(set(compact(text).lstrip("+"))) < phones.VARIED or _rises(text.split())):
        return False
    if text[:1] == b"+" and _ends_word(run, begin):
        return False
    if text[:1] == b"0" and _is_in_row(run, begin, end):
        return False
    is_mere = len(text) == phones.LAND and text.isdigit() and not text.startswith(phones.FREE)
    if text in _ROWS or (text.startswith(_ABROAD) and (text.isdigit() or _goes_on(run, begin) or _FOURS.takes(text))):
        return False
    return not is_mere or (japan.among_japanese(run, begin) and not japan.is_numbered(run, begin))


def _is_in_row(run: Run, begin: int, end: int) -> bool:
    """Whether it is a part of a row of numbers: blanks part its groups, and it from others; from zero on, from one."""
    if run.octets[begin:end].translate(None, DIGITS + b" "):
        return False
    before = run.near(begin - 1) == b" " and _goes_on(run, begin)
    after = run.near(end) == b" " and run.near(end + 1).isdigit()
    return before or after if run.near(begin) == b"0" else before and after


def _ends_word(run: Run, at: int) -> bool:
    """Whether a word or another number ends there, as in `gtk+3.0`; the break of a line in JSON is none."""
    before = run.near(at - 1)
    return before in _JOINED or (before.isalnum() and run.near(at - 2) != _ESCAPE)


def _rises(pairs: list[bytes]) -> bool:
    """Whether each pair of digits is more than the one before, as those of a lottery are."""
    return len(pairs) == _PAIRS and pairs == sorted(set(pairs)) and pairs[-1] <= _LAST_DRAWN


def _goes_on(run: Run, begin: int) -> bool:
    """Whether another group of the same number stands before it."""
    return run.near(begin - 2).isdigit()


def _first_card(run: Run, begin: int, end: int) -> Judged | None:
    """A card with another number behind it: its security code, a date, the next card."""
    while (end := run.octets.rfind(b" ", begin, end)) - begin > cards.OLD:
        digits = compact(run.octets[begin:end])
        if digits.isdigit() and alone(run, begin, end) and (judged := cards.judge(run, begin, end, digits)):
            return judged
    return None
