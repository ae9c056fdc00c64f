"""The hold-back for JSON that a model writes piece by piece: the arguments of a call.

Strings are judged as what they say, not as they are written, and written anew only where something is replaced. What
stands outside of strings is judged too: a number may be a card's, and nobody promises that a model writes JSON.
"""

import re
from collections import deque
from collections.abc import Callable
from typing import Final

from llmgateway.guarding.holdback import Part
from llmgateway.guarding.unescaping import OPENINGS, Unescaping
from llmgateway.wire.jsoncodec import JsonError, decode, encode
from llmgateway.wire.jsontexts import unescaped
from llmgateway.wire.view import CONTEXT, SEPARATOR, shown

_HEX: Final = 6  # characters of \uXXXX
_PAIR: Final = 12
WORTH: Final = 64  # characters from which it is worth a look whether there are strings that are whole
LEAP: Final = 2048  # characters: so many are judged at once where strings are whole, which costs less than one by one
_STRING: Final = re.compile(r'([^"]*+)"((?:[^"\\]|\\.)*+)"', re.DOTALL)  # and what stands before it
# Escapes that mean one character each, and what stands between them: no half of a pair, nothing that is no JSON.
_RUN: Final = re.compile(r'(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4})++')
_LONG: Final = re.compile(r"[0-9]{4}")  # a number that may be something, with its name
_CHARACTER: Final = re.compile(r"\\u....|\\.|.", re.DOTALL)


