"""Names of persons, where the words around them say that they are names."""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii import readings, unlisted_names
from llmgateway.guardrails.pii.anchors import anchors
from llmgateway.guardrails.pii.japanese_names import find_known, open_known
from llmgateway.guardrails.pii.runs import HAN, KATAKANA, compiled, compiled_wide, wide
from llmgateway.guardrails.pii.stretches import BESIDE, LONGEST, stretches
from llmgateway.guardrails.pii.unlisted_names import find_called, find_labelled, find_turns
from llmgateway.wire.expression import Span
from llmgateway.wire.view import View

KIND: Final = "person"
ENGLISH: Final = "en"
JAPANESE: Final = "ja"
LANGUAGES: Final = (ENGLISH, JAPANESE)
_SCORE: Final = 0.7
_LONGEST_ENGLISH: Final = 152  # characters of a name in English, with what says before it that it is one
_WORD: Final = rb"[A-Z][a-z'-]{1,20}"
_NAMED: Final = (
    rb"(?:full|customer|patient|contact|account|employee|first|last|user|holder|applicant|passenger|guest)[ _]?name"
    rb"|contact person|name|attn|patient|customer|applicant|passenger|recipient|signed by|signature"
    rb"|signed,|sincerely,|regards,|yours truly,"
)
_LEAD: Final = (
    rb"(?:\b(?i:" + _NAMED + rb")[\"']? ?[:=>\n\t ] {0,12}[\"']?|\b(?:Dear|[nN]ame is|[sS]igned by|[cC]alled) )"
)
_CALLED: Final = (
    rb"(?:from|cc|bcc|author|legal name|nombre|nom|(?:account|policy|card) ?holder|emergency contact|next of kin"
    rb"|insured|tenant|landlord|driver|(?:[a-z]+ )?manager|(?:reported|signed-off|reviewed|tested|approved)[- ]by"
    rb"|(?:passenger|guest|witness) [0-9]{1,2}|claimant|defendant|beneficiary|third party|father's name|mother's name)"
)
_CLOSED: Final = (
    rb"(?:thanks|thank you|many thanks|cheers|best|(?:(?:with )?kind |best |warm )?regards|yours faithfully)"
)
_SIGNED: Final = (
    rb"\n(?i:" + _CLOSED + rb"),?\r?\n{1,2}|\b(?i:" + _CALLED + rb")[*\"' .]{0,12}:\*{0,2} {0,12}\*{0,2}[\"']?"
)
_TITLE: Final = rb"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Doctor)\.? "
_ENGLISH: Final = compiled(
    rb"(?:(?:" + _LEAD + rb"|" + _SIGNED + rb")(?:" + _TITLE + rb")?|" + _TITLE + rb")"
    rb"(" + _WORD + rb"(?: [A-Z]\.)?(?: " + _WORD + rb"){0,2})\b"
)
_SALUTED: Final = frozenset(
    b"Customer Team All Sir Madam Colleagues Friends Everyone Support Hiring Valued User Client Members Unknown None"
    b" Null The This Your Our Required Optional String Name Value Foo Bar Chief President".split()
)
ENGLISH_OPEN: Final = rb"(?:[A-Z][A-Za-z'.-]{0,20} ){1,4}(?:[A-Z][A-Za-z'.-]{0,20})?"


_READING: Final = compiled_wide(
    r" ?(?:様|さま|さん|氏|先生|殿)? ?\(([ぁ-んァ-ヺー]{2,9}[ ・]?[ぁ-んァ-ヺー]{0,9}|[ｦ-ﾟ]{2,14} ?[ｦ-ﾟ]{2,14})\)"
)
_LATIN_READING: Final = compiled_wide(r" ?(?:様)? ?[(/] ?([A-Z][A-Za-z]{1,11},? [A-Z][A-Za-z]{1,11})(?:[^A-Za-z]|\z)")
_CELL: Final = compiled_wide(
    rf"\"? ?[\t,|/、 ]? ?\"?([ァ-ヺ][{KATAKANA}]{{1,8}}[ ・][ァ-ヺ][{KATAKANA}]{{1,8}}|[ァ-ヺ][{KATAKANA}]{{3,12}})"
    rf"(?:[^{HAN}{KATAKANA}ぁ-んA-Za-z0-9]|\z)"
)
_BEFORE_READING: Final = (" ", "(", "\t", ",", "|", "/", "、", '"', "様", "さ", "氏", "先", "殿")
_DRAWN: Final = "ー"  # in words from abroad, not in names: `(リーダー)`
_BEFORE_OPEN: Final = 12  # characters of an hour and of signs, which may have gone already
_NEAR: Final = 6  # characters of an honorific and signs
_READING_AHEAD: Final = 24  # characters
_OPEN: Final = compiled_wide(
    rf"{unlisted_names.TURN_OPEN}|(?:{unlisted_names.OPEN})"
    rf"|[{HAN}{KATAKANA}ぁ-ん々 ](\([ぁ-ん{KATAKANA}ｦ-ﾟ ・]{{0,28}})\z"
    rf"|[{HAN}{KATAKANA}ぁ-ん々] ?([(/] ?(?:[A-Z][A-Za-z]{{0,11}}(?:,? [A-Za-z]{{0,11}})?)?)\z"
)


