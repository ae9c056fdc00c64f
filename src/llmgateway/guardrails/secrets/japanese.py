"""The same in Japanese: パスワードは… です, 「APIキー」は…, 「…」. Kana and kanji end a value as white space does."""

from collections.abc import Callable
from typing import Final

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from llmgateway.guardrails.secrets import behind, clauses, codes
from llmgateway.guardrails.secrets.context import GENERIC, PASSWORD, ROW, found_value, is_striking_password
from llmgateway.guardrails.secrets.scan import Candidate, Scan, compiled
from llmgateway.guardrails.secrets.strength import is_password_in_prose, is_token
from llmgateway.guardrails.secrets.wording import is_passphrase
from llmgateway.wire.lexicon import hits
from llmgateway.wire.view import View

_PASSWORDS: Final = (
    *(
        "パスワード",
        "パスフレーズ",
        "暗証キー",
        "セキュリティキー",
        "ネットワークキー",
        "接続キー",
        "合言葉",
        "認証情報",
        "ログイン情報",
        "仮パス",
        "初期パス",
    ),
    *("事前共有鍵", "事前共有キー", "SNMPコミュニティ名", "コミュニティ文字列", "コミュニティストリング"),
    *("解凍パス", "共通パス", "管理者パス"),
)
_CODES: Final = (
    *("認証コード", "確認コード", "検証コード", "ワンタイムパスワード", "ワンタイムコード", "ワンタイムパスコード"),
    *(
        "ログインコード",
        "セキュリティコード",
        "セキュリティーコード",
        "PINコード",
        "PIN番号",
        "PUKコード",
        "入室コード",
    ),
    *("解錠コード", "入館コード", "解除コード", "アクセスコード", "暗証コード", "開錠番号", "認証番号"),
    *("ドアコード", "届いたコード", "確認番号", "解除番号", "開錠コード", "解錠番号"),
)
_OF_RECOVERY: Final = (
    *("リカバリーコード", "リカバリコード", "バックアップコード", "復旧コード", "回復コード", "回復キー", "復旧キー"),
    *("リカバリーキー", "予備コード"),
)
_PINS: Final = ("暗証番号", "パスコード")
_SHORT: Final = "パス"  # also a path
_TOKENS: Final = (
    *("トークン", "シークレット", "クレデンシャル", "アクセスキー", "シークレットキー", "認証キー", "暗号化キー"),
    *("共有キー", "サービスキー", "秘密キー", "ストレージキー", "アカウントキー", "秘密鍵", "署名鍵", "暗号鍵"),
    *("APIキー", "APIのキー", "API キー"),
)
_KEY: Final = "鍵"  # also one of metal
_LOGINS: Final = ("ログイン", "サインイン", "ログオン", "アカウント", "Basic認証", "ロックを解除")
_GAP: Final = compiled(rb"(?:\([A-Za-z0-9? ]{1,16}\))?[? \t\n:=\"'`*(\[|>-]{1,24}")
_ASSIGNED: Final = frozenset((":", ": ", " : ", "は", "は ", "=", " = "))
_BELOW: Final = ("以下", "下記", "次の")  # where the value stands behind a full stop
_FULL_STOP: Final = "。"
_ASKED: Final = "を"
_DIGITS: Final = 4  # of the shortest number that is a password
_LENGTH_OF_KEY: Final = 20
_ROW: Final = compiled(ROW)
_IS_LONGER: Final = ("管理", "認証", "強度", "長さ", "方式", "不要")  # behind a word that these make another of
_REST: Final = "ワード"  # of a word that is known by its beginning
_OTHER: Final = ("例", "公開", "指紋", "フィンガープリント")  # between a word and what is not what it names
_PUBLIC: Final = "公開"
_PARAGRAPH: Final = "\n\n"
_ELSEWHERE: Final = ("内線", "電話", "号室")
_MOST_KANA: Final = 14


def may_have(view: View) -> bool:
    """Whether there is such a word in a text."""
    return not view.text.isascii() and bool(hits(_AUTOMATON, view.folded))


def candidates(scan: Scan) -> list[Candidate]:
    """What Japanese words name."""
    if scan.folded.isascii():
        return []
    named = [(_WORDS[which], at, end) for which, at, end in hits(_AUTOMATON, scan.folded)]
    found = [look(scan, at, end) for word, at, end in named for look in _LOOKS[word]]
    return [each for each in found if each]


