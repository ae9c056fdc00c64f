"""What a judge is shown of texts."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from llmgateway.wire.extracts import Extract

_LEFT_OUT: Final = "\n[…]\n"

Message = dict[str, str]


class Shown(NamedTuple):
    """What is shown of one text: which it is, and whose word."""

    piece: int
    source: str
    text: str


def shown(parts: Sequence[Extract], texts: Sequence[tuple[str, str]]) -> list[Shown]:
    """Put the parts of each text together; what is no part of the conversation comes first."""
    found: dict[int, str] = {}
    ends: dict[int, int] = {}
    for part in parts:
        gap = _LEFT_OUT if part.start > ends.get(part.piece, part.start) else ""
        overlap = max(0, ends.get(part.piece, 0) - part.start)
        found[part.piece] = found.get(part.piece, "") + gap + part.text[overlap:]
        ends[part.piece] = part.end
    every = [Shown(piece, texts[piece][1], text) for piece, text in found.items()]
    return sorted(every, key=lambda each: each.source not in {"system", "other"})
