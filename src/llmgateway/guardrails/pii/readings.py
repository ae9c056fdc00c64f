"""Readings of names in Japanese behind what says that they are readings, and given names in a field of their own."""

from collections.abc import Iterator
from typing import Final

from llmgateway.guardrails.pii.given_names import is_given
from llmgateway.guardrails.pii.runs import HAN, KATAKANA, compiled_wide, groups, wide
from llmgateway.guardrails.pii.surnames import KANA_SURNAMES
from llmgateway.wire.view import SEPARATOR

_SIGNS: Final = rf"[^{HAN}{KATAKANA}ぁ-んA-Za-z0-9、。{SEPARATOR}]{{1,6}}"  # between a label and what it is a label of
_FURIGANA: Final = "(?:ふりがな|フリガナ|よみがな|ヨミガナ|読み仮名)" + _SIGNS
_HOLDER: Final = "(?:カナ|名義|名義人|人|者|者名)" + _SIGNS
_SURELY: Final = rf"(?:\A|[^{HAN}{KATAKANA}ぁ-ん])(?:セイ|メイ)[\"')]{{0,2}} ?[:= ] ?[\"']?"
_END: Final = rf"(?:[^{HAN}{KATAKANA}ぁ-ん]|\z)"
_FIRST: Final = rf"(?:(?i:first_?name|given_?name)|(?:\A|[^{HAN}{KATAKANA}ぁ-ん])名)[\"')]{{0,2}} ?[:=] ?[\"']?"
_ANY: Final = compiled_wide(
    rf"(?:{_FURIGANA}([ぁ-ん]{{2,6}} ?[ぁ-ん]{{2,6}}|[ァ-ヺ][{KATAKANA}]{{3,8}})"
    rf"|{_SURELY}([ァ-ヺ][{KATAKANA}]{{1,7}})"
    rf"|{_HOLDER}([ァ-ヺ][{KATAKANA}]{{3,8}})"
    rf"|{_FIRST}([{HAN}]{{1,3}}|[ァ-ヺ][{KATAKANA}]{{1,5}})){_END}"
)
_OPEN: Final = compiled_wide(rf"{_FURIGANA}([ぁ-ん]{{1,6}} ?[ぁ-ん]{{0,6}})\z")
_LABELLED: Final = 24  # characters of a reading with its label
_NO_READINGS: Final = ("ひらがな", "カタカナ", "フリガナ", "ふりがな", "なし", "みにゅうりょく")
_FAMILY: Final = range(2, 6)  # characters of a family name


def find_read(text: str, low: int, raw: bytes) -> Iterator[tuple[int, int]]:
    """Where they stand in a folded text; `raw`: what is behind `low`, as UTF-8."""
    for which, begin, end in groups(_ANY, raw, low):
        if _IS_ONE[which - 1](text[begin:end]):
            yield begin, end


def _is_reading(word: str) -> bool:
    return not word.startswith(_NO_READINGS)


def _is_of_family(reading: str) -> bool:
    """Whether it begins with the reading of a family name, and goes on."""
    return any(reading[:size] in KANA_SURNAMES and len(reading) - size > 1 for size in _FAMILY)


_IS_ONE: Final = (_is_reading, bool, _is_of_family, is_given)  # what each of the groups has to be, besides


def opening(folded: str, low: int) -> int:
    """Where a reading in hiragana begins that may go on, at the end of a text; the text's end if there is none."""
    if not ("ぁ" <= folded[-1:] <= "ん" or folded[-1:] == " "):
        return len(folded)
    behind = max(0, len(folded) - _LABELLED)
    raw = wide(folded[behind:])
    found = _OPEN.search(raw)
    return max(low, behind + len(raw[: found.start(1)].decode())) if found else len(folded)
