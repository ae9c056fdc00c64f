"""The parts of texts that somebody is asked about: bounded, and always the same of the same texts.

Which they are: where every text is the assistant's (a reply's are) all texts count, else those of the sources that are
asked for. The newest `most` of them, what was said in the conversation before anything else that a request carries. A
text longer than `size` is taken in windows of that size which overlap, from both its ends towards the middle. Every
text gets its first window before any gets its second, until there are `most` windows or as many characters as there is
room for: what is left out are the oldest of very many texts, and the middle of very long ones.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

_SPOKEN: Final = frozenset({"user", "assistant", "tool"})


class Extract(NamedTuple):
    """A part of one of many texts: as JSON may hold it, it begins at character `start` of text number `piece`."""

    piece: int
    start: int
    text: str

    @property
    def end(self) -> int:
        """Where it ends in its text."""
        return self.start + len(self.text)


def extracts(
    texts: Sequence[tuple[str, str]],
    sources: Container[str],
    *,
    size: int,
    most: int,
    overlap: int = 0,
    room: int | None = None,
) -> list[Extract]:
    """Give the parts, in the order in which they stand. `texts`: each with whose word it is; `room`: in characters."""
    windows = [
        (turn, rank, index, start)
        for rank, index in enumerate(islice(_newest(texts, sources), most))
        for turn, start in enumerate(islice(_starts(len(texts[index][0]), size, size - overlap), most))
    ]
    chosen = ((index, start) for _, _, index, start in sorted(windows)[:most])
    parts = (Extract(index, start, texts[index][0][start : start + size]) for index, start in chosen)
    fitting = parts if room is None else _fitting(parts, room)
    return sorted(part._replace(text=_encodable(part.text)) for part in fitting)


def _fitting(parts: Iterable[Extract], room: int) -> Iterator[Extract]:
    for part in parts:
        room -= len(part.text)
        if room < 0:
            return
        yield part


def _newest(texts: Sequence[tuple[str, str]], sources: Container[str]) -> Iterator[int]:
    if all(source == "assistant" for _, source in texts):
        sources = _SPOKEN
    for spoken in (True, False):
        for index in range(len(texts) - 1, -1, -1):
            text, source = texts[index]
            if (source in _SPOKEN) is spoken and source in sources and text and not text.isspace():
                yield index


def _starts(length: int, size: int, step: int) -> Iterator[int]:
    """Where the windows of a text begin: the first, the last, the second, the last but one…"""
    last = -(-max(0, length - size) // step)  # windows after the first
    for turn in range(last + 1):
        at = turn // 2 if turn % 2 == 0 else last - turn // 2
        yield min(at * step, max(0, length - size))


def _encodable(text: str) -> str:
    """A text of the same length without halves of surrogate pairs, which no UTF-8 has."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