def find(view: View, octets: bytes, start: int, languages: Collection[str]) -> list[Finding]:
    """Names in these languages, in their context: all of them that end after `start`."""
    found = list(_english(octets, max(0, start - _LONGEST_ENGLISH))) if ENGLISH in languages else []
    if JAPANESE in languages and not view.text.isascii():
        found += _japanese(view.folded, start)
    return found


def _english(octets: bytes, low: int) -> Iterator[Finding]:
    """Names after a title or a label."""
    for match in _ENGLISH.finditer(octets, low):
        begin, end = match.span(1)
        if octets[begin:end].split(b" ")[0] not in _SALUTED:
            yield Finding(begin, end, KIND, _SCORE)


def _japanese(folded: str, start: int) -> list[Finding]:
    low = max(0, start - LONGEST)
    turns = list(find_turns(folded, low))
    beside = anchors(folded, max(0, start - BESIDE))
    if beside is None:
        return [Finding(*span, KIND, _SCORE) for span in turns]
    spans = set(find_known(folded, (each for each in beside.known if each[0] >= low)))
    if beside.calls:
        spans.update(find_called(folded, (each for each in beside.calls if each[0] >= low)))
    spans.update(_labelled(folded, low, beside.labels))
    spans.update(turns)
    named = [Finding(*span, KIND, _SCORE) for span in spans]
    return [
        *named,
        *(found for _, end in spans if folded[end : end + 1] in _BEFORE_READING for found in _reading(folded, end)),
    ]


def _labelled(folded: str, low: int, labels: Iterable[Span]) -> Iterator[Span]:
    """What only a label says of: names in no list, and readings."""
    for start, end, raw in stretches(folded, low, labels):
        for span in (*find_labelled(folded, start, raw), *readings.find_read(folded, start, raw)):
            if span[1] < end or end == len(folded):
                yield span


def _reading(folded: str, end: int) -> Iterator[Finding]:
    """The reading of a name, in brackets behind it or in the next cell."""
    near = folded[end : end + _NEAR]
    ways = [way for sign, way in _READ_BEHIND if sign.isdisjoint(near) is False]
    raw = wide(folded[end : end + _READING_AHEAD]) if ways else b""
    for expression, is_one in ways:
        found = expression.match(raw)
        if found is not None:
            begin, stop = found.span(1)
            word = raw[begin:stop].decode()
            at = end + len(raw[:begin].decode())
            if is_one(word):
                yield Finding(at, at + len(word), KIND, _SCORE)


def _is_in_brackets(word: str) -> bool:
    return _DRAWN not in word or " " in word or "・" in word


_READ_BEHIND: Final = (
    (frozenset("("), (_READING, _is_in_brackets)),
    (frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), (_LATIN_READING, readings.is_latin)),
    (frozenset(map(chr, range(ord("ァ"), ord("ヺ") + 1))), (_CELL, readings.is_of_family)),
)
"""What the reading of a name looks like behind it, what it has to be besides, and what has to be near for it."""


def opening(folded: str, low: int) -> int:
    """Where the end of a Japanese text begins that may become a name, or the reading of one."""
    low = max(low, len(folded) - LONGEST)
    beside = anchors(folded, low)
    at = min(open_known(folded, beside.known) if beside else len(folded), readings.opening(folded, low))
    at = min(at, max(low, unlisted_names.open_given(folded)))
    behind = max(0, low - _BEFORE_OPEN)
    raw = wide(folded[behind:])
    found = _OPEN.search(raw)
    if found is None:
        return at
    which = found.chosen()
    start = found.start(which) if which else found.start()
    return min(at, max(low, behind + len(raw[:start].decode())))
