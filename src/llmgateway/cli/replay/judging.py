"""A judge of pairs looks at what a replay has asked: a few pairs at a time, within the judge's day."""

import time
from collections.abc import Iterator, Sequence
from typing import Final

from llmgateway.cli.logs import lines
from llmgateway.cli.replay.books import Books
from llmgateway.cli.replay.report import Judgement
from llmgateway.replaying.pairs import Pair
from llmgateway.replaying.people import Preferred, answered, judged

AT_ONCE: Final = 20
STALLED_S: Final = 120.0  # without a verdict: then the report tells what there is
POLL_S: Final = 0.2


def judgement(books: Books, name: str, pairs: Sequence[Pair], since: float) -> Judgement:
    """What a judge makes of the pairs; it is asked about those that it has not seen."""
    known = books.judged(name, since)
    for batch in _batches([each for each in answered(pairs) if each.candidate.exchange_id not in known]):
        through = books.judge(name).through + books.compare(name, batch)
        if not _waited(books, name, through):
            why = f"{name} has said nothing for {STALLED_S:.0f} s: the rest is not judged"
            lines.notes().print(why, style="yellow")
            break
    return told(books, name, pairs, since)


def told(books: Books, name: str, pairs: Sequence[Pair], since: float) -> Judgement:
    """What it has said so far."""
    said: dict[str, Preferred] = books.judged(name, since)
    return Judgement(name, judged(pairs, said), books.judge(name).trust)


def _waited(books: Books, name: str, through: int) -> bool:
    """Wait until it is through with so many exchanges; False where nothing moves any more."""
    last, moved = -1, time.monotonic()
    while (now := books.judge(name).through) < through:
        if now != last:
            last, moved = now, time.monotonic()
        if time.monotonic() - moved > STALLED_S:
            return False
        time.sleep(POLL_S)
    return True


def _batches(pairs: Sequence[Pair]) -> Iterator[Sequence[Pair]]:
    for start in range(0, len(pairs), AT_ONCE):
        yield pairs[start : start + AT_ONCE]
