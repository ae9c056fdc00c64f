"""What parts of the control process keep, in SQLite. Plain functions in a connection's thread."""

import sqlite3
from typing import Any, Final

from llmgateway.ports.states import StateOf
from llmgateway.store.sqlite_write import begin
from llmgateway.wire.jsoncodec import decode

_SAVE: Final = "INSERT INTO ledger (name, state) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET state = excluded.state"


def save(connection: sqlite3.Connection, whose: StateOf, state: bytes) -> None:
    begin(connection)
    connection.execute(_SAVE, (whose.value, state.decode()))
    connection.execute("COMMIT")


def saved(connection: sqlite3.Connection, whose: StateOf) -> dict[str, Any] | None:
    found = connection.execute("SELECT state FROM ledger WHERE name = ?", (whose.value,)).fetchone()
    return decode(found[0]) if found else None
