"""The same in Japanese: パスワードは… です, 「APIキー」は…, 「…」. Kana and kanji end a value as white space does."""

from typing import Final

from ahocorasick_rs import AhoCorasick, MatchKind

from llmgateway.guardrails.secrets import behind
from llmgateway.guardrails.secrets.context import GENERIC, PASSWORD, found_value, is_striking_password
from llmgateway.guardrails.secrets.scan import Candidate, Scan, compiled
from llmgateway.guardrails.secrets.strength import is_password_in_prose, is_token
from llmgateway.wire.lexicon import hits
from llmgateway.wire.view import View

_PASSWORDS: Final = (
    *(
        "パスワード",
        "パスフレーズ",
        "パスコード",
        "暗証番号",
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
)
_PIN: Final = "暗証番号"
_SHORT: Final = "パス"  # also a path
_DIGITS: Final = 4  # of the shortest number that is a password
_TOKENS: Final = (
    *("トークン", "シークレット", "クレデンシャル", "アクセスキー", "シークレットキー", "認証キー", "暗号化キー"),
    *("共有キー", "サービスキー", "秘密キー", "ストレージキー", "アカウントキー", "秘密鍵", "署名鍵", "暗号鍵"),
    *("APIキー", "APIのキー", "API キー"),
)
_WORDS: Final = (*_PASSWORDS, *_TOKENS, _SHORT)
_AUTOMATON: Final = AhoCorasick(_WORDS, matchkind=MatchKind.LeftmostLongest)
_GAP: Final = compiled(rb"[? \t\n:=\"'`*(\[|>-]{1,24}")
_ASSIGNED: Final = frozenset((":", ": ", " : ", "は", "は ", "=", " = "))
_BELOW: Final = ("以下", "下記")  # where the value stands behind a full stop
_FULL_STOP: Final = "。"
_MOST_KANA: Final = 14


def may_have(view: View) -> bool:
    """Whether there is such a word in a text."""
    return not view.text.isascii() and bool(hits(_AUTOMATON, view.folded))


def candidates(scan: Scan) -> list[Candidate]:
    """What Japanese words name."""
    if scan.folded.isascii():
        return []
    named = hits(_AUTOMATON, scan.folded)
    found = [_candidate(scan, at, end, which < len(_PASSWORDS)) for which, at, end in named]
    found += [behind.japanese(scan, at, end) for which, at, end in named if which < len(_PASSWORDS)]
    return [each for each in found if each]


def _candidate(scan: Scan, at: int, end: int, is_of_passwords: bool) -> Candidate | None:  # noqa: FBT001
    begin = max(end, _GAP.ends(scan.octets, end))
    between = scan.folded[end:begin]
    if sum(not each.isascii() for each in between) > _MOST_KANA:
        return None
    word = scan.folded[at:end]
    if any(each in between for each in _BELOW):
        at = max(at, end + between.rfind(_FULL_STOP) + 1)
    if word == _SHORT:
        return found_value(scan, begin, at, PASSWORD, is_striking_password) if between in _ASSIGNED else None
    if word == _PIN and between and (pin := found_value(scan, begin, at, PASSWORD, _is_pin)):
        return pin
    if is_of_passwords:
        return found_value(scan, begin, at, PASSWORD, is_password_in_prose if between else is_striking_password)
    return found_value(scan, begin, at, GENERIC, is_token) if between else None


def _is_pin(value: bytes) -> bool:
    return value.isdigit() and len(value) >= _DIGITS
