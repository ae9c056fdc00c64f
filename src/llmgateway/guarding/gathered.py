"""All that a guarded stream has let go on, put together for judges, whether its reader knows it or not.

A reader keeps what its API's documents know, and the last of what is told twice; clients may make more of a stream.
"""

import re
from collections.abc import Collection, Hashable, Iterator, Sequence
from typing import Any, Final

from llmgateway.guarding.pieces import Path, Said, texts_of_reply
from llmgateway.guarding.unread import is_file
from llmgateway.ports.judge import Piece
from llmgateway.wire.jsoncodec import JsonError, decode
from llmgateway.wire.jsontexts import is_repetitive
from llmgateway.wire.replies import DONE, MAX_TEXT, PART_COST, Text

ENTRY: Final = 256  # bytes that a string takes beside its own
_DONE: Final = DONE.decode()
_NAME: Final = re.compile(r"[\w.:-]{0,64}", re.ASCII)
_WHERE: Final = "gathered"  # how the paths begin of texts that have no place in a reply

Strings = Sequence[tuple[Path, Sequence[str]]]
"""Strings by their place, which they keep while a stream goes on."""


class Gathered:
    """One stream's: texts that came in pieces, and strings that came whole, by the members that they stood in.

    `is_full`: more was said than is kept.
    """

    __slots__ = ("_growing", "_last", "_room", "_whole", "is_full")

    def __init__(self) -> None:
        self._growing: dict[Hashable, Text] = {}
        self._whole: dict[Path, dict[str, None]] = {}
        self._last: bytes | str = b""  # many events have beside their texts what the one before had
        self._room = MAX_TEXT
        self.is_full = False

    def grow(self, channel: Hashable, piece: str) -> None:
        """Take a piece of the longer text that this channel is."""
        if not piece:
            return
        raw, text = piece.encode("utf-8", "replace"), self._growing.get(channel)
        if self._has_room(len(raw) if text is not None else len(raw) + PART_COST):
            if text is None:
                text = self._growing[channel] = Text()
            text.write(raw)

    def take(self, passed: bytes | str) -> None:
        """Take what was judged by itself: the JSON of an event, or a text that is none, as its name is."""
        if passed == self._last or (isinstance(passed, str) and _is_of_programs(passed)):
            return
        self._last = passed
        for path, (text, _) in texts_of_reply(passed if isinstance(passed, str) else decode(passed)):
            strings = self._whole.get(path, {})
            is_new = text not in strings and not is_file(path[-1] if path else "", text)
            if is_new and self._has_room(len(text.encode("utf-8", "replace")) + ENTRY):
                strings[text] = None
                self._whole[path] = strings

    def strings(self) -> Strings:
        """All of them so far."""
        growing = [((_WHERE, at), (text.whole(),)) for at, text in enumerate(self._growing.values())]
        return [*growing, *(((_WHERE, *path), tuple(strings)) for path, strings in self._whole.items())]

    def _has_room(self, size: int) -> bool:
        self.is_full = self.is_full or size > self._room
        self._room -= 0 if self.is_full else size
        return not self.is_full


def beside(said: Sequence[Said], strings: Strings) -> list[Said]:
    """Those of the strings that are none of these texts: of each place one text."""
    known = {each.piece.text for each in said}
    found: list[Said] = []
    for path, each in strings:
        new = [text for text in each if not _is_among(text, known)]
        known.update(new)
        if new:
            found.append(Said(path, Piece("\n".join(new), "assistant")))
    return found


def _is_of_programs(text: str) -> bool:
    """Whether it is what streams have beside JSON: the name of an event, or the mark of their end."""
    return text.strip() == _DONE or _NAME.fullmatch(text) is not None


def _is_among(text: str, known: Collection[str]) -> bool:
    """Whether these have it: of arguments that a reader has taken apart, what they say."""
    if text in known:
        return True
    if text[:1] not in {"{", "["}:
        return False
    try:
        document = decode(text)
    except JsonError:
        return False
    says_more = is_repetitive(text.encode(), document) or any(map(_is_said, _names(document)))
    return not says_more and all(each.piece.text in known for each in texts_of_reply({"input": document}))


def _is_said(name: str) -> bool:
    """Whether a member's name may be a sentence: a reader that takes arguments apart tells none."""
    return not name.isascii() or " " in name


def _names(document: Any) -> Iterator[str]:
    inner = [document]
    while inner:
        each = inner.pop()
        if isinstance(each, dict):
            yield from each
        inner.extend(each.values() if isinstance(each, dict) else each if isinstance(each, list) else ())
