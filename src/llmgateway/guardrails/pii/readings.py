"""Readings of names in Japanese behind what says that they are readings, and given names in a field of their own."""

from collections.abc import Iterator
from typing import Final

from llmgateway.guardrails.pii.given_names import is_given
from llmgateway.guardrails.pii.runs import HAN, KATAKANA, compiled_wide, groups, wide
from llmgateway.guardrails.pii.surnames import READ_SURNAMES
from llmgateway.wire.view import SEPARATOR

_SIGNS: Final = rf"[^{HAN}{KATAKANA}ぁ-んA-Za-z0-9、。{SEPARATOR}]{{1,6}}"  # between a label and what it is a label of
_FURIGANA: Final = "(?:ふりがな|フリガナ|よみがな|ヨミガナ|読み仮名)" + _SIGNS
_HOLDER: Final = "(?:カナ|名義|名義人|人|者|者名|人名)" + _SIGNS
_HELD: Final = "(?:普通|当座|貯蓄|口座)(?:預金|番号)?[^ァ-ヺ一-鿿ぁ-んA-Za-z0-9]{0,3}[0-9]{7}[ 、,:]{1,2}(?:名義 ?)?"
_SURELY: Final = rf"(?:\A|[^{HAN}{KATAKANA}ぁ-ん])(?:セイ|メイ)[\"')]{{0,2}} ?[:= ] ?[\"']?"
_END: Final = rf"(?:[^{HAN}{KATAKANA}ぁ-ん]|\z)"
_FIRST: Final = rf"(?:(?i:first_?name|given_?name)|(?:\A|[^{HAN}{KATAKANA}ぁ-ん])名)[\"')]{{0,2}} ?[:=] ?[\"']?"
_LATIN: Final = (
    f"(?:名義|名義人|ローマ字|氏名|名前|宿泊者|宿泊者名|搭乗者|搭乗者名|旅行者|同行者|同伴者|契約者)(?:は ?|{_SIGNS})"
)
_FIELD: Final = "(?:kana|Kana|KANA)[\"')]{0,2} ?[:=] ?[\"']?"
_ANY: Final = compiled_wide(
    rf"(?:{_FURIGANA}([ぁ-ん]{{2,6}} ?[ぁ-ん]{{2,6}}|[ァ-ヺ][{KATAKANA}]{{3,8}})"
    rf"|{_SURELY}([ァ-ヺ][{KATAKANA}]{{1,7}})"
    rf"|(?:{_HOLDER}|{_HELD})([ァ-ヺ][{KATAKANA}]{{3,12}})"
    rf"|{_FIRST}([{HAN}]{{1,3}}|[ァ-ヺ][{KATAKANA}]{{1,5}})){_END}"
    rf"|{_LATIN}([A-Z][A-Za-z]{{1,11}} [A-Z][A-Za-z]{{1,11}})\b"
    rf"|{_FIELD}([ァ-ヺ][{KATAKANA}]{{1,8}}[ ・]?[ァ-ヺ][{KATAKANA}]{{1,8}}){_END}"
)
_OPEN: Final = compiled_wide(rf"{_FURIGANA}([ぁ-ん]{{1,6}} ?[ぁ-ん]{{0,6}})\z")
_LATIN_OPEN: Final = compiled_wide(_LATIN + r"([A-Za-z]{1,12}(?: [A-Za-z]{0,12})?)\z")
_SYLLABLE: Final = "(?:(?:[kgsztdnhbpmryw]y?|sh|ch|j|f|ts)?[aiueo]h?[nm]?)"
_ROMAJI: Final = compiled_wide(rf"\A(?:{_SYLLABLE}|[kstp])+ (?:{_SYLLABLE}|[kstp])+\z")
_LABELLED: Final = 40  # characters of a reading with its label
_NO_READINGS: Final = ("ひらがな", "カタカナ", "フリガナ", "ふりがな", "なし", "みにゅうりょく")
_FAMILY: Final = range(2, 6)  # characters of a family name


def find_read(text: str, low: int, raw: bytes) -> Iterator[tuple[int, int]]:
    """Where they stand in a folded text; `raw`: what is behind `low`, as UTF-8."""
    for which, begin, end in groups(_ANY, raw, low):
        if _IS_ONE[which - 1](text[begin:end]):
            yield begin, end


def _is_reading(word: str) -> bool:
    return not word.startswith(_NO_READINGS)


def is_of_family(reading: str) -> bool:
    """Whether it begins with the reading of a family name, and goes on."""
    return any(reading[:size] in READ_SURNAMES and len(reading) - size > 1 for size in _FAMILY)


def _is_in_a_field(word: str) -> bool:
    """Whether it is a person's reading in a field that things have, too."""
    return " " in word or is_of_family(word)


def _is_latin(name: str) -> bool:
    """Whether two words in Latin letters are made of the syllables of Japanese, as in `YAMADA TARO`."""
    return _ROMAJI.place(name.lower().encode())[0] >= 0


_IS_ONE: Final = (_is_reading, bool, is_of_family, is_given, _is_latin, _is_in_a_field)
"""What each of the groups has to be, besides."""


def opening(folded: str, low: int) -> int:
    """Where a reading begins that may go on, at the end of a text; the text's end if there is none."""
    last = folded[-1:]
    if not ("ぁ" <= last <= "ん" or last == " " or (last.isascii() and last.isalpha())):
        return len(folded)
    behind = max(0, len(folded) - _LABELLED)
    raw = wide(folded[behind:])
    found = _OPEN.search(raw) or _LATIN_OPEN.search(raw)
    return max(low, behind + len(raw[: found.start(1)].decode())) if found else len(folded)
