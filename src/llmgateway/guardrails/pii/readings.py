"""Readings of names in Japanese behind what says that they are readings, and given names in a field of their own."""

import unicodedata
from collections.abc import Iterator
from typing import Final

from llmgateway.guardrails.pii.given_names import is_given, is_in_kana
from llmgateway.guardrails.pii.runs import HAN, KATAKANA, compiled_wide, groups, wide
from llmgateway.guardrails.pii.surnames import ONE, READ_SURNAMES, SURNAMES
from llmgateway.wire.view import SEPARATOR

_SIGNS: Final = rf"[^{HAN}{KATAKANA}ぁ-んA-Za-z0-9、。{SEPARATOR}]{{1,6}}"  # between a label and what it is a label of
_TAGS: Final = "</[a-z]{1,4}>\n?<[a-z]{1,4}>"
_FURIGANA: Final = f"(?:ふりがな|フリガナ|よみがな|ヨミガナ|読み仮名)(?:{_SIGNS}|{_TAGS})"
_HOLDER: Final = "(?:カナ|名義|名義人|人|者|者名|人名)" + _SIGNS
_HELD: Final = "(?:普通|当座|貯蓄|口座)(?:預金|番号)?[^ァ-ヺ一-鿿ぁ-んA-Za-z0-9]{0,3}[0-9]{7}[ 、,:]{1,2}(?:名義 ?)?"
_SURELY: Final = rf"(?:\A|[^{HAN}{KATAKANA}ぁ-ん])(?:セイ|メイ)[\"')]{{0,2}} ?[:= ] ?[\"']?"
_SPREAD: Final = rf"(?:氏 ?名|名 ?前){_SIGNS}"
_APART: Final = (
    rf"(?:[{HAN}] ){{1,4}} {{0,3}}(?:[{HAN}{KATAKANA}ぁ-ん] ){{0,5}}[{HAN}{KATAKANA}ぁ-ん]"  # as scanners read it
)
_END: Final = rf"(?:[^{HAN}{KATAKANA}ぁ-ん]|\z)"
_FIRST: Final = rf"(?:(?i:first_?name|given_?name)|(?:\A|[^{HAN}{KATAKANA}ぁ-ん])名)[\"')]{{0,2}} ?[:=] ?[\"']?"
_LATIN: Final = (
    f"(?:名義|名義人|ローマ字|氏名|名前|宿泊者|宿泊者名|搭乗者|搭乗者名|旅行者|同行者|同伴者|契約者)(?:は ?|{_SIGNS})"
)
_FIELD: Final = "(?:(?:[kg]ana|Kana|KANA|読み|よみ|ヨミ|カナ|かな)[\"')]{0,2} ?[:=] ?[\"']?|<[a-z_]*[kK]ana>)"
_ANY: Final = compiled_wide(
    rf"(?:{_FURIGANA}([ぁ-ん]{{2,6}} ?[ぁ-ん]{{2,6}}|[ァ-ヺ][{KATAKANA}]{{3,8}})"
    rf"|{_SURELY}([ァ-ヺ][{KATAKANA}]{{1,7}})"
    rf"|(?:{_HOLDER}|{_HELD})([ァ-ヺ][{KATAKANA}]{{3,12}})"
    rf"|{_FIRST}([{HAN}]{{1,3}}|[ァ-ヺ][{KATAKANA}]{{1,5}})){_END}"
    rf"|{_LATIN}([A-Z][A-Za-z]{{1,11}} [A-Z][A-Za-z]{{1,11}})\b"
    rf"|{_FIELD}([ァ-ヺ][{KATAKANA}]{{1,8}}[ ・]?[ァ-ヺ][{KATAKANA}]{{1,8}}|[ぁ-ん]{{2,7}} ?[ぁ-ん]{{2,7}}"
    rf"|[ｦ-ﾟ]{{2,12}} ?[ｦ-ﾟ]{{2,12}}){_END}"
    rf"|{_SPREAD}({_APART}){_END}"
)
_OPEN: Final = compiled_wide(rf"{_FURIGANA}([ぁ-ん]{{1,6}} ?[ぁ-ん]{{0,6}})\z")
_LATIN_OPEN: Final = compiled_wide(_LATIN + r"([A-Za-z]{1,12}(?: [A-Za-z]{0,12})?)\z")
_SYLLABLE: Final = "(?:(?:[kgsztdnhbpmryw]y?|sh|ch|j|f|ts)?[aiueo]h?[nm]?)"
_IN_KATAKANA: Final = {code: code + 0x60 for code in range(ord("ぁ"), ord("ゖ") + 1)}
_ROMAJI: Final = compiled_wide(rf"\A(?:{_SYLLABLE}|[kstp])+ (?:{_SYLLABLE}|[kstp])+\z")
_FAMILY_NAMES: Final = ONE.union(SURNAMES)
_FIELD_OPEN: Final = compiled_wide(rf"{_FIELD}([ぁ-ん{KATAKANA}ｦ-ﾟ]{{1,14}}[ ・]?[ぁ-ん{KATAKANA}ｦ-ﾟ]{{0,14}})\z")
_APART_OPEN: Final = compiled_wide(rf"{_SPREAD}((?:[{HAN}{KATAKANA}ぁ-ん] {{1,4}})+[{HAN}{KATAKANA}ぁ-ん]?)\z")
_LABELLED: Final = 40  # characters of a reading with its label
_NO_READINGS: Final = ("ひらがな", "カタカナ", "フリガナ", "ふりがな", "なし", "みにゅうりょく")
_FAMILY: Final = range(2, 6)  # characters of a family name
_GIVEN: Final = 3  # characters of a given name that hardly any word ends with


