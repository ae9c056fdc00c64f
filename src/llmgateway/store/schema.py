"""The SQLite store's shape over time: which migrations exist, which files are ours, which versions we can serve."""

import sqlite3
from importlib import resources
from typing import Final

from llmgateway.ports.store import StoreRefusedError

APPLICATION_ID: Final = 0x4C475731  # "LGW1"
MIGRATIONS: Final = ("0001_exchanges.sql",)
VERSION: Final = len(MIGRATIONS)


def prepare(connection: sqlite3.Connection) -> None:
    """Create or migrate, each step in a transaction of its own; raises StoreRefusedError for files that aren't ours.

    Migrations only add, so a file one version ahead (written before a downgrade) is served as it is.
    """
    version = check(connection)
    for number, name in enumerate(MIGRATIONS[version:], version + 1):
        script = resources.files("llmgateway.store").joinpath(name).read_text("utf-8")
        pragmas = f"PRAGMA user_version = {number}; PRAGMA application_id = {APPLICATION_ID};"
        try:
            connection.executescript(f"BEGIN IMMEDIATE; {script} {pragmas} COMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.rollback()
            raise


def check(connection: sqlite3.Connection) -> int:
    """The file's schema version (0: empty); raises StoreRefusedError where it is not ours or too new."""
    application, version, tables = _marks(connection)
    if application != APPLICATION_ID and (tables or version or application):
        raise StoreRefusedError("this is an SQLite file of another program; point data.dir somewhere else")
    if version > VERSION + 1:
        raise StoreRefusedError(
            f"the store has schema version {version}, and this program knows {VERSION}: use a newer llmgateway, "
            "or restore the backup made before the upgrade"
        )
    return version


def _marks(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Application id, version, and the number of tables, all of one moment: another process may be creating them."""
    connection.execute("BEGIN")
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return application, version, tables
