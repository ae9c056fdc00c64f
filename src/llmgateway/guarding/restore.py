"""Put values back where a reply speaks of their placeholders, in whole texts and in streams.

Models repeat placeholders with small changes: other case, other brackets, blanks, a backslash before the underscore.
Some programs that write JSON escape the brackets.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

import re2

from llmgateway.guarding.placeholders import Placeholders
from llmgateway.wire.jsoncodec import JsonError, decode, encode
from llmgateway.wire.jsontexts import literals, rewritten

MAX_PLACEHOLDER: Final = 64
_OPEN: Final = "<\uff1c\u3008\u300a"  # also the full-width one, and those of East Asian quotations
_CLOSE: Final = ">\uff1e\u3009\u300b"
_BARE: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_\\"
_NAME: Final = r"[A-Za-z0-9]+(?:\\{0,2}_[A-Za-z0-9]+)*\\{0,2}_[0-9]{1,5}"
_BRACKETED: Final = rf"(?:[{_OPEN}]|\\{{1,4}}u003[cC])[ `]{{0,2}}({_NAME})[ `]{{0,2}}(?:[{_CLOSE}]|\\{{1,4}}u003[eE])"
_PLACEHOLDER: Final = re2.compile(rf"{_BRACKETED}|([A-Z0-9]+(?:\\{{0,2}}_[A-Z0-9]+)*\\{{0,2}}_[0-9]{{1,5}})")
_OPENING: Final = re.compile(r"\\{1,4}u003[cC]")
_HALF: Final = re.compile(r"\\{1,4}(?:u(?:0(?:0(?:3)?)?)?)?\Z")  # the beginning of an escaped bracket
_LONGEST: Final = 8  # characters of one
_FOLLOWING: Final = {"{": '"}', "[": '[{"]-0123456789tfn'}
"""What JSON begins with that holds strings, and what may come next."""
_ENDS: Final = (*_CLOSE, "u003e", "u003E")


def _as_it_is(value: str) -> str:
    return value


def in_json(value: str) -> str:
    """A value as a string of a JSON text has it."""
    return encode(value).decode()[1:-1]


def restored(text: str, placeholders: Placeholders, written: Callable[[str], str] = _as_it_is) -> str:
    """The text with every placeholder of this exchange replaced by its value, which is `written` so there."""
    if not placeholders.values or "_" not in text:
        return text
    pieces: list[str] = []
    at = 0
    for found in _PLACEHOLDER.finditer(text):
        name = found.group(1) or found.group(2)
        value = placeholders.values.get(name.replace("\\", "").casefold())
        if value is not None:
            pieces += (text[at : found.start()], written(value))
            at = found.end()
    pieces.append(text[at:])
    return "".join(pieces)


def placeholders_in(text: str, placeholders: Placeholders) -> Iterator[tuple[int, int]]:
    """Where the placeholders of this exchange stand in a text."""
    if placeholders.values and "_" in text:
        for found in _PLACEHOLDER.finditer(text):
            if (found.group(1) or found.group(2)).replace("\\", "").casefold() in placeholders.values:
                yield found.span()


def names_in(text: str) -> Iterator[str]:
    """What a text has that looks like a placeholder's name, as `Placeholders.avoid` takes it."""
    if "_" in text:
        for found in _PLACEHOLDER.finditer(text):
            yield (found.group(1) or found.group(2)).replace("\\", "").casefold()


def restored_json(body: bytes, placeholders: Placeholders) -> bytes:
    """The same in every string of a document, and in JSON inside of strings."""
    if not placeholders.values:
        return body
    found = literals(body)
    said = {}
    for index, literal in enumerate(found):
        text = _restored_text(literal.text, placeholders)
        if text != literal.text:
            said[index] = text
    return rewritten(body, said, found) if said else body


def _restored_text(text: str, placeholders: Placeholders) -> str:
    if text.lstrip()[:1] in {"{", "["}:
        try:
            decode(text)
        except JsonError:
            pass
        else:
            return restored_json(text.encode(), placeholders).decode()
    return restored(text, placeholders)


class Restorer:
    """The same for a text that comes in pieces: holds back what may be the beginning of a placeholder.

    `is_json`: values are written as strings of JSON have them, as in a text that begins as JSON does.
    """

    __slots__ = ("_held", "_is_json", "_opening", "_placeholders")

    def __init__(self, placeholders: Placeholders, *, is_json: bool = False) -> None:
        self._placeholders = placeholders
        self._held = ""
        self._is_json = True if is_json else None  # None: it has not begun
        self._opening = ""  # what it begins with

    def feed(self, text: str) -> str:
        """Take the next piece; give what may go on."""
        if not self._placeholders.values:
            return text
        if self._is_json is None and (begun := text.lstrip()):
            self._begin(begun)
        text = self._held + text
        cut = self._cut(text)
        self._held = text[cut:]
        return self._restored(text[:cut])

    def finish(self) -> str:
        """Nothing follows: give the rest."""
        text, self._held = self._held, ""
        return self._restored(text)

    def _begin(self, text: str) -> None:
        """Look at what is no blank until it is known whether a text begins as JSON does, or as "[Note] …"."""
        if not self._opening:
            self._opening, text = text[0], text[1:].lstrip()
        if self._opening not in _FOLLOWING:
            self._is_json = False
        elif text:
            self._is_json = text[0] in _FOLLOWING[self._opening]

    def _restored(self, text: str) -> str:
        return restored(text, self._placeholders, in_json if self._is_json else _as_it_is)

    def _cut(self, text: str) -> int:
        """Where the last thing begins that may become a placeholder."""
        cut = len(text.rstrip(_BARE))
        opened = max(text.rfind(bracket) for bracket in _OPEN)
        if "\\" in text:
            tail = max(0, len(text) - 2 * MAX_PLACEHOLDER)
            half = _HALF.search(text, max(tail, len(text) - _LONGEST))
            cut = half.start() if half is not None and half.start() < cut else cut
            opened = max(opened, *(found.start() for found in _OPENING.finditer(text, tail)), -1)
        if opened >= 0 and len(text) - opened <= MAX_PLACEHOLDER and not _is_closed(text, opened, cut):
            cut = min(cut, opened)
        return max(cut, len(text) - MAX_PLACEHOLDER)


def _is_closed(text: str, opened: int, cut: int) -> bool:
    return any(text.find(bracket, opened, cut) >= 0 for bracket in _ENDS)
