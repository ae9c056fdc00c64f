"""Addresses in Japan: a block of numbers, and before it a town, with or without its prefecture."""

from collections.abc import Iterator
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii.prefectures import PREFECTURES
from llmgateway.guardrails.pii.runs import compiled_wide, matches, wide
from llmgateway.wire.view import View

KIND: Final = "jp_address"
_BACK: Final = 40  # characters from a prefecture to the block of numbers
_LONGEST_BLOCK: Final = 40
_HAN: Final = r"\p{Han}々ヶケヵ"
_HIRAGANA: Final = (  # not the particles that stand between a place and a number
    "あいうえおかきくけこさしすせそたちつてとどなねのひびふほまみ"
    "むめりるれろわんがぎぐげごじずぜだづばぶべぼぱぴぷぺぽゃゅょっ"
)
_TOWN: Final = rf"{_HAN}ノー\p{{Katakana}}{_HIRAGANA}"
_DIGIT: Final = "0-9〇一二三四五六七八九十百"
_SUFFIX: Final = "丁目|番地の?|番|号"
_JOINT: Final = rf"(?:(?:{_SUFFIX}) ?|[-ー]|の)"
_BLOCK: Final = compiled_wide(rf"[{_DIGIT}]{{1,5}}(?:{_JOINT}[{_DIGIT}]{{1,5}})*(?:{_SUFFIX})?")
_PREFECTURE: Final = f"(?:{'|'.join(PREFECTURES)})"
_STREETS: Final = r"(?:[東西南北]{0,2}[0-9]{1,2}条[東西南北]{0,2})?"
_BEFORE: Final = compiled_wide(
    rf"(?:{_PREFECTURE} ?(?:[{_TOWN}]{{1,8}}[市区町村郡] ?){{1,3}}[{_TOWN}]{{0,20}}|"
    rf"(?:[{_HAN}]{{1,5}}[市区町村郡] ?){{1,3}}[{_HAN}ノの\p{{Katakana}}ー]{{0,12}}){_STREETS} ?\z"
)
_LABELS: Final = (
    "現住所",
    "住所",
    "所在地",
    "本社",
    "本店",
    "勤務先",
    "宛先",
    "送付先",
    "届け先",
    "自宅",
    "実家",
    "届先",
    "在住",
)
_PARTICLES: Final = tuple("でにはをもへやがと、。")
_PLAIN_BLOCK: Final = compiled_wide(rf"[{_DIGIT}]+(?:[-ー]|丁目|番地)")
_COUNTED: Final = compiled_wide(r"[\p{Han}\p{Hiragana}\p{Katakana}A-Za-z0-9%./:-]")
_BUILDING: Final = compiled_wide(
    r" ?[\p{Han}\p{Katakana}ー・A-Za-z]{2,16} ?(?:[0-9]{1,4}(?:号室|号棟|号|階|F)|[0-9]{3,4})"
    r"(?:[^-0-9/.:A-Za-z年月日円時]|\z)"
    r"| ?[0-9]{1,4}(?:号室|階|F)"
)
_ROOM: Final = 28
OPEN: Final = (
    rf"(?:{_PREFECTURE}[{_TOWN}]|[{_HAN}]{{0,16}}[市区町村郡])[{_TOWN}A-Za-z0-9〇 ・-]{{0,90}}\z|{_PREFECTURE} ?\z"
    rf"|[{_HAN}]{{1,12}}\z"
)


def find(view: View, low: int) -> Iterator[Finding]:
    """Addresses with a number in them, up to a room if there is one."""
    folded = view.folded
    for begin, end in matches(_BLOCK, folded[low:]):
        if end - begin <= _LONGEST_BLOCK:
            start = _start(folded, low + begin)
            if start < low + begin and _is_block(folded, low + begin, low + end, start):
                yield Finding(start, _with_room(folded, low + end), KIND, 0.9)


def _start(folded: str, block: int) -> int:
    """Where the address begins whose numbers begin at `block`; `block` itself if there is none."""
    before = folded[max(0, block - _BACK) : block]
    if not before or before.endswith(_PARTICLES):
        return block
    for begin, _ in matches(_BEFORE, before):
        found = before[begin:]
        skip = max((found.find(each) + len(each) for each in _LABELS if each in found), default=0)
        return block - len(found) + skip
    return block


def _is_block(folded: str, begin: int, end: int, start: int) -> bool:
    """Whether a number is one of a house: in parts or with its unit, or alone right after a prefecture's town."""
    if _PLAIN_BLOCK.match(wide(folded[begin:end])):
        return True
    alone = not _COUNTED.match(wide(folded[end : end + 1]))
    return alone and folded.startswith(PREFECTURES, start) and folded[begin:end].isdigit()


def _with_room(folded: str, end: int) -> int:
    after = folded[end : end + _ROOM]
    for begin, stop in matches(_BUILDING, after):
        if begin == 0:
            found = after[:stop]
            return end + len(found.rstrip()) - (0 if found[-1].isalnum() else 1) * (found[-1] != " ")
        break
    return end
