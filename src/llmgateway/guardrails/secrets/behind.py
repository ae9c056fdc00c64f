"""Passwords before the words that call them so: `use X as your password`, `X is the password`, Xをパスワードにする.

A stream learns only behind a value what it is: so one that looks like a password waits while such words may follow.
"""

from collections.abc import Iterable
from typing import Final

from llmgateway.guardrails.secrets.context import PASSWORD, is_striking_password
from llmgateway.guardrails.secrets.scan import RUN, Candidate, Scan, of_class
from llmgateway.guardrails.secrets.strength import has_digit, up_to_digit
from llmgateway.wire.expression import Expression, begun
from llmgateway.wire.view import SEPARATOR, View

_BACK: Final = 160  # characters of a value and the words behind it; a value and its words have fewer
_AHEAD: Final = 32  # characters of the word, and behind it, that decide
_WORDS: Final = ("password", "passphrase", "passcode", "passwd", "pwd")
LINKS: Final = ("as", "is", "was", "to be")
_BETWEEN: Final = (
    *("a", "an", "the", "your", "my", "our", "his", "her", "their", "its", "new", "old", "current", "default", "temp"),
    *("temporary", "initial", "shared", "admin", "root", "login", "master", "wifi", "wi-fi", "account", "user", "test"),
    *("db", "database", "server", "vpn", "guest", "wlan", "real", "actual", "correct", "secret", "first", "same"),
)
_AFTER: Final = (
    *("for", "to", "when", "on", "in", "at", "and", "if", "until", "till", "then", "now", "here", "but", "so", "or"),
    *("with", "from", "of", "instead", "please", "there", "today", "too", "again", "because", "which", "that", "you"),
    *("we", "i", "everywhere", "next", "this"),
)
_JAPANESE_WORDS: Final = ("パスワード", "パスフレーズ", "パスコード", "暗証番号", "合言葉")
_OF_JAPANESE: Final = """
新しい 新 仮の 仮 初期 共通の 共通 一時的な 一時 ログイン 管理者の 管理者 今の 現在の 私の 共有 既定の
デフォルトの 次の 今回の Wi-Fiの
"""
_ADJECTIVES: Final = tuple(_OF_JAPANESE.split())
_FOLLOWS: Final = ("とし", "とす", "とな", "と設", "に", "です", "でし", "でご", "だ")
# before a value that needs no article behind
_TOLD: Final = ("use", "using", "enter", "type", "try", "set", "with", "and")


def _any(words: Iterable[str]) -> str:
    return "|".join(words)


def _compiled(pattern: str) -> Expression:
    return Expression(pattern.encode(), latin=False)


_SIGNS: Final = of_class("".join(each for each in RUN if each not in "?,;<>\x1a")).decode()
_VALUE: Final = rf"(?:\A|[^{of_class(RUN).decode()[1:-1]}])({_SIGNS}{{8,64}})[\"'`」』]{{0,2}}"
_ARTICLES: Final = rf"(?:(?:{_any(_BETWEEN)}) )"
_CALLED: Final = rf"(?i: (?:{_any(LINKS)}) {_ARTICLES}{{1,4}}| \({_ARTICLES}{{0,1}})"
_BEFORE: Final = _compiled(rf"{_VALUE}{_CALLED}\z")
_TOLD_TO: Final = _compiled(rf"(?:\A|[^A-Za-z])(?i:{_any(_TOLD)}) [\"'`]?({_SIGNS}{{8,64}})[\"'`]? as \z")
_WORD: Final = _compiled(
    rf"(?i:{_any(_WORDS)})(?:\z|[^A-Za-z0-9_ -]| (?:\z|[^A-Za-z0-9]|(?i:{_any(_AFTER)})(?:\z|[^A-Za-z0-9_-])))"
)
_JAPANESE: Final = _compiled(rf"{_VALUE} ?[をが] ?(?:{_any(_ADJECTIVES)}){{0,2}}\z")
_OPEN: Final = _compiled(
    rf"{_VALUE}(?:(?i: ?| (?:{begun(LINKS)})| (?:(?:{_any(LINKS)}) |\(){_ARTICLES}{{0,4}}"
    rf"(?:{begun((*_BETWEEN, *_WORDS))}|(?:{_any(_WORDS)}) (?:{begun(_AFTER)})?)?)"
    rf"| ?[をが] ?(?:{_any(_ADJECTIVES)}){{0,2}}"
    rf"(?:{begun((*_ADJECTIVES, *_JAPANESE_WORDS))}|(?:{_any(_JAPANESE_WORDS)})(?:{begun(_FOLLOWS)}))?)\z"
)
_LEADS: Final = (*(f" {each}".encode() for each in LINKS), b" (")
_NEAR: Final = frozenset(each.encode() for each in (*_BETWEEN, "as"))
_LONGEST_NEAR: Final = 2 + max(map(len, _NEAR))
_CLOSING: Final = "\"'`」』"
_FIRST: Final = frozenset(link[:size] for link in ("as", "is", "was", "to") for size in range(len(link) + 1))
_SIGNS_FIRST: Final = frozenset("(をが")
_TRAILING: Final = b".:!)]}*_"
_LEADING: Final = b"*_([{"


