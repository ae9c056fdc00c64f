"""What drift watch has counted, in SQLite: one state beside the ledger's. Plain functions in a connection's thread."""

import sqlite3
from typing import Any, Final

from llmgateway.store.sqlite_write import begin
from llmgateway.wire.jsoncodec import decode

_SAVE: Final = (
    "INSERT INTO ledger (name, state) VALUES ('drift', ?) ON CONFLICT (name) DO UPDATE SET state = excluded.state"
)


def save(connection: sqlite3.Connection, state: bytes) -> None:
    begin(connection)
    connection.execute(_SAVE, (state.decode(),))
    connection.execute("COMMIT")


def state(connection: sqlite3.Connection) -> dict[str, Any] | None:
    found = connection.execute("SELECT state FROM ledger WHERE name = 'drift'").fetchone()
    return decode(found[0]) if found else None
