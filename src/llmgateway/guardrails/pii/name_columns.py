"""Names of persons in tables, where a column is called what only names of persons are: `姓,名`, `last_name`."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii.given_names import is_given, is_rare
from llmgateway.guardrails.pii.letters import is_han
from llmgateway.guardrails.pii.persons import ENGLISH, JAPANESE, KIND
from llmgateway.guardrails.pii.runs import HAN, KATAKANA, compiled_wide, wide
from llmgateway.guardrails.pii.surnames import SINGLE, SURNAMES
from llmgateway.guardrails.pii.words_of_names import HONORIFICS
from llmgateway.wire import rows
from llmgateway.wire.heads import Hints
from llmgateway.wire.view import View

_SCORE: Final = 0.7
_SURNAME: Final = 3  # characters of a family name
_LONGEST: Final = 24  # characters of a name in its cell
_FAMILY_NAMES: Final = "姓 氏 苗字 名字 セイ せい lastname familyname surname sei"
_GIVEN_NAMES: Final = "名 メイ めい 下の名前 firstname givenname forename middlename mei"
_WHOLE_NAMES: Final = """
氏名 姓名 お名前 御名前 ご芳名 御芳名 芳名 フルネーム 患者名 担当者名 代表者名 社員名 従業員名 生徒名 児童名 園児名
保護者名 受験者名 応募者名 参加者名 責任者名 被保険者名 本人名 記入者名 被験者名 受診者名 フリガナ ふりがな 読み よみ
ヨミ 読み仮名 よみがな カナ氏名 氏名カナ fullname personname
"""
_STAFF_NAMES: Final = """
担当 担当者 ご担当 ご担当者 責任者 講師 教員 担任 患者 生徒 児童 園児 保護者 申請者 承認者 作成者 報告者 依頼者 契約者
受講者 参加者 出席者 利用者 会員 顧客 お客様 社員 従業員 職員 スタッフ メンバー 当番 副担当 主担当 副担当者 主担当者
営業担当 営業担当者 リーダー 発言者 投稿者 名前 代表者 登録者 更新者 確認者 決裁者 起票者 対応者 受付者 実施者 運転者
医師 担当医 看護師 指導者 先方担当 先方担当者 配偶者 被保険者 宿泊者 予約者 応募者 候補者 先生
"""
_MARKED: Final = "(漢字) (かな) (カナ) (フリガナ) (ふりがな) (ローマ字) カナ かな フリガナ ふりがな 漢字 kana kanji"
_SMALL: Final = "van von der den de del della di da dos du la le el al bin ibn ter ten zu zur"
_NO_NAMES: Final = """
不明 未定 未登録 未入力 なし 無し 同上 匿名 合計 小計 計 総計 平均 以上 該当なし 非公開 テスト 男 女 男性 女性 個人 法人
unknown none null anonymous total test nan yes no true false
"""
_FAMILY_KNOWN: Final = SINGLE.union(SURNAMES)
_FAMILY: Final = frozenset(_FAMILY_NAMES.split())
_GIVEN: Final = frozenset(_GIVEN_NAMES.split())
_WHOLE: Final = frozenset(_WHOLE_NAMES.split())
_STAFF: Final = frozenset(_STAFF_NAMES.split())  # of departments, too: names of persons are told by lists there
_SOMEBODY: Final = f"{KIND}?"
_OF_MANY: Final = frozenset(("名", "メイ", "めい", "mei"))  # of things, too, where no family name is beside it
_MARKS: Final = _MARKED.split()
_PARTICLES: Final = frozenset(_SMALL.split())
_NOBODY: Final = frozenset(_NO_NAMES.split())
_NO_LAST: Final = ("会社", "営業部", "事業部", "本部", "支店", "大学", "病院", "協会", "組合")
_HINTS: Final = Hints(
    *("担当", "者", "員", "師", "生徒", "児童", "顧客", "客様", "メンバー", "当番", "スタッフ", "リーダー", "先生"),
    *("姓", "氏", "名", "読み", "よみ", "ヨミ", "フリガナ", "ふりがな", "セイ", "せい", "苗字"),
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
    for begin, end, kind in rows.cells(view, start, _columns):
        value = view.folded[begin:end]
        stop = end - _honorific(value)
        is_one = _is_name if kind == KIND else _is_known
        if len(value) <= _LONGEST and is_one(value[: stop - begin], languages):
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
        at: _SOMEBODY if name in _STAFF else KIND
        for at, name in bare
        if name in _STAFF
        or name in _FAMILY
        or name in _WHOLE
        or (name in _GIVEN and (has_family or name not in _OF_MANY))
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


def _is_known(value: str, languages: Collection[str]) -> bool:
    """Whether it is a family name that is known, alone or with a given name behind it."""
    if JAPANESE not in languages:
        return False
    surname, blank, given = value.partition(" ")
    if blank and len(surname) <= _SURNAME and is_han(surname[0]) and (is_given(given) or is_rare(given)):
        return True
    return any(
        value[:size] in _FAMILY_KNOWN and (len(value) == size or is_given(value[size:].lstrip(" ")))
        for size in range(1, _SURNAME + 1)
    )


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
