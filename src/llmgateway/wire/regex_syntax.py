"""RE2's syntax, read as far as it takes to know what an expression may be in the middle of.

An expression comes here after RE2 has compiled it, so only its parts are told apart; what they mean stays with RE2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_POSIX_END: Final = ":]"
_ASSERTIONS: Final = frozenset("bB")
_REFUSED: Final = {
    "A": "\\A stands for a text's beginning, which a stream has no part of: use ^, a line's beginning",
    "z": "\\z stands for a text's end, which a stream has no part of: use $, a line's end",
    "C": "\\C stands for a part of a character",
}


class SyntaxRefusedError(ValueError):
    """An expression whose meaning in a stream would not be what it is in a whole text. The sentence says why."""


@dataclass(frozen=True, slots=True)
class Atom:
    """What takes exactly one character."""

    source: str


@dataclass(frozen=True, slots=True)
class Assertion:
    """What takes none, and may need to see the next one."""

    source: str


@dataclass(frozen=True, slots=True)
class Concat:
    """One after the other; none at all is the empty expression."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of them."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """From `least` to `most` times; `most` None is without end. `lazy` is "?" or ""."""

    part: "Node"
    least: int
    most: int | None
    lazy: str


@dataclass(frozen=True, slots=True)
class Scope:
    """A group with flags of its own."""

    flags: str
    part: "Node"


Node = Atom | Assertion | Concat | Choice | Repeat | Scope


def parse(source: str) -> Node:
    """Read an expression that RE2 accepts. SyntaxRefusedError: it cannot be kept honest in a stream."""
    return _Parser(source).whole()


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0

    def whole(self) -> Node:
        node = self._choice()
        if self._at < len(self._source):
            raise SyntaxRefusedError(f"it is not understood from its character {self._at + 1} on")
        return node

    def _choice(self) -> Node:
        flags = self._leading_flags()
        parts = [self._concat()]
        while self._take("|"):
            parts.append(self._concat())
        node = parts[0] if len(parts) == 1 else Choice(tuple(parts))
        return Scope(flags, node) if flags else node

    def _concat(self) -> Node:
        parts: list[Node] = []
        while self._at < len(self._source) and self._source[self._at] not in "|)":
            parts += self._items()
        return parts[0] if len(parts) == 1 else Concat(tuple(parts))

    def _items(self) -> Sequence[Node]:
        """One item with its repeats; a quoted run of literals is several, and a repeat belongs to the last of them."""
        *before, last = self._item() or [Concat(())]
        return [*before, self._repeated(last)]

    def _item(self) -> list[Node]:
        char = self._source[self._at]
        if char == "\\":
            return self._escape()
        if char == "[":
            return [Atom(self._class())]
        if char == "(":
            return [self._group()]
        self._at += 1
        return [Assertion(char) if char in "^$" else Atom(char)]

    def _group(self) -> Node:
        self._at += 1
        flags = ""
        if self._take("?"):
            if self._source[self._at] in "P<":
                self._at = self._source.index(">", self._at) + 1
            else:
                end = self._at + min(self._distance(":"), self._distance(")"))
                flags = self._flags(self._source[self._at : end])
                if self._source[end] == ")":
                    raise SyntaxRefusedError("flags such as (?i) may stand only at the beginning of it or of a group")
                self._at = end + 1
        node = self._choice()
        self._at += 1
        return Scope(flags, node)

    def _leading_flags(self) -> str:
        start = self._at
        if not self._source.startswith("(?", start) or self._source[start + 2] in "P<:":
            return ""
        end = self._source.index(")", start)
        written = self._source[start + 2 : end]
        if ":" in written:
            return ""
        self._at = end + 1
        return self._flags(written)

    @staticmethod
    def _flags(written: str) -> str:
        if "m" in written.partition("-")[2]:
            raise SyntaxRefusedError("^ and $ stand for a line's beginning and end; the flag m cannot be taken away")
        return written

    def _distance(self, char: str) -> int:
        found = self._source.find(char, self._at)
        return len(self._source) if found < 0 else found - self._at

    def _escape(self) -> list[Node]:
        char = self._source[self._at + 1]
        if char in _REFUSED:
            raise SyntaxRefusedError(_REFUSED[char])
        if char == "Q":
            return self._quoted()
        source = self._escaped()
        return [Assertion(source) if char in _ASSERTIONS else Atom(source)]

    def _quoted(self) -> list[Node]:
        end = self._source.find("\\E", self._at)
        text = self._source[self._at + 2 : len(self._source) if end < 0 else end]
        self._at = len(self._source) if end < 0 else end + 2
        return [Atom(f"\\x{{{ord(char):x}}}") for char in text]

    def _escaped(self) -> str:
        """Take one escape: a letter, a sign, \\p{Name}, \\x{hex}, \\xhh or up to three octal digits."""
        start = self._at
        char = self._source[start + 1]
        self._at += 2
        if char in "pPx" and self._take("{"):
            self._at = self._source.index("}", self._at) + 1
        elif char in "pP":
            self._at += 1
        elif char == "x":
            self._at += 2
        elif char in "01234567":
            while self._at < start + 4 and self._source[self._at : self._at + 1] in set("01234567"):
                self._at += 1
        return self._source[start : self._at]

    def _class(self) -> str:
        start = self._at
        self._at += 1
        self._take("^")
        self._take("]")
        while self._source[self._at] != "]":
            if self._source[self._at] == "\\":
                self._escaped()
            elif self._source.startswith("[:", self._at) and _POSIX_END in self._source[self._at :]:
                self._at = self._source.index(_POSIX_END, self._at) + 2
            else:
                self._at += 1
        self._at += 1
        return self._source[start : self._at]

    def _repeated(self, node: Node) -> Node:
        while (bounds := self._bounds()) is not None:
            node = Repeat(node, *bounds, "?" if self._take("?") else "")
        return node

    def _bounds(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return bounds
        if not self._source.startswith("{", self._at):
            return None
        end = self._source.find("}", self._at)
        least, comma, most = self._source[self._at + 1 : max(end, 0)].partition(",")
        if not least.isdecimal() or not (most.isdecimal() or not most):
            return None  # a brace that is only a brace
        self._at = end + 1
        return int(least), int(most) if most else (None if comma else int(least))

    def _take(self, text: str) -> bool:
        if not self._source.startswith(text, self._at):
            return False
        self._at += len(text)
        return True
