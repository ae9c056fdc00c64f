"""Numbers that are parted as few are: by the end of a line, or by signs that part other things (`03/1234/5678`).

A label has to call them what they are, or a card's check digit with its groups of four.
"""

from collections.abc import Iterator
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii import cards, forms, numbers, phones, tables
from llmgateway.guardrails.pii.labels import BESIDE, NONE, Label, says_other
from llmgateway.guardrails.pii.runs import DIGITS, NO_DIGITS, Run, compiled
from llmgateway.wire import rows
from llmgateway.wire.view import CONTEXT, View

_PARTS: Final = rb"[/_~?]"
_GROUP: Final = rb"[0-9]{1,7}"
_SIGNED: Final = compiled(  # one sign parts all groups, but for a hyphen here and there
    b"|".join(
        _GROUP + rb"(?:-[0-9]{1,7})?(?: ?" + sign + rb" ?)" + _GROUP + rb"(?:(?: ?" + sign + rb" ?|-)[0-9]{1,7}){0,3}"
        for sign in (b"/", b"_", b"~", rb"[?]")
    )
)
_SIGN_ANYWHERE: Final = rb"[0-9] ?" + _PARTS + rb" ?[0-9]{3}"  # in all such numbers, and in no date without a year
_BREAK_ANYWHERE: Final = rb"[0-9]-? ?\r?\n(?:> ?){0,2} {0,4}[0-9]"
_ANY: Final = compiled(_SIGN_ANYWHERE)
_BREAK: Final = compiled(_BREAK_ANYWHERE)
SIGNS: Final = _SIGN_ANYWHERE + rb"|" + _BREAK_ANYWHERE
"""What every one of these numbers has in it."""
_GLANCE: Final = compiled(SIGNS)
_CARD: Final = frozenset((cards.KIND,))
_PHONE: Final = frozenset((phones.KIND,))
_PLUS: Final = b"+"
_QUESTION, _BLANK, _HYPHEN = b"? -"
_FOREIGN: Final = frozenset("、〜")
_WITHOUT_LABEL: Final = b"/_"  # that part a card's groups, too
_LONGEST: Final = 40  # characters of a number on one side of a line's end
_WRAPPED: Final = 40  # characters of a line that somebody's mail program may have ended
_IN_RUN: Final = DIGITS + b" ().-"
_NO_WORDS: Final = DIGITS + b" ().,;/_~|\r\n\t-"
_PLAIN: Final = DIGITS + b"- "
_SIZES: Final = frozenset((7, *range(9, 17), 19))  # digits: those of dates, and of more than one number, are left out
_CENTURIES: Final = (b"19", b"20")
_FEWEST_OF_PHONES: Final = 9
_AMERICAN: Final = compiled(rb"[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}")
OPEN: Final = (
    rb"[+(]*[0-9][0-9 ().-]{0,%d}\r?(?:\n(?:> ?){0,2}[0-9 ().-]{0,%d})?"
    rb"|(?:[0-9]{1,7}(?: ?[/_~?] ?|-)){1,5}[0-9]{0,7} ?|[0-9]{1,7} ?" % (_LONGEST, _LONGEST)
)
WIDE_OPEN: Final = r"(?:[0-9]{1,7}(?: ?[/_~、〜] ?|-)){1,5}[0-9]{0,7}\z"


def find(view: View, octets: bytes, low: int) -> Iterator[Finding]:
    """Such numbers, from `low` on."""
    at, _ = _GLANCE.place(octets, low)
    if at < 0:
        return
    for begin, end in _SIGNED.spans(octets, low):
        yield from _signed(view, octets, begin, end)
    if octets.find(b"\n", at) >= 0:
        for begin, end in _BREAK.spans(octets, at):
            yield from _broken(view, octets, low, begin + 1, end - 1)


def _signed(view: View, octets: bytes, begin: int, end: int) -> Iterator[Finding]:
    """The number in groups that such signs part."""
    text = octets[begin:end]
    if _count(text) not in _SIZES or _ANY.place(text)[0] < 0:
        return
    if b"?" in text and any(octets[at] == _QUESTION and view.folded[at] not in _FOREIGN for at in range(begin, end)):
        return
    named = _label(view, octets, begin)
    is_card = (
        not text.translate(None, _PLAIN + _WITHOUT_LABEL) and not says_other(named) and cards.is_card(_digits(text))
    )
    if named.family not in numbers.OWNERS and not is_card:
        return
    places = [at for at in range(begin, end) if octets[at] != _BLANK]
    run = Run.over(view, octets, bytes(map(_plain, text.translate(None, b" "))), places)
    found = _called(run, named)
    if not found and is_card:
        found = [each for each in forms.find(run, run.begin) if each.kind == cards.KIND]
    yield from (each for each in found if run.covers(each))