def find_read(text: str, low: int, raw: bytes) -> Iterator[tuple[int, int]]:
    """Where they stand in a folded text; `raw`: what is behind `low`, as UTF-8."""
    for which, begin, end in groups(_ANY, raw, low):
        if _IS_ONE[which - 1](text[begin:end]):
            yield begin, end


def _is_reading(word: str) -> bool:
    return not word.startswith(_NO_READINGS)


def is_of_family(reading: str) -> bool:
    """Whether it begins with the reading of a family name, and goes on, or ends with a given name."""
    if any(reading[:size] in READ_SURNAMES and len(reading) - size > 1 for size in _FAMILY):
        return True
    return any(is_in_kana(reading[size:]) for size in _FAMILY if len(reading) - size >= _GIVEN)


def _is_in_a_field(word: str) -> bool:
    """Whether it is a person's reading in a field that things have, too."""
    return " " in word or is_of_family(plain_kana(word))


def plain_kana(word: str) -> str:
    """A reading in full katakana."""
    return unicodedata.normalize("NFKC", word).translate(_IN_KATAKANA)


def is_latin(name: str) -> bool:
    """Whether two words in Latin letters are made of the syllables of Japanese, as in `YAMADA TARO`."""
    return _ROMAJI.place(name.lower().encode())[0] >= 0


def _is_apart(name: str) -> bool:
    """Whether it is a family name with a given name, each character on its own."""
    word = name.replace(" ", "")
    return any(word[:size] in _FAMILY_NAMES and size < len(word) for size in (1, 2, 3))


_IS_ONE: Final = (_is_reading, bool, is_of_family, is_given, is_latin, _is_in_a_field, _is_apart)
"""What each of the groups has to be, besides."""


def opening(folded: str, low: int) -> int:
    """Where a reading begins that may go on, at the end of a text; the text's end if there is none."""
    last = folded[-1:]
    is_kana = "ぁ" <= last <= "ー" or "ｦ" <= last <= "ﾟ" or last == " "
    if not (is_kana or (last > "ぁ" and folded[-2:-1] == " ") or (last.isascii() and last.isalpha())):
        return len(folded)
    behind = max(0, len(folded) - _LABELLED)
    raw = wide(folded[behind:])
    found = _OPEN.search(raw) or _LATIN_OPEN.search(raw) or _FIELD_OPEN.search(raw) or _APART_OPEN.search(raw)
    return max(low, behind + len(raw[: found.start(1)].decode())) if found else len(folded)