def candidate(scan: Scan, at: int, *, is_japanese: bool = False) -> Candidate | None:
    """The password before the word at `at`."""
    low = max(0, at - _BACK)
    before = scan.folded[low:at].rpartition(SEPARATOR)[2].encode("utf-8", "replace")
    found = _JAPANESE.search(before) if is_japanese else _BEFORE.search(before) or _TOLD_TO.search(before)
    if found is None:
        return None
    value, start = found.group(1), at - len(before[found.start(1) :].decode())
    if not _is_password(value):
        return None
    start += len(value) - len(value.lstrip(_LEADING))
    return Candidate(start, 4, start + len(value.strip(_LEADING).rstrip(_TRAILING)), PASSWORD, 0.8)


def japanese(scan: Scan, at: int, end: int) -> Candidate | None:
    """The same of a word in Japanese, which stands at `text[at:end]`."""
    end += scan.folded.startswith("ワード", end) * len("ワード")
    word = scan.folded[at:end]
    if not scan.folded.startswith(_FOLLOWS, end) or not word.endswith(_JAPANESE_WORDS):
        return None
    at = end - next(len(each) for each in _JAPANESE_WORDS if word.endswith(each))
    return candidate(scan, at, is_japanese=True)


def opening(view: View) -> int:
    """Where a value begins that words may follow which call it a password; the text's end if none does."""
    size = len(view.text)
    low = max(0, size - _BACK)
    if not _may_be_open(view, low):
        return size
    low = max(low, view.folded.rfind(SEPARATOR, low) + 1)
    raw = view.folded[low:].encode("utf-8", "replace")
    found = _OPEN.search(raw)
    if found is None or not _is_password(found.group(1)):
        return size
    return low + len(raw[: found.start(1)].decode())


def _may_be_open(view: View, low: int) -> bool:
    """A quick look: whether behind the last digit, which such a value has, there is how such words may begin."""
    stem = up_to_digit(view.octets[low:])
    rest = view.folded[low + len(stem) :].lstrip(RUN)
    if not (stem and rest):  # a run that the text ends with waits by itself
        return False
    rest = rest.lstrip(_CLOSING)
    word = rest[rest[:1] == " " :].partition(" ")[0]
    return word.lower() in _FIRST or word[0] in _SIGNS_FIRST


def _is_password(value: bytes) -> bool:
    value = value.strip(_LEADING).rstrip(_TRAILING)
    is_address = b"@" in value and b"." in value.rpartition(b"@")[2]
    return has_digit(value) and is_striking_password(value) and not is_address and b"://" not in value


def detect(scan: Scan, at: int) -> Candidate | None:
    """The password that the word at `at` calls so, in English, if one stands before it."""
    if not _may_be_called(scan.octets, at):
        return None
    called = scan.folded[at : at + _AHEAD].encode("utf-8", "replace")
    return candidate(scan, at) if _WORD.ends(called) >= 0 else None


def _may_be_called(octets: bytes, at: int) -> bool:
    """Whether what is right before a word may lead from a value to it."""
    before = octets[at - 1 : at]
    if before != b" ":
        return before == b"(" and octets[at - 2 : at - 1] == b" "
    near = octets[max(0, at - _LONGEST_NEAR) : at - 1].lower()
    if near[max(near.rfind(b" "), near.rfind(b"(")) + 1 :] not in _NEAR:
        return False
    near = octets[max(0, at - _BACK // 2) : at].lower()
    return any(each in near for each in _LEADS)
