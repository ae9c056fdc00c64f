"""The configuration's history in SQLite, statement by statement. Plain functions in the connections' threads."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from llmgateway.ports.generations import (
    MAX_GENERATIONS,
    MAX_TEXT_BYTES,
    MAX_VERSIONS,
    Generation,
    GenerationHead,
    SeenVersion,
)
from llmgateway.store.rows import storable
from llmgateway.store.sqlite_queries import marks
from llmgateway.store.sqlite_write import begin

_WHOLE: Final = 'SELECT number, "at", author, reason, diff, text, refused FROM generation '
_FORGET: Final = (
    "DELETE FROM generation WHERE number < (SELECT min(number) FROM ("
    "SELECT number, sum(size) OVER (ORDER BY number DESC) AS held, row_number() OVER (ORDER BY number DESC) AS nth "
    "FROM generation) WHERE nth = 1 OR (nth <= ? AND held <= ?))"
)
_FORGET_VERSIONS: Final = (
    'DELETE FROM seen_version WHERE (route, name, "id") IN '
    '(SELECT route, name, "id" FROM seen_version ORDER BY "at" DESC LIMIT -1 OFFSET ?)'
)


def page(connection: sqlite3.Connection, limit: int, before: int | None) -> list[GenerationHead]:
    sql = (
        'SELECT number, "at", author, reason, refused FROM generation '
        "WHERE ?1 IS NULL OR number < ?1 ORDER BY number DESC LIMIT ?2"
    )
    return [GenerationHead(*values) for values in connection.execute(sql, (before, limit))]


def one(connection: sqlite3.Connection, number: int) -> Generation | None:
    found = connection.execute(f"{_WHOLE} WHERE number = ?", (number,)).fetchone()
    return Generation(*found) if found else None


def last(connection: sqlite3.Connection) -> tuple[int, Generation | None]:
    (highest,) = connection.execute("SELECT coalesce(max(number), 0) FROM generation").fetchone()
    found = connection.execute(f"{_WHOLE} WHERE refused IS NULL ORDER BY number DESC LIMIT 1").fetchone()
    return highest, Generation(*found) if found else None


def seen(connection: sqlite3.Connection, routes: Sequence[str]) -> list[SeenVersion]:
    sql = (
        'SELECT route, name, "id", "at", generation FROM seen_version '  # noqa: S608 -- question marks only
        f'WHERE route IN ({marks(routes)}) ORDER BY route, name, "at"'
    )
    return [SeenVersion(*values) for values in connection.execute(sql, routes)]


def add(connection: sqlite3.Connection, generation: Generation, versions: Sequence[SeenVersion]) -> None:
    """Insert, and forget what is beyond the bounds."""
    text, diff = storable(generation.text), storable(generation.diff)
    values = (
        generation.number,
        generation.at,
        storable(generation.author),
        storable(generation.reason),
        diff,
        text,
        len(text.encode()) + len(diff.encode()),
        generation.refused,
    )
    begin(connection)
    connection.execute("INSERT INTO generation VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
    connection.executemany("INSERT INTO seen_version VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", versions)
    connection.execute(_FORGET, (MAX_GENERATIONS, MAX_TEXT_BYTES))
    connection.execute(_FORGET_VERSIONS, (MAX_VERSIONS,))
    connection.execute("COMMIT")


def refuse(connection: sqlite3.Connection, number: int, reason: str) -> None:
    begin(connection)
    connection.execute("UPDATE generation SET refused = ? WHERE number = ?", (storable(reason), number))
    connection.execute("COMMIT")
