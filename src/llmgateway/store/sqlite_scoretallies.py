"""Scores that have become valid count for the rollouts that assigned their exchanges. Plain functions in the writing
connection's thread; the caller commits.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final

from llmgateway.domain.score import Score
from llmgateway.ports.rollouts import STAMP, ScoreTallies
from llmgateway.store import sqlite_rollouts as staged
from llmgateway.store.sqlite_queries import marks

News = tuple[Score, int]
"""A score, and the number of its exchange."""

AT_ONCE: Final = 500
_STAMP: Final = ", ".join(f'"{name}"' for name in STAMP)


def count(connection: sqlite3.Connection, news: Sequence[News], tallies: ScoreTallies | None) -> None:
    """Count into the transaction that is open. Costs one look at an empty table where no rollout reads scores."""
    if tallies is None or not news:
        return
    counting = {each.id: made for each in staged.running(connection) if (made := tallies(each)) is not None}
    if not counting:
        return
    stamps = {
        seq: stamp for seq, stamp in _stamped(connection, {seq for _, seq in news}) if stamp["rollout"] in counting
    }
    for score, seq in news:
        if (stamp := stamps.get(seq)) is not None:
            counting[stamp["rollout"]].add(score, stamp)
    staged.tally(connection, list(counting.values()))


def _stamped(connection: sqlite3.Connection, seqs: set[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    every = sorted(seqs)
    for start in range(0, len(every), AT_ONCE):
        part = every[start : start + AT_ONCE]
        sql = (
            f"SELECT seq, {_STAMP} FROM exchange WHERE seq IN ({marks(part)}) "  # noqa: S608 -- names from constants, and question marks
            'AND "rollout" IS NOT NULL AND "erased_at" IS NULL'
        )
        for seq, *values in connection.execute(sql, part):
            yield seq, dict(zip(STAMP, values, strict=True))