def _behind(scan: Scan, at: int, end: int) -> tuple[int, int]:
    """Where a value begins behind a word, and what it belongs to; nowhere if it is too far."""
    begin = max(end, _GAP.ends(scan.octets, end), _ROW.ends(scan.octets, end))
    between = scan.folded[end:begin]
    if sum(not each.isascii() for each in between) > _MOST_KANA or any(each in between for each in _OTHER):
        return -1, at
    if _PARAGRAPH in between and ":" not in between and not any(each in between for each in _BELOW):
        return -1, at
    if any(each in between for each in _BELOW):
        at = max(at, end + between.rfind(_FULL_STOP) + 1)
    return begin, at


def _password(scan: Scan, at: int, end: int) -> Candidate | None:
    end += scan.folded.startswith(_REST, end) * len(_REST)
    begin, named = _behind(scan, at, end)
    if begin < 0 or _is_longer(scan.folded, end):
        return None
    return found_value(scan, begin, named, PASSWORD, is_password_in_prose if begin > end else is_striking_password)


def _is_longer(text: str, end: int) -> bool:
    """Whether the word that ends there goes on: パスワードマネージャー."""
    return text.startswith(_IS_LONGER, end) or "\u30a1" <= text[end : end + 1] <= "\u30fc"


def _pin(scan: Scan, at: int, end: int) -> Candidate | None:
    begin, named = _behind(scan, at, end)
    return found_value(scan, begin, named, PASSWORD, _is_pin) if begin > end else None


def _short(scan: Scan, at: int, end: int) -> Candidate | None:
    begin, named = _behind(scan, at, end)
    is_told = begin > 0 and scan.folded[end:begin] in _ASSIGNED
    return found_value(scan, begin, named, PASSWORD, _is_no_path) if is_told else None


def _token(scan: Scan, at: int, end: int) -> Candidate | None:
    begin, named = _behind(scan, at, end)
    return found_value(scan, begin, named, GENERIC, _is_key) if begin > end else None


def _key(scan: Scan, at: int, end: int) -> Candidate | None:
    begin, named = _behind(scan, at, end)
    if begin <= end or scan.folded.endswith(_PUBLIC, 0, at):
        return None
    return found_value(scan, begin, named, GENERIC, _is_long_key)


def _code(scan: Scan, at: int, end: int) -> Candidate | None:
    begin, named = _behind(scan, at, end)
    if begin <= end:
        return None
    recovers, between = scan.folded[at:end] in _OF_RECOVERY, scan.folded[end:begin]
    if recovers and between.endswith("\n"):  # below a sentence about them
        return codes.read(scan, begin, with_letters=True)
    if scan.folded.find(_FULL_STOP, named, begin) >= 0 or any(each in between for each in _ELSEWHERE):
        return None
    if between.startswith(_ASKED) and ":" not in between:
        return None
    return codes.read(scan, begin, with_letters=recovers)


def _called(scan: Scan, at: int, end: int) -> Candidate | None:  # noqa: ARG001
    found = codes.before(scan, at, in_japanese=True)
    return found if found and codes.leads_to_name(scan.folded[found.end : at], is_whole=True) else None


def _is_pin(value: bytes) -> bool:
    return value.isdigit() and len(value) >= _DIGITS


def _is_no_path(value: bytes) -> bool:
    return is_striking_password(value) and b"/" not in value and b"\\" not in value


def _is_key(value: bytes) -> bool:
    return is_token(value) or is_passphrase(value)


def _is_long_key(value: bytes) -> bool:
    return len(value) >= _LENGTH_OF_KEY and is_token(value)


_Look = Callable[[Scan, int, int], Candidate | None]
_LOOKS: Final[dict[str, tuple[_Look, ...]]] = {
    **dict.fromkeys(_PASSWORDS, (_password, behind.japanese, clauses.behind, clauses.before)),
    **dict.fromkeys(_PINS, (_pin, _password, behind.japanese)),
    **dict.fromkeys(_TOKENS, (_token, clauses.key)),
    **dict.fromkeys((*_CODES, *_OF_RECOVERY), (_code, _password, _called)),
    **dict.fromkeys(_LOGINS, (clauses.behind, clauses.before)),
    _SHORT: (_short,),
    _KEY: (_key,),
}
_WORDS: Final = tuple(_LOOKS)
_AUTOMATON: Final = AhoCorasick(_WORDS, matchkind=MatchKind.LeftmostLongest, implementation=Implementation.DFA)
