"""Passwords and keys in tables, where a column is called what only these are: `password`, `パスワード`, `API key`."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

from llmgateway.guardrails.secrets.context import GENERIC, PASSWORD
from llmgateway.guardrails.secrets.scan import Candidate
from llmgateway.guardrails.secrets.strength import Judge, is_password_in_prose, is_token
from llmgateway.wire import rows
from llmgateway.wire.view import View

_LONGEST: Final = 128  # characters of a value
_PASSWORDS: Final = (
    *(
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "passwort",
        "パスワード",
        "パスフレーズ",
        "パスコード",
        "暗証番号",
    ),
)
_SHORT: Final = frozenset(("pwd", "pw", "パス"))  # that are passwords' where a column is called nothing else
_KEYS: Final = (
    *("apikey", "secretkey", "accesskey", "apitoken", "accesstoken", "authtoken", "clientsecret", "secretaccesskey"),
    *("apiトークン", "アクセストークン", "apiキー", "シークレットキー", "アクセスキー", "シークレット", "秘密鍵"),
)
_ANY: Final = ("pass", "pw", "key", "token", "secret", "パス", "暗証", "トークン", "シークレット", "キー", "秘密鍵")
_FEWEST: Final = 2  # columns of a table
_MOST: Final = 20  # characters of a column's name
_MARKS: Final = str.maketrans("", "", " _-*")


def candidates(view: View) -> Iterator[Candidate]:
    """What stands in such columns and may be what they are called."""
    if not may_have(view):
        return
    for kind, columns, judge in _KINDS:
        for start, end in rows.cells(view, 0, columns):
            value = view.octets[start:end]
            if len(value) <= _LONGEST and b" " not in value and b"?" not in value and judge(value):
                yield Candidate(start, 4, end, kind, 0.8)


def opening(view: View) -> int:
    """Where the value begins that the text ends with, if it is in such a column and may be all of its cell."""
    size = len(view.text)
    if not may_have(view):
        return size
    last = size
    for _, columns, _ in _KINDS:
        *_, (start, end) = ((size, size), *rows.cells(view, size, columns))
        value = view.folded[start:end]
        if not view.folded[end:].strip(rows.AROUND) and " " not in value and len(value) <= _LONGEST:
            last = min(last, start)
    return last


def may_have(view: View) -> bool:
    """Whether there may be such a column: hardly any text has one."""
    if not rows.may_have(view):
        return False
    lowered = "\n".join((*view.above.heads, view.above.line, view.folded)).lower()
    return any(word in lowered for word in _ANY)


@lru_cache(maxsize=64)
def _passwords(names: tuple[str, ...]) -> frozenset[int]:
    return _of(names, lambda name: name in _SHORT or name.endswith(_PASSWORDS))


@lru_cache(maxsize=64)
def _keys(names: tuple[str, ...]) -> frozenset[int]:
    return _of(names, lambda name: name.endswith(_KEYS))


def _of(names: tuple[str, ...], is_called: Callable[[str], bool]) -> frozenset[int]:
    """Which columns are called so; none in what is no head of several columns."""
    if sum(map(bool, names)) < _FEWEST:
        return frozenset()
    return frozenset(at for at, name in enumerate(names) if is_called(_bare(name)))


def _bare(name: str) -> str:
    """A column's name without what it says in brackets behind it; nothing of one that is prose."""
    return name.lower().partition("(")[0].translate(_MARKS) if len(name) <= _MOST else ""


_KINDS: Final[tuple[tuple[str, rows.Columns, Judge], ...]] = (
    (PASSWORD, _passwords, is_password_in_prose),
    (GENERIC, _keys, is_token),
)
