"""Names of persons, where the words around them say that they are names."""

from collections.abc import Iterator
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii.runs import HAN, KATAKANA, compiled, compiled_wide, wide
from llmgateway.guardrails.pii.surnames import SURNAMES
from llmgateway.wire.view import View

KIND: Final = "person"
_NAME: Final = (
    rf"(?:[{HAN}]{{1,4}} [{HAN}ぁ-ん{KATAKANA}]{{1,5}}|[{HAN}]{{2,6}}"
    rf"|[ァ-ヺ][{KATAKANA}]{{1,8}}[ ・][{KATAKANA}]{{1,8}})"
)
_LABEL: Final = (
    "氏名|お名前|名前|担当者?|代表者?|受取人|宛名|契約者|申込者|患者|被保険者"
    "|名義人?|フリガナ|カナ氏名|差出人|送信者|申請者"
)
_KNOWN: Final = f"(?:{'|'.join(SURNAMES)})"
_GIVEN: Final = f"[{HAN}ぁ-ん{KATAKANA}]"  # in hiragana too, where a family name stands before
_WHOLE: Final = rf"{_KNOWN}(?: ?{_GIVEN}{{1,5}})?"
_CALLED: Final = rf"(?:{_LABEL}|[nN]ame)(?:名|様)?[\"']?"
_LABELLED: Final = compiled_wide(rf"{_CALLED} ?[:=|「】>\t] ?[\"']?({_NAME})")
_LISTED: Final = compiled_wide(rf"{_CALLED} {{0,4}}[:=|「】>\t ] {{0,4}}[\"']?({_WHOLE})(?:[^{HAN}ぁ-ん{KATAKANA}]|\z)")
_INTRODUCED: Final = compiled_wide(
    rf"(?:(?:氏名|名前)は|私は|担当の|弊社の)({_NAME}|{_WHOLE})(?:です|でございます|と申し|といいます)"
)
_SAID: Final = compiled_wide(rf"(?:[の、。\n]|\A)({_WHOLE})と(?:申し|言いま|いいま)")
_TITLES: Final = "先生|教授|部長|課長|係長|社長|専務|常務|主任|店長|弁護士|医師|くん|君|ちゃん"
_TITLED: Final = compiled_wide(
    rf"(?:\A|[^{HAN}{KATAKANA}])({_KNOWN}(?: ?[{HAN}]{{1,3}})??) ?(?:{_TITLES})(?:[^{HAN}]|\z)"
)
_UNIT: Final = rf"(?:[^\n]{{0,30}}(?:部|課|室|担当|株式会社[{HAN}{KATAKANA}]{{1,12}}) ?)?"
_SIGNED: Final = compiled_wide(rf"(?:\A|\n){_UNIT}({_KNOWN} {_GIVEN}{{1,4}})(?:\n|\z)")
_HONOURED: Final = compiled_wide(rf"(?:\A|[^{HAN}{KATAKANA}])({_NAME}) ?(?:様|さま|さん|氏|殿)(?:[^{HAN}]|\z)")
_NOBODY: Final = (
    "お客", "皆", "各位", "会員", "担当", "関係", "医者", "店員", "業者", "患者", "社長", "部長", "課長", "同", "奥",
    "母", "父", "神", "王", "仕", "多", "模", "有", "異", "貴", "何", "両", "殿", "御", "株式会社", "先", "隣", "息子",
    "未", "非", "不", "重要", "変更", "以下", "必須", "任意", "娘", "弟", "妹", "兄", "姉",
)  # fmt: skip
_NOT_GIVEN: Final = (
    "です",
    "でし",
    "でご",
    "では",
    "でき",
    "と",
    "は",
    "が",
    "の",
    "に",
    "を",
    "へ",
    "も",
    "さん",
    "さま",
    "くん",
    "ちゃん",
)
_WORD: Final = rb"[A-Z][a-z'-]{1,20}"
_NAMED: Final = (
    rb"(?:full|customer|patient|contact|account|employee|first|last|user|holder|applicant|passenger|guest)[ _]?name"
    rb"|name|attn|patient|customer|applicant|passenger|recipient|signed by|signature|sincerely,|regards,|yours truly,"
)
_LEAD: Final = rb"(?:\b(?i:" + _NAMED + rb")[\"']? ?[:=>\n] {0,12}[\"']?|\b(?:Dear|[nN]ame is|[sS]igned by|[cC]alled) )"
_TITLE: Final = rb"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Doctor)\.? "
_ENGLISH: Final = compiled(
    rb"(?:" + _LEAD + rb"(?:" + _TITLE + rb")?|" + _TITLE + rb")"
    rb"(" + _WORD + rb"(?: [A-Z]\.)?(?: " + _WORD + rb"){0,2})\b"
)
_SALUTED: Final = frozenset(
    b"Customer Team All Sir Madam Colleagues Friends Everyone Support Hiring Valued User Client Members Unknown None"
    b" Null".split()
)
_BEGUN: Final = "で(?:す|ご|ござ|ござい|ございま)?|と(?:申|い|いい|いいま)?"  # of what introduces a name
OPEN: Final = (
    rf"[{HAN}{KATAKANA}]{{1,12}}(?:[ ・][{HAN}ぁ-ん{KATAKANA}]{{0,9}})? ?(?:さん?|さま|くん?|ちゃ?|ちゃん|{_BEGUN})?\z"
    rf"|{_KNOWN} ?[{HAN}ぁ-ん{KATAKANA}]{{0,8}}\z"
)
ENGLISH_OPEN: Final = rb"(?:[A-Z][A-Za-z'.-]{0,20} ){1,4}(?:[A-Z][A-Za-z'.-]{0,20})?"


def find(view: View, octets: bytes, low: int) -> Iterator[Finding]:
    """Names after a title or a label, and before an honorific."""
    for match in _ENGLISH.finditer(octets, low):
        begin, end = match.span(1)
        if octets[begin:end].split(b" ")[0] not in _SALUTED:
            yield Finding(begin, end, KIND, 0.7)
    if not view.text.isascii():
        yield from _japanese(view.folded, low)


def _japanese(folded: str, low: int) -> Iterator[Finding]:
    raw = wide(folded[low:])
    for pattern in (_LABELLED, _LISTED, _INTRODUCED, _SAID, _HONOURED, _TITLED, _SIGNED):
        for match in pattern.finditer(raw):
            begin, end = match.span(1)
            name = _trimmed(raw[begin:end].decode())
            if not name.startswith(_NOBODY):
                at = low + len(raw[:begin].decode())
                yield Finding(at, at + len(name), KIND, 0.7)


def _trimmed(name: str) -> str:
    """The name without what goes on in hiragana behind a family name, and is no given one."""
    known = next((each for each in SURNAMES if name.startswith(each)), "")
    return known if known and name[len(known) :].startswith(_NOT_GIVEN) else name