class JsonHoldBack:
    """Feed it JSON text as it comes, and pass on what it gives: (text, whether it was replaced) by turns.

    `make` makes a hold-back for each text inside, given what stands before it: a value is judged beside its name.
    `is_clean` says of several texts between separators that nothing is found in any of them. Raises Blocked as a
    hold-back does.
    """

    __slots__ = ("_escape", "_hold", "_in_string", "_is_clean", "_is_fresh", "_is_named", "_last", "_make", "_sources")

    def __init__(self, make: Callable[[str], Unescaping], is_clean: Callable[[str], bool]) -> None:
        self._make = make
        self._is_clean = is_clean
        self._is_fresh = True  # the hold-back has seen nothing yet
        self._hold = make("")
        self._in_string = False
        self._last = ""  # the end of the last string
        self._is_named = False  # it was a name, and what follows is its value
        self._escape = ""  # what has come of an escape sequence
        self._sources: deque[str] = deque()  # how each held character was written

    def feed(self, text: str) -> list[Part]:
        """Take the next characters; give what may go on, as JSON text. `length` counts characters as written."""
        out: list[Part] = []
        at = judged = 0
        while at < len(text):
            if self._is_fresh and not self._in_string and judged <= at < len(text) - WORTH:
                at, judged = self._leap(text, at, out)
            at = self._inside(text, at, out) if self._in_string else self._outside(text, at, out)
        return out

    def decide(self) -> list[Part]:
        """Give the rest, as if nothing followed; if something does, it is judged beside it still."""
        out: list[Part] = []
        self._write(self._hold.decide(), out)
        return out

    def finish(self) -> list[Part]:
        """Nothing follows: give the rest."""
        out: list[Part] = []
        if self._escape:
            self._judge([self._escape], self._escape, out)
            self._escape = ""
        self._end(out)
        return out

    def _leap(self, text: str, at: int, out: list[Part]) -> tuple[int, int]:
        """Pass strings that are here whole, with what stands between them, if nothing is found in any of them.

        Gives where to go on, and up to where that is known: there it has to be looked at one by one.
        """
        texts: list[str] = []
        end, last, is_named = at, self._last, self._is_named
        while end - at < LEAP and (found := _STRING.match(text, end)) is not None:
            between, raw = found.groups()
            said = _said(raw)
            if said is None:
                break
            is_named = ":" in between or (is_named and not between.strip())
            texts += (
                f'{last}"{between}' if _LONG.search(between) else between,
                f'{last}": "{said}' if is_named else said,
            )
            if "\\" in said and said.lstrip()[:1] in OPENINGS:
                texts.append(unescaped(said))  # it may be JSON
            end, last, is_named = found.end(), said[-CONTEXT:], False
        if end == at or not self._is_clean(SEPARATOR.join(map(shown, texts))):
            return at, max(end, at + 1)
        out.append(Part(text[at:end], end - at))
        self._last, self._is_named = last, False
        return end, end

    def _outside(self, text: str, at: int, out: list[Part]) -> int:
        quote = text.find('"', at)
        end = len(text) if quote < 0 else quote
        if end > at:
            between = text[at:end]
            self._is_named = ":" in between or (self._is_named and not between.strip())
            self._judge(list(between), between, out)
        if quote >= 0:
            self._turn(out, in_string=True)
            return quote + 1
        return end

    def _inside(self, text: str, at: int, out: list[Part]) -> int:
        if self._escape:
            return self._escaped(text, at, out)
        quote, slash = text.find('"', at), text.find("\\", at)
        end = min((place for place in (quote, slash) if place >= 0), default=len(text))
        if end == slash and (found := _RUN.match(text, at)) is not None and found.end() > slash:
            self._judge(_CHARACTER.findall(found[0]), str(decode(f'"{found[0]}"')), out)
            return found.end()
        if end > at:
            self._judge(list(text[at:end]), text[at:end], out)
        if end == len(text):
            return end
        if end == quote:
            self._turn(out, in_string=False)
        else:
            self._escape = "\\"
        return end + 1

    def _escaped(self, text: str, at: int, out: list[Part]) -> int:
        """Take one more character of an escape sequence; what it stands for is judged once it is whole."""
        if self._is_alone(text[at]):
            half, self._escape = self._escape[:_HEX], self._escape[_HEX:]
            self._judge(list(half), half, out)
            return at
        self._escape += text[at]
        said = _unescaped(self._escape)
        if said is not None:
            source, self._escape = self._escape, ""
            self._judge([source] if len(said) == 1 else list(said), said, out)
        return at + 1

    def _is_alone(self, following: str) -> bool:
        """Whether the half of a pair that has come is not followed by its other half."""
        if len(self._escape) < _HEX or "\\u".startswith((self._escape + following)[_HEX : _HEX + 2]):
            return False
        return len(self._escape) <= _HEX + 1

    def _turn(self, out: list[Part], *, in_string: bool) -> None:
        self._end(out)
        out.append(Part('"', 1))
        self._hold = self._make(self._context(in_string=in_string))
        self._in_string, self._is_fresh = in_string, True
        if in_string:
            self._last = ""
        else:
            self._is_named = False

    def _context(self, *, in_string: bool) -> str:
        """What stands before a value: its name. Whether the last string was the name of what is no string, nobody knows
        before the colon.
        """
        if in_string:
            return f'{self._last}": "' if self._is_named else ""
        return f'{self._last}"'

    def _end(self, out: list[Part]) -> None:
        self._write(self._hold.finish(), out)

    def _judge(self, sources: list[str], said: str, out: list[Part]) -> None:
        self._is_fresh = False
        if self._in_string:
            self._last = (self._last + said)[-CONTEXT:]
        self._sources.extend(sources if len(sources) == len(said) else said)
        self._write(self._hold.feed(said), out)

    def _write(self, parts: list[Part], out: list[Part]) -> None:
        for part in parts:
            source = "".join([self._sources.popleft() for _ in range(part.length)])
            if not part.is_replaced:
                out.append(Part(source, len(source)))
                continue
            text = encode(part.text).decode() if part.text else ""
            out.append(Part(text[1:-1] if self._in_string else text, len(source), is_replaced=True))


def _said(raw: str) -> str | None:
    """What a string says that is written so; None where it is none of JSON's."""
    if "\\" not in raw:
        return raw
    try:
        return str(decode(f'"{raw}"'))
    except JsonError:
        return None


def _unescaped(escape: str) -> str | None:
    """What an escape sequence says; None while more of it must come. One that makes no sense says itself."""
    if len(escape) < 2:
        return None
    if escape[1] != "u":
        return _decoded(escape)
    if len(escape) < _HEX:
        return None
    if escape[2:4].lower() not in {"d8", "d9", "da", "db"}:
        return _decoded(escape)
    if len(escape) < _PAIR and "\\u".startswith(escape[_HEX : _HEX + 2]):
        return None
    return _decoded(escape)


def _decoded(escape: str) -> str:
    try:
        return str(decode(f'"{escape}"'))
    except JsonError:
        return escape
