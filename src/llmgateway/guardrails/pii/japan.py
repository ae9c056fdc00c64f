"""Numbers of Japan. Most are plain digits, so a label must call them what they are."""

from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii import checks
from llmgateway.guardrails.pii.labels import Label
from llmgateway.guardrails.pii.phones import KIND as PHONE
from llmgateway.guardrails.pii.prefectures import PREFECTURES
from llmgateway.guardrails.pii.runs import HAN, Run, compiled, compiled_wide, wide
from llmgateway.guardrails.pii.shapes import Judged, Shape, search

POSTAL: Final = "jp_postal_code"
_JOINTS: Final = (b" ", b"-")  # between groups
_LICENCE: Final = "jp_driving_licence"
_ORDINAL: Final = "第"
_LICENCE_SIZES: Final = (12, 14)  # characters, with and without what parts its groups
_NUMBERED: Final = "号"
_FOREIGN: Final = b"?"  # stands for what is not ASCII
KINDS: Final = ("jp_my_number", "jp_corporate_number", "jp_driving_licence", "jp_bank_account", POSTAL)
_COMPANY: Final = (
    "法人",
    "会社",
    "企業",
    "事業者",
    "取引先",
    "発行者",
    "発行元",
    "請求元",
    "登記",
    "国税庁",
    "組合",
    "財団",
    "社団",
    "登録番号",
    "適格請求書",
    "インボイス",
)
_FOURS_TOO: Final = (
    "荷物",
    "配送",
    "配達",
    "伝票",
    "追跡",
    "問い合わせ",
    "問合せ",
    "会員",
    "注文",
    "契約",
    "予約",
    "受付",
    "管理",
)
_NOT_OF_PARCELS: Final = (
    "問い合わせ先",
    "問合せ先",
    "予約先",
    "受付センター",
    "受付窓口",
    "管理人",
    "管理会社",
    "管理者",
)
_BRANCH: Final = 5  # digits of a branch or a sign, between a label and an account
AHEAD: Final = 4  # blanks, commas and quotes between a postal code and its prefecture or city
CITY: Final = 6  # characters of a city's name with its mark
_ADDRESS_AHEAD: Final = compiled_wide(
    rf'[ ,\t\n"]{{0,{AHEAD}}}(?:{"|".join(PREFECTURES)}|[{HAN}ヶケ]{{1,{CITY - 1}}}[市区郡])'
)
_LEADS: Final = " :は=「(#."
_SOME: Final = ("番号", "コード", "ID", "id", "No", "NO", "no", "№", "番")
_AFTER_AMOUNT: Final = ("円", "人", "件", "個", "%", "ドル", "ポイント")


def _varied(digits: str) -> bool:
    return len(set(digits)) > 1


_FOURS: Final = compiled(rb"[0-9]{4}(?:(?:[ -]| - )?[0-9]{4}){2}")
WRITTEN: Final = (
    rb"\b(?:[0-9]{13}|[1-9][0-9]-[0-9]{4}-[0-9]{4}|"
    rb"[0-9](?:-[0-9]{4}){3}|[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}|[0-9]{3}-[0-9]{4})"
)
LABELLED: Final = {
    shape.kind: shape
    for shape in (
        Shape("jp_my_number", _FOURS, checks.my_number),
        Shape(
            "jp_corporate_number",
            compiled(rb"[0-9](?:[ -]?[0-9]){12}"),
            checks.corporate_number,
        ),
        Shape("jp_driving_licence", compiled(rb"[0-9]{12}|[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}"), _varied, 24),
        Shape("jp_bank_account", compiled(rb"[0-9]{7,8}|[0-9]{5}-[0-9]-?[0-9]{6,8}|[0-9]{3}-[0-9]{7}"), _varied, 20),
        Shape(POSTAL, compiled(rb"[0-9]{3}(?:[ -]| - )?[0-9]{4}"), lambda _: True, 16),
    )
}


def labelled(run: Run, named: Label) -> list[Finding]:
    """What its label calls it, if it is no amount."""
    shape = LABELLED[named.family]
    if not named.names(shape.reach, _BRANCH):
        return []
    return [each for each in search(run, shape) if not _is_amount(run, each.end)]


def judge(run: Run, begin: int, end: int, digits: str) -> Judged | None:
    """In Japanese texts a personal number in three groups of four, and the postal code before an address."""
    if len(digits) == 12:
        mine = end - begin == 14 and checks.my_number(digits)
        mine = mine and not _has_more(run, begin, end) and among_japanese(run, begin)
        return Judged(end, "jp_my_number") if mine else None
    return Judged(end, POSTAL) if _before_address(run, begin, end) else None


def numbered(run: Run) -> list[Finding]:
    """A run that is written as a driving licence says its number: `第301234567890号`."""
    if run.end - run.begin not in _LICENCE_SIZES or run.near(run.begin - 1) != _FOREIGN:
        return []
    begin, end = run.place(run.begin, run.end)
    if run.view.folded[begin - 1] != _ORDINAL or run.view.folded[end : end + 1] != _NUMBERED:
        return []
    return search(run, LABELLED[_LICENCE])


def judge_phone(run: Run, begin: int, end: int, digits: str) -> Judged | None:
    """A telephone number without the zero before it, in Japanese."""
    del digits
    place = run.place(begin, end)[1]
    is_japanese = among_japanese(run, begin) or not run.view.folded[place : place + 1].isascii()
    return Judged(end, PHONE) if is_japanese else None


def judge_company(run: Run, begin: int, end: int, digits: str) -> Judged | None:
    """The number of a company, where a company is spoken of."""
    if not checks.corporate_number(digits):
        return None
    before = run.view.before(run.place(begin, begin + 1)[0])
    return Judged(end, "jp_corporate_number") if any(word in before for word in _COMPANY) else None


def _has_more(run: Run, begin: int, end: int) -> bool:
    """Whether groups of digits stand beside it, as in the number of a parcel."""
    before, after = run.octets[max(0, begin - 2) : begin], run.octets[end : end + 2]
    return (before[-1:] in _JOINTS and before[:1].isdigit()) or (after[:1] in _JOINTS and after[1:].isdigit())


def among_japanese(run: Run, begin: int) -> bool:
    """Whether Japanese words stand before it, and none of them is of parcels and the like, which count in fours too."""
    before = run.view.before(run.place(begin, begin + 1)[0])
    for word in _NOT_OF_PARCELS:
        before = before.replace(word, "")
    return not before.isascii() and not any(word in before for word in _FOURS_TOO)


def is_numbered(run: Run, begin: int) -> bool:
    """Whether what stands before it says that it is some number, and not of what: `受付番号は`."""
    return run.view.before(run.place(begin, begin + 1)[0]).rstrip(_LEADS).endswith(_SOME)


def _is_amount(run: Run, end: int) -> bool:
    return run.view.folded.startswith(_AFTER_AMOUNT, end)


def _before_address(run: Run, begin: int, end: int) -> bool:
    place = run.place(begin, end)[1]
    return _ADDRESS_AHEAD.match(wide(run.view.folded[place : place + AHEAD + CITY])) is not None
