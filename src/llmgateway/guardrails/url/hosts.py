"""Which host a link leads to, as a browser reads it, and whether it is allowed.

What is not surely an allowed host is not one: no odd spelling of an address has to be understood to be refused.
"""

from collections.abc import Iterable
from typing import Final

MAX_AUTHORITY: Final = 200
"""Characters of user, host and port. A link whose host has not ended by then is not waited for, nor allowed."""

_ENDS: Final = frozenset('/\\?#<>"` \t\r\n\v\f\x1f')
_USUAL: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."
_CLOSERS: Final = {"(": ")", "[": "]", "{": "}", "'": "'", "*": "*", "|": "|"}
_OPENERS: Final = frozenset("(<\"'=")  # what stands before a link in Markdown, HTML and CSS
_TRAILING: Final = ".,;:!*_~'\")]}|"
_DOTS: Final = {0x3002: ".", 0xFF61: "."}  # a browser takes them for dots in a host
_HOST_SIGNS: Final = frozenset("-._")


class Hosts:
    """The hosts that an operator allows: `example.com` is that one, `*.example.com` are all under it."""

    def __init__(self, allowed: Iterable[str]) -> None:
        names = [name.lower() for name in allowed]
        self._names = frozenset(name for name in names if not name.startswith("*."))
        self._ends = tuple(name[1:] for name in names if name.startswith("*."))

    def allow(self, host: str) -> bool:
        """Tell whether this very host is allowed."""
        return host in self._names or (host.endswith(self._ends) and all(map(_in_a_name, host)))


def authority(text: str, before: str) -> tuple[str, bool]:
    """Take what stands for user, host and port at the beginning of a folded text, and whether it surely ends there.

    `before` is the character before the whole link: what it opens, its counterpart closes. Japanese prose has no blank
    after a link, so there a sign that is neither a letter nor ASCII ends it too.
    """
    rest = text.lstrip(_USUAL)
    if rest and rest[0] in _ENDS and len(text) - len(rest) < MAX_AUTHORITY:  # all but always
        return text[: len(text) - len(rest)], True
    closer = _CLOSERS.get(before, " ")
    prose = before not in _OPENERS
    for at, char in enumerate(text[:MAX_AUTHORITY]):
        if char in _ENDS or char == closer or (prose and _is_a_sign_of_prose(char)):
            return text[:at], True
    return text[:MAX_AUTHORITY], len(text) > MAX_AUTHORITY


def host(written: str, before: str) -> str:
    """Read the host out of an authority: what follows the last @, without the port and a sentence's own signs."""
    name = written.rpartition("@")[2].translate(_DOTS).lower()
    if name.startswith("["):  # an address of IPv6
        return name[: name.find("]") + 1]
    name = name.rstrip(_TRAILING).partition(":")[0].rstrip(_TRAILING)
    return name if name.isascii() or before in _OPENERS else _until_prose(name)


def _in_a_name(char: str) -> bool:
    return char.isalnum() or char in _HOST_SIGNS


def _is_a_sign_of_prose(char: str) -> bool:
    return not char.isascii() and not char.isalnum() and ord(char) not in _DOTS


def _until_prose(name: str) -> str:
    """Cut where prose goes on right after a host; a name whose last label is ASCII, as hosts' are, is kept whole."""
    if name.rpartition(".")[2].isascii():
        return name
    return name[: next(at for at, char in enumerate(name) if not char.isascii())].rstrip(_TRAILING) or name