def _broken(view: View, octets: bytes, low: int, begin: int, end: int) -> Iterator[Finding]:
    """The number that goes on in the next line: behind its hyphen, or where a long line has ended."""
    is_sure = octets.startswith(b"-", begin)
    if not is_sure and _is_date(octets[end : end + 5]):
        return
    first, last = _around(octets, low, begin, end)
    text = octets[first:begin] + (b"-" if is_sure else b" ") + octets[end:last]
    if _count(text) not in _SIZES:
        return
    is_short = not is_sure and begin - max(octets.rfind(b"\n", 0, begin), low) < _WRAPPED
    if is_short and not octets[max(0, first - BESIDE) : first].translate(None, _NO_WORDS):
        return
    named = _label(view, octets, first)
    kinds = _believed(text, named, is_sure=is_sure, is_abroad=octets[first - 1 : first] == _PLUS)
    if named.family not in numbers.OWNERS and not kinds:
        return
    if is_short and not _is_begun(Run(view, octets, first, begin), named):
        return
    run = Run.over(view, octets, text, [*range(first, begin + 1), *range(end, last)])
    found = _called(run, named, is_sure=is_sure)
    if not found and kinds:
        found = [each for each in forms.find(run, phones.opening(run)) if each.kind in kinds]
    yield from (each for each in found if each.start < begin and each.end > end)


def _around(octets: bytes, low: int, begin: int, end: int) -> tuple[int, int]:
    """From where to where a number goes that is broken between these places; nothing of it if it is too long."""
    left = octets[max(low, begin - _LONGEST) : begin]
    right = octets[end : end + _LONGEST]
    if _LONGEST in (len(left) - len(left.rstrip(_IN_RUN)), len(right) - len(right.lstrip(_IN_RUN))):
        return begin, end
    left = left[len(left.rstrip(_IN_RUN)) :].lstrip(b" ).-")
    right = right[: len(right) - len(right.lstrip(_IN_RUN))].rstrip(b" (.-")
    return begin - len(left), end + len(right)


def _believed(text: bytes, named: Label, *, is_sure: bool, is_abroad: bool) -> frozenset[str]:
    """The kinds that it may be of without a label."""
    if says_other(named):
        return frozenset()
    if is_sure and _count(text) < cards.OLD:
        return frozenset(numbers.OWNERS)
    return (_CARD if cards.is_card(_digits(text)) else frozenset()) | (_PHONE if is_abroad else frozenset())


def _is_begun(run: Run, named: Label) -> bool:
    """Whether what stands in a short line is a number's beginning, with a label or a plus right before, and is none."""
    is_named = named.family in numbers.OWNERS and named.beside and "\n" not in named.between
    if not is_named and run.near(run.begin - 1) != _PLUS:
        return False
    return not (_called(run, named) or forms.find(run, phones.opening(run)))


def _is_date(octets: bytes) -> bool:
    return octets.startswith(_CENTURIES) and octets[4:5] in b"-."


def _label(view: View, octets: bytes, at: int) -> Label:
    """What calls the number, if there is a word anywhere near."""
    if octets[max(0, at - CONTEXT) : at].translate(None, _NO_WORDS) or rows.names(view, at):
        return tables.label(view, at)
    return NONE


def _plain(octet: int) -> int:
    return octet if octet in DIGITS else _HYPHEN


def _digits(octets: bytes) -> str:
    return octets.translate(None, NO_DIGITS).decode()


def _count(octets: bytes) -> int:
    """How many digits there are."""
    return len(octets) - len(octets.translate(None, DIGITS))


def _called(run: Run, named: Label, *, is_sure: bool = False) -> list[Finding]:
    """What the label calls it; a telephone number only if it is written as one."""
    owner = numbers.OWNERS.get(named.family)
    if owner is None or (owner is phones.labelled and not is_sure and not _is_phone(run)):
        return []
    return owner(run, named)


def _is_phone(run: Run) -> bool:
    text = run.octets[run.begin : run.end]
    return _count(text) >= _FEWEST_OF_PHONES and (text[:1] in b"0(+" or _AMERICAN.takes(text))
