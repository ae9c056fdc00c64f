"""What follows rollbacks, in SQLite. Plain functions in the connections' threads."""

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from llmgateway.ports.aftermath import Aftermath
from llmgateway.ports.rollouts import RolloutRecord
from llmgateway.store.rows import storable
from llmgateway.store.sqlite_queries import one_rollouts_page
from llmgateway.store.sqlite_rollouts import records
from llmgateway.store.sqlite_write import begin
from llmgateway.wire.jsoncodec import decode, encode

_UNFOLLOWED: Final = (
    "WHERE state = 'rolled_back' AND \"id\" NOT IN (SELECT rollout FROM aftermath WHERE done_at IS NOT NULL) "
    "ORDER BY created_at LIMIT ?"
)
_FINISH: Final = "UPDATE aftermath SET outcome = ?, done_at = ? WHERE rollout = ? AND done_at IS NULL"


def unfollowed(connection: sqlite3.Connection, limit: int) -> list[RolloutRecord]:
    return records(connection, _UNFOLLOWED, (limit,))


def one(connection: sqlite3.Connection, rollout: str) -> Aftermath | None:
    sql = 'SELECT rollout, "at", bundle, outcome, done_at FROM aftermath WHERE rollout = ?'
    found = connection.execute(sql, (rollout,)).fetchone()
    if found is None:
        return None
    name, at, bundle, outcome, done_at = found
    return Aftermath(name, at, decode(bundle), decode(outcome), done_at)


def rows(
    connection: sqlite3.Connection, rollout: str, version: str, limit: int, before: str | None
) -> list[dict[str, Any]]:
    return one_rollouts_page(connection, rollout, version, limit, before)


def add(connection: sqlite3.Connection, aftermath: Aftermath) -> Aftermath:
    begin(connection)
    connection.execute(
        "INSERT INTO aftermath VALUES (?, ?, ?, ?, NULL) ON CONFLICT DO NOTHING",
        (aftermath.rollout, aftermath.at, _json(aftermath.bundle), _json(aftermath.outcome)),
    )
    connection.execute("COMMIT")
    kept = one(connection, aftermath.rollout)
    assert kept is not None
    return kept


def finish(connection: sqlite3.Connection, rollout: str, outcome: Mapping[str, Any], at: float) -> None:
    begin(connection)
    connection.execute(_FINISH, (_json(outcome), at, rollout))
    connection.execute("COMMIT")


def _json(value: Mapping[str, Any]) -> str:
    return str(storable(encode(value).decode()))
