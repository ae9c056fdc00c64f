"""Concerns in SQLite, statement by statement. Plain functions in the connections' threads."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from llmgateway.domain.review import Concern, ConcernState, Severity
from llmgateway.ports.reviews import MAX_CONCERNS
from llmgateway.ports.store import StoreRejectedError
from llmgateway.store.rows import storable
from llmgateway.store.sqlite_queries import marks
from llmgateway.store.sqlite_write import begin

_NAMES: Final = (
    "id", "at", "by", "route", "version", "severity", "text", "owner", "exchange_id", "state", "closed_at",
    "closed_by", "closed_reason",
)  # fmt: skip
_COLUMNS: Final = ", ".join(f'"{name}"' for name in _NAMES)
_SELECT: Final = f"SELECT {_COLUMNS} FROM concern "  # noqa: S608 -- names from constants
_CLOSE: Final = (
    'UPDATE concern SET "state" = ?, "closed_at" = ?, "closed_by" = ?, "closed_reason" = ? '
    'WHERE "id" = ? AND "state" = \'open\''
)
_MAKE_ROOM: Final = (
    'DELETE FROM concern WHERE "id" = (SELECT "id" FROM concern WHERE "state" != \'open\' ORDER BY "closed_at" LIMIT 1)'
)


def add(connection: sqlite3.Connection, concern: Concern) -> None:
    begin(connection)
    (count,) = connection.execute("SELECT count(*) FROM concern").fetchone()
    if count >= MAX_CONCERNS and not connection.execute(_MAKE_ROOM).rowcount:
        connection.rollback()
        raise StoreRejectedError(f"{MAX_CONCERNS} concerns are open already")
    values = [storable(str(value) if name in {"severity", "state"} else value) for name, value in _named(concern)]
    connection.execute(f"INSERT INTO concern ({_COLUMNS}) VALUES ({marks(_NAMES)})", values)  # noqa: S608
    connection.execute("COMMIT")


def close(connection: sqlite3.Connection, concern: Concern) -> bool:
    begin(connection)
    values = (concern.state.value, concern.closed_at, storable(concern.closed_by), storable(concern.closed_reason))
    closed = connection.execute(_CLOSE, (*values, concern.id)).rowcount > 0
    connection.execute("COMMIT")
    return closed


def page(connection: sqlite3.Connection, route: str | None, state: str | None, limit: int) -> list[Concern]:
    where = '(?1 IS NULL OR "route" = ?1) AND (?2 IS NULL OR "state" = ?2) ORDER BY "at" DESC, "id" DESC LIMIT ?3'
    return [_concern(each) for each in connection.execute(f"{_SELECT} WHERE {where}", (route, state, limit))]


def one(connection: sqlite3.Connection, concern_id: str) -> Concern | None:
    found = connection.execute(f'{_SELECT} WHERE "id" = ?', (concern_id,)).fetchone()
    return _concern(found) if found else None


def against(connection: sqlite3.Connection, route: str, versions: Sequence[str]) -> list[Concern]:
    where = f'"state" = \'open\' AND "route" = ? AND ("version" IS NULL OR "version" IN ({marks(versions)}))'
    found = connection.execute(f'{_SELECT} WHERE {where} ORDER BY "at", "id"', (route, *versions))
    return [_concern(each) for each in found]


def _named(concern: Concern) -> list[tuple[str, Any]]:
    return [(name, getattr(concern, name)) for name in _NAMES]


def _concern(values: Sequence[Any]) -> Concern:
    row = dict(zip(_NAMES, values, strict=True))
    row["severity"], row["state"] = Severity(row["severity"]), ConcernState(row["state"])
    return Concern(**row)
