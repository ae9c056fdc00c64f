"""Replays in SQLite, statement by statement. Plain functions in the connections' threads."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from llmgateway.ports.datasets import MAX_REPLAYS, DatasetMissingError, ReplayRecord
from llmgateway.store.rows import storable
from llmgateway.store.sqlite_write import begin
from llmgateway.wire.jsoncodec import decode, encode

_WHOLE: Final = (
    'SELECT "id", "created_at", "author", "dataset", "dataset_version", "route", "candidate", "baseline", "plan", '
    '"ended", "verdict", "pairs", "cost_usd", candidate_hash, baseline_hash FROM replay '
)
_FORGET: Final = 'SELECT "id" FROM replay ORDER BY "created_at" DESC, "id" DESC LIMIT -1 OFFSET ?'
_COUNT: Final = (
    'UPDATE replay SET "cost_usd" = ?1, "pairs" = (SELECT count(*) FROM replay_pair WHERE "replay_id" = ?2) '
    'WHERE "id" = ?2'
)


def page(connection: sqlite3.Connection, limit: int) -> list[ReplayRecord]:
    found = connection.execute(f'{_WHOLE} ORDER BY "created_at" DESC, "id" DESC LIMIT ?', (limit,))
    return [_record(values) for values in found]


def one(connection: sqlite3.Connection, replay_id: str) -> ReplayRecord | None:
    found = connection.execute(f'{_WHOLE} WHERE "id" = ?', (replay_id,)).fetchone()
    return _record(found) if found else None


def pairs(connection: sqlite3.Connection, replay_id: str, after: int, limit: int) -> list[tuple[int, bytes]]:
    sql = (
        'SELECT "ordinal", "facts" FROM replay_pair WHERE "replay_id" = ? AND "ordinal" > ? ORDER BY "ordinal" LIMIT ?'
    )
    return [(ordinal, facts.encode()) for ordinal, facts in connection.execute(sql, (replay_id, after, limit))]


def add(connection: sqlite3.Connection, replay: ReplayRecord) -> None:
    """Insert, and forget the oldest beyond the bound."""
    values = (
        replay.id,
        replay.created_at,
        *map(storable, (replay.author, replay.dataset)),
        replay.dataset_version,
        *map(storable, (replay.route, replay.candidate, replay.baseline)),
        storable(encode(replay.plan).decode()),
        replay.candidate_hash,
        replay.baseline_hash,
    )
    begin(connection)
    sql = (
        'INSERT INTO replay ("id", "created_at", "author", "dataset", "dataset_version", "route", "candidate", '
        '"baseline", "plan", candidate_hash, baseline_hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'
    )
    connection.execute(sql, values)
    for gone in connection.execute(_FORGET, (MAX_REPLAYS,)).fetchall():
        connection.execute('DELETE FROM replay_pair WHERE "replay_id" = ?', gone)
        connection.execute('DELETE FROM replay WHERE "id" = ?', gone)
    connection.execute("COMMIT")


def add_pairs(
    connection: sqlite3.Connection, replay_id: str, found: Sequence[tuple[int, bytes]], cost_usd: float
) -> None:
    """A pair that is there stays as it is: whoever goes on may send it again."""
    begin(connection)
    _ = _there(connection, replay_id)
    rows = [(replay_id, ordinal, storable(facts.decode())) for ordinal, facts in found]
    connection.executemany("INSERT INTO replay_pair VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows)
    connection.execute(_COUNT, (cost_usd, replay_id))
    connection.execute("COMMIT")


def end(connection: sqlite3.Connection, replay_id: str, ended: str | None, verdict: str | None) -> ReplayRecord:
    begin(connection)
    connection.execute('UPDATE replay SET "ended" = ?, "verdict" = ? WHERE "id" = ?', (ended, verdict, replay_id))
    found = _there(connection, replay_id)
    connection.execute("COMMIT")
    return found


def _there(connection: sqlite3.Connection, replay_id: str) -> ReplayRecord:
    found = one(connection, replay_id)
    if found is None:
        raise DatasetMissingError(f"there is no replay {replay_id}")
    return found


def _record(values: Sequence[Any]) -> ReplayRecord:
    plan, *rest = values[8:]
    return ReplayRecord(*values[:8], decode(plan), *rest)  # type: ignore[call-arg]  # in the columns' order
