"""A text that was cut into pieces: short ones of a user's that stand side by side, cut within a sentence, are one."""

from collections.abc import Iterator, Sequence
from typing import Final

from llmgateway.ports.judge import Piece

SHORT: Final = 384  # characters: what is longer fills all that is weighed together by itself
MOST: Final = 2048  # characters that are read as one; more go on with the last piece of those
CUT_BY: Final = "user"  # tools bring many a short text that has nothing to do with the next
# What ends a sentence, in English and Japanese: another one follows.
_ENDS: Final = frozenset('.!?:;\u3002\uff01\uff1f\uff1a\uff1b\u2026\u300d\u300f")')


def joined(pieces: Sequence[Piece]) -> Iterator[tuple[range, str]]:
    """Yield which pieces go on within a sentence, two at least, and what they say as one."""
    start = size = 0
    for at, piece in enumerate(pieces):
        if at > start and not _goes_on(pieces[at - 1], piece):
            yield from _one(pieces, range(start, at))
            start, size = at, 0
        elif size + len(piece.text) > MOST:
            yield from _one(pieces, range(start, at))
            start, size = at - 1, len(pieces[at - 1].text)
        size += len(piece.text)
    yield from _one(pieces, range(start, len(pieces)))


def _goes_on(before: Piece, after: Piece) -> bool:
    if before.source != CUT_BY or after.source != CUT_BY or max(len(before.text), len(after.text)) > SHORT:
        return False
    return before.text.rstrip()[-1:] not in _ENDS and not after.text[:1].isupper()


def _one(pieces: Sequence[Piece], which: range) -> Iterator[tuple[range, str]]:
    if len(which) > 1:
        text = pieces[which[0]].text
        for at in which[1:]:
            text += _between(text, pieces[at].text) + pieces[at].text
        yield which, text


def _between(before: str, after: str) -> str:
    """A space, but none in Japanese, which has none between words."""
    return " " if before[-1:].isascii() or after[:1].isascii() else ""
