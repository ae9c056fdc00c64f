"""Passwords and keys in tables, where a column is called what only these are: `password`, `パスワード`, `API key`."""

from collections.abc import Iterator
from typing import Final

from llmgateway.guardrails.secrets.context import GENERIC, PASSWORD
from llmgateway.guardrails.secrets.scan import Candidate, Judge
from llmgateway.guardrails.secrets.strength import is_password_in_prose, is_token
from llmgateway.wire import rows
from llmgateway.wire.heads import Hints
from llmgateway.wire.view import View

_LONGEST: Final = 128  # characters of a value
_OF_PASSWORDS: Final = "password passwd passphrase passcode passwort パスワード パスフレーズ パスコード 暗証番号"
_PASSWORDS: Final = tuple(_OF_PASSWORDS.split())
_SHORT: Final = frozenset(("pwd", "pw", "パス"))  # that are passwords' beside who logs in where
_OF_LOGINS: Final = (
    "user login account host server mail email ユーザ アカウント サービス サーバ メール ログイン ホスト 名前 氏名"
)
_BESIDE: Final = tuple(_OF_LOGINS.split())
_OF_KEYS: Final = """
apikey secretkey accesskey apitoken accesstoken authtoken clientsecret secretaccesskey apiトークン
アクセストークン apiキー シークレットキー アクセスキー シークレット 秘密鍵
"""
_KEYS: Final = tuple(_OF_KEYS.split())
_HINTS: Final = Hints(
    "pass", "pw", "key", "token", "secret", "パス", "暗証", "トークン", "シークレット", "キー", "秘密鍵"
)
_FEWEST: Final = 2  # columns of a table
_MOST: Final = 20  # characters of a column's name
_MARKS: Final = str.maketrans("", "", " _-*")


def candidates(view: View) -> Iterator[Candidate]:
    """What stands in such columns and may be what they are called."""
    if not may_have(view):
        return
    for start, end, kind in rows.cells(view, 0, _columns):
        value = view.octets[start:end]
        if len(value) <= _LONGEST and b" " not in value and b"?" not in value and _JUDGES[kind](value):
            yield Candidate(start, 4, end, kind, 0.8)


def opening(view: View) -> int:
    """Where the value begins that the text ends with, if it is in such a column and may be all of its cell."""
    size = len(view.text)
    if not may_have(view):
        return size
    start, end = rows.tail(view, _columns)
    value = view.folded[start:end]
    return start if " " not in value and len(value) <= _LONGEST else size


def may_have(view: View) -> bool:
    """Whether there may be such a column: hardly any text has one."""
    return rows.has_head(view, _HINTS)


def _columns(names: tuple[str, ...]) -> dict[int, str]:
    """Which columns are called so; none in what is no head of several columns."""
    if sum(map(bool, names)) < _FEWEST:
        return {}
    bare = [*map(_bare, names)]
    has_login = any(name in ("id", "name") or name.startswith(_BESIDE) for name in bare)
    kinds = (_kind(name, has_login=has_login) for name in bare)
    return {at: kind for at, kind in enumerate(kinds) if kind}


def _kind(name: str, *, has_login: bool) -> str:
    if name.endswith(_PASSWORDS) or (has_login and name in _SHORT):
        return PASSWORD
    return GENERIC if name.endswith(_KEYS) else ""


def _bare(name: str) -> str:
    """A column's name without what it says in brackets behind it; nothing of one that is prose."""
    return name.lower().partition("(")[0].translate(_MARKS) if len(name) <= _MOST else ""


_JUDGES: Final[dict[str, Judge]] = {PASSWORD: is_password_in_prose, GENERIC: is_token}
