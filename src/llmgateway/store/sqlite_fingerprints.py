"""Fingerprints in SQLite, statement by statement. Plain functions in the connections' threads."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from llmgateway.ports.fingerprints import MAX_FINGERPRINTS, Fingerprint
from llmgateway.store.rows import storable
from llmgateway.store.sqlite_write import begin

_ALL: Final = 'SELECT "version_id", "backend", "asked", "facet", "value", "at" FROM fingerprint ORDER BY "at", rowid'
_CROP: Final = (
    "DELETE FROM fingerprint WHERE rowid IN "
    '(SELECT rowid FROM fingerprint ORDER BY "at" DESC, rowid DESC LIMIT -1 OFFSET ?)'
)


def every(connection: sqlite3.Connection) -> list[Fingerprint]:
    return [Fingerprint(*each) for each in connection.execute(_ALL)]


def add(connection: sqlite3.Connection, seen: Sequence[Fingerprint]) -> None:
    begin(connection)
    rows = [[storable(value) for value in each] for each in seen]
    connection.executemany("INSERT OR IGNORE INTO fingerprint VALUES (?, ?, ?, ?, ?, ?)", rows)
    connection.execute(_CROP, (MAX_FINGERPRINTS,))
    connection.execute("COMMIT")
