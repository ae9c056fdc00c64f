"""Events in SQLite, statement by statement. Plain functions in the connections' threads."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from llmgateway.domain.event import MAX_TEXT, EventKind, EventSeverity, GatewayEvent
from llmgateway.ports.events import MAX_EVENTS, WantedEvents
from llmgateway.store.rows import storable
from llmgateway.store.sqlite_queries import marks
from llmgateway.store.sqlite_write import begin

_NAMES: Final = (
    "id", "at", "kind", "action", "severity", "text", "route", "version", "backend", "figures", "undo", "cleared_at",
    "undone_at", "undone_by",
)  # fmt: skip
_COLUMNS: Final = ", ".join(f'"{name}"' for name in _NAMES)
_SELECT: Final = f"SELECT {_COLUMNS} FROM event "  # noqa: S608 -- names from constants
_INSERT: Final = f"INSERT OR IGNORE INTO event ({_COLUMNS}) VALUES ({marks(_NAMES)})"  # noqa: S608 -- the same
_NEWEST: Final = '"at" DESC, rowid DESC'  # several of one moment: in the order in which they were written
_CROP: Final = f'DELETE FROM event WHERE "id" IN (SELECT "id" FROM event ORDER BY {_NEWEST} LIMIT -1 OFFSET ?)'  # noqa: S608 -- the same
_CLEAR: Final = 'UPDATE event SET "cleared_at" = ? WHERE "id" = ? AND "severity" = \'alarm\' AND "cleared_at" IS NULL'
_UNDO: Final = 'UPDATE event SET "undone_at" = ?, "undone_by" = ? WHERE "id" = ? AND "undone_at" IS NULL'


def add(connection: sqlite3.Connection, events: Sequence[GatewayEvent]) -> list[GatewayEvent]:
    begin(connection)
    added = insert(connection, events)
    connection.execute("COMMIT")
    return added


def insert(connection: sqlite3.Connection, events: Sequence[GatewayEvent]) -> list[GatewayEvent]:
    """The same within a transaction that is open."""
    added = [each for each in events if connection.execute(_INSERT, _values(each)).rowcount > 0]
    if added:
        connection.execute(_CROP, (MAX_EVENTS,))
    return added


def clear(connection: sqlite3.Connection, event_id: str, at: float) -> bool:
    return _changed(connection, _CLEAR, at, event_id)


def note_undone(connection: sqlite3.Connection, event_id: str, by: str, at: float) -> bool:
    return _changed(connection, _UNDO, at, storable(by), event_id)


def page(connection: sqlite3.Connection, wanted: WantedEvents, limit: int, before: str | None) -> list[GatewayEvent]:
    where, values = _where(wanted)
    if before is not None:
        where.append('("at", rowid) < (SELECT "at", rowid FROM event WHERE "id" = ?)')
        values.append(before)
    sql = f"{_SELECT} WHERE {' AND '.join(where)} ORDER BY {_NEWEST} LIMIT ?"
    return [_event(each) for each in connection.execute(sql, (*values, limit))]


def one(connection: sqlite3.Connection, event_id: str) -> GatewayEvent | None:
    found = connection.execute(f'{_SELECT} WHERE "id" = ?', (event_id,)).fetchone()
    return _event(found) if found else None


def _where(wanted: WantedEvents) -> tuple[list[str], list[Any]]:
    conditions = {
        '"kind" = ?': wanted.kind and wanted.kind.value,
        '"severity" = ?': wanted.severity and wanted.severity.value,
        '"route" = ?': wanted.route,
        '"at" >= ?': wanted.since,
        '"at" < ?': wanted.until,
    }
    where = [sql for sql, value in conditions.items() if value is not None]
    values: list[Any] = [value for value in conditions.values() if value is not None]
    if wanted.is_open:
        where.append('"severity" = \'alarm\' AND "cleared_at" IS NULL')
    return where or ["true"], values


def _changed(connection: sqlite3.Connection, sql: str, *values: object) -> bool:
    begin(connection)
    changed = connection.execute(sql, values).rowcount > 0
    connection.execute("COMMIT")
    return changed


def _values(event: GatewayEvent) -> list[Any]:
    values = {name: getattr(event, name) for name in _NAMES}
    values |= {
        "kind": event.kind.value,
        "severity": event.severity.value,
        "text": event.text[:MAX_TEXT],
        "figures": json.dumps(dict(event.figures)),
        "undo": None if event.undo is None else json.dumps(dict(event.undo)),
    }
    return [storable(value) for value in values.values()]


def _event(values: Sequence[Any]) -> GatewayEvent:
    row = dict(zip(_NAMES, values, strict=True))
    row["kind"], row["severity"] = EventKind(row["kind"]), EventSeverity(row["severity"])
    row["figures"] = json.loads(row["figures"])
    row["undo"] = None if row["undo"] is None else json.loads(row["undo"])
    return GatewayEvent(**row)
