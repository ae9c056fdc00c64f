"""The SQLite store's shape over time: which migrations exist, which files are ours, which versions we can serve."""

import sqlite3
from importlib import resources
from re import compile as regex
from typing import Final

from llmgateway.ports.store import StoreRefusedError

APPLICATION_ID: Final = 0x4C475731  # "LGW1"
_NAME: Final = regex(r"(\d{4})_\w+\.sql")


def _numbered() -> dict[int, str]:
    """The migrations of this package by their number, in order."""
    found = sorted(each.name for each in resources.files("llmgateway.store").iterdir() if _NAME.fullmatch(each.name))
    return {int(name[:4]): name for name in found}


MIGRATIONS: Final = _numbered()
VERSION: Final = max(MIGRATIONS)
AHEAD: Final = 10  # migrations that a later version of this program may have added, and this one goes on without


def prepare(connection: sqlite3.Connection) -> None:
    """Create or migrate, each step in a transaction of its own; raises StoreRefusedError for files that aren't ours.

    Migrations only add, so a file that is a few ahead (written before a downgrade) is served as it is.
    """
    version = check(connection)
    for number, name in MIGRATIONS.items():
        if number <= version:
            continue
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
    if version > VERSION + AHEAD:
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
