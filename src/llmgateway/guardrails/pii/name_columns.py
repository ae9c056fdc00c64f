"""Names of persons in tables, where a column is called what only names of persons are: `姓,名`, `last_name`."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii.persons import ENGLISH, JAPANESE, KIND
from llmgateway.guardrails.pii.runs import HAN, KATAKANA, compiled_wide, wide
from llmgateway.guardrails.pii.words_of_names import HONORIFICS
from llmgateway.wire import rows
from llmgateway.wire.heads import Hints
from llmgateway.wire.view import View

_SCORE: Final = 0.7
_LONGEST: Final = 24  # characters of a name in its cell
_FAMILY_NAMES: Final = "姓 氏 苗字 名字 セイ せい lastname familyname surname sei"
_GIVEN_NAMES: Final = "名 メイ めい 下の名前 firstname givenname forename middlename mei"
_WHOLE_NAMES: Final = """
氏名 姓名 お名前 御名前 ご芳名 御芳名 芳名 フルネーム 患者名 担当者名 代表者名 社員名 従業員名 生徒名 児童名 園児名
保護者名 受験者名 応募者名 参加者名 責任者名 被保険者名 本人名 記入者名 被験者名 受診者名 フリガナ ふりがな fullname
personname
"""
_MARKED: Final = "(漢字) (かな) (カナ) (フリガナ) (ふりがな) (ローマ字) カナ かな フリガナ ふりがな 漢字 kana kanji"
_SMALL: Final = "van von der den de del della di da dos du la le el al bin ibn ter ten zu zur"
_NO_NAMES: Final = """
不明 未定 未登録 未入力 なし 無し 同上 匿名 合計 小計 計 総計 平均 以上 該当なし 非公開 テスト 男 女 男性 女性 個人 法人
unknown none null anonymous total test nan yes no true false
"""
_FAMILY: Final = frozenset(_FAMILY_NAMES.split())
_GIVEN: Final = frozenset(_GIVEN_NAMES.split())
_WHOLE: Final = frozenset(_WHOLE_NAMES.split())
_OF_MANY: Final = frozenset(("名", "メイ", "めい", "mei"))  # of things, too, where no family name is beside it
_MARKS: Final = _MARKED.split()
_PARTICLES: Final = frozenset(_SMALL.split())
_NOBODY: Final = frozenset(_NO_NAMES.split())
_NO_LAST: Final = ("会社", "営業部", "事業部", "本部", "支店", "大学", "病院", "協会", "組合")
_HINTS: Final = Hints(
    *("姓", "氏", "名", "フリガナ", "ふりがな", "セイ", "せい", "苗字"),
    *("last", "family", "first", "given", "middle", "full", "person", "surname", "forename", "sei"),
)
_PART: Final = rf"(?:[{HAN}ヶぁ-ん]{{1,7}}|[{KATAKANA}]{{1,12}}|[ｦ-ﾟ]{{1,14}})"
_JAPANESE: Final = compiled_wide(rf"{_PART}(?:[ ・]{_PART}){{0,2}}")
_IN_WORDS: Final = str.maketrans("", "", "'’.-")
_IN_NAMES: Final = str.maketrans("", "", " ・'’.-")
_WORDS: Final = 4  # of a name in letters


def find(view: View, start: int, languages: Collection[str]) -> Iterator[Finding]:
    """Names in such columns, in these languages, from the line on that `start` is in."""
    if not _has_heads(view, languages):
        return
    for begin, end, _ in rows.cells(view, start, _columns):
        value = view.folded[begin:end]
        stop = end - _honorific(value)
        if len(value) <= _LONGEST and _is_name(value[: stop - begin], languages):
            yield Finding(begin, stop, KIND, _SCORE)


def opening(view: View, languages: Collection[str]) -> int:
    """Where the cell begins that the text ends in, if it may become a name."""
    size = len(view.text)
    if not _has_heads(view, languages):
        return size
    begin, _ = rows.tail(view, _columns)
    value = view.folded[begin:]
    return begin if len(value) <= _LONGEST and _may_become(value, languages) else size


def _has_heads(view: View, languages: Collection[str]) -> bool:
    """Whether there may be a column of names: hardly any text has one."""
    is_read = ENGLISH in languages or (JAPANESE in languages and not view.text.isascii())
    return is_read and rows.has_head(view, _HINTS)


def _columns(names: tuple[str, ...]) -> dict[int, str]:
    """Which columns have names: some are of given names only beside family names, for `名` is of things, too."""
    bare = list(enumerate(map(_bare, names)))
    has_family = any(name in _FAMILY for _, name in bare)
    return {
        at: KIND
        for at, name in bare
        if name in _FAMILY or name in _WHOLE or (name in _GIVEN and (has_family or name not in _OF_MANY))
    }


def _bare(name: str) -> str:
    """A column's name without what it says of how names are written in it."""
    name = name.lower().replace(" ", "").replace("_", "").replace("-", "")
    for mark in _MARKS:
        if len(name) > len(mark):
            name = name.removesuffix(mark).removeprefix(mark)
    return name


def _honorific(value: str) -> int:
    return next((len(each) for each in HONORIFICS.words if value.endswith(each) and len(value) > len(each)), 0)


def _is_name(value: str, languages: Collection[str]) -> bool:
    if value.lower() in _NOBODY or value.endswith(_NO_LAST):
        return False
    if JAPANESE in languages and not value.isascii() and _JAPANESE.takes(wide(value)):
        return True
    return ENGLISH in languages and _is_latin(value.split(" "))


def _may_become(value: str, languages: Collection[str]) -> bool:
    """Whether more characters may make it a name."""
    letters = value.translate(_IN_NAMES)
    return (ENGLISH in languages or not letters.isascii() or not letters) and (not letters or letters.isalpha())


def _is_latin(words: Sequence[str]) -> bool:
    if len(words) > _WORDS or not words[-1][:1].isupper():
        return False
    return all(
        word in _PARTICLES or (word[:1].isupper() and word[0] < "\u0590" and word.translate(_IN_WORDS).isalpha())
        for word in words
    )
