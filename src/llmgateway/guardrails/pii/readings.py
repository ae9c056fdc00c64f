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
_READ: Final = compiled_wide(rf"{_FURIGANA}([ぁ-ん]{{2,6}} ?[ぁ-ん]{{2,6}}|[ァ-ヺ][{KATAKANA}]{{3,8}}){_END}")
_PART: Final = compiled_wide(rf"{_SURELY}([ァ-ヺ][{KATAKANA}]{{1,7}}){_END}")
_HELD: Final = compiled_wide(rf"{_HOLDER}([ァ-ヺ][{KATAKANA}]{{3,8}}){_END}")
_FIELD: Final = compiled_wide(
    rf"(?:(?i:first_?name|given_?name)|(?:\A|[^{HAN}{KATAKANA}ぁ-ん])名)[\"')]{{0,2}} ?[:=] ?[\"']?"
    rf"([{HAN}]{{1,3}}|[ァ-ヺ][{KATAKANA}]{{1,5}}){_END}"
)
_OPEN: Final = compiled_wide(rf"{_FURIGANA}([ぁ-ん]{{1,6}} ?[ぁ-ん]{{0,6}})\z")
_LABELLED: Final = 24  # characters of a reading with its label
_NO_READINGS: Final = ("ひらがな", "カタカナ", "フリガナ", "ふりがな", "なし", "みにゅうりょく")
_FAMILY: Final = range(2, 6)  # characters of a family name


def find_read(text: str, low: int, raw: bytes) -> Iterator[tuple[int, int]]:
    """Where they stand in a folded text; `raw`: what is behind `low`, as UTF-8."""
    yield from (span for span in groups(_READ, raw, low) if not text.startswith(_NO_READINGS, span[0]))
    yield from groups(_PART, raw, low)
    yield from (span for span in groups(_HELD, raw, low) if _is_of_family(text[slice(*span)]))
    yield from (span for span in groups(_FIELD, raw, low) if is_given(text[slice(*span)]))


def _is_of_family(reading: str) -> bool:
    """Whether it begins with the reading of a family name, and goes on."""
    return any(reading[:size] in KANA_SURNAMES and len(reading) - size > 1 for size in _FAMILY)


def opening(folded: str, low: int) -> int:
    """Where a reading in hiragana begins that may go on, at the end of a text; the text's end if there is none."""
    if not ("ぁ" <= folded[-1:] <= "ん" or folded[-1:] == " "):
        return len(folded)
    behind = max(0, len(folded) - _LABELLED)
    raw = wide(folded[behind:])
    found = _OPEN.search(raw)
    return max(low, behind + len(raw[: found.start(1)].decode())) if found else len(folded)
