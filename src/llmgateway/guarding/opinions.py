"""What judges answered of late, so that the earlier turns of a chat are not asked about again and again."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from llmgateway.domain.clock import Clock
from llmgateway.ports.asking import Question
from llmgateway.ports.judge import Judged, Piece

MAX_KEPT: Final = 4096
MAX_FOUND: Final = 16  # findings of one answer; what says more than that is asked again
KEPT_S: Final = 300.0


def key_of(generation: int, name: str, question: Question, pieces: Sequence[Piece] = ()) -> bytes:
    """What two questions have in common whose answers mean the same: a changed configuration may read them otherwise.

    `pieces`: what is asked about, where an answer means places: the same question may be about texts that stand
    elsewhere, among others that nobody asks about. Nothing can be read out of it.
    """
    content = hashlib.blake2b(question.body, digest_size=32)
    content.update(f"\0{generation}\0{name}\0{question.path}".encode())
    for text, source in pieces:
        content.update(f"\0{source}\0{len(text)}\0{text}".encode("utf-8", "surrogatepass"))
    return content.digest()


class Opinions:
    """Keeps the latest ones, for a while."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[bytes, tuple[float, Sequence[Judged]]] = OrderedDict()

    def get(self, key: bytes) -> Sequence[Judged] | None:
        """What was said then; None if nobody was asked lately."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept[0] < self._clock.monotonic():
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return kept[1]

    def keep(self, key: bytes, judged: Sequence[Judged]) -> None:
        """Remember an answer, unless it says a lot: what is kept of strangers' answers is bounded."""
        if len(judged) > MAX_FOUND:
            return
        self._kept[key] = self._clock.monotonic() + KEPT_S, tuple(judged)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
