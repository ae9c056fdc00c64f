"""What a file is, is judged from one moment: another process may be making it just now."""

import sqlite3
from contextlib import closing

from llmgateway.store.schema import VERSION, check, prepare
from llmgateway.store.sqlite import SqliteStore


class Interrupted:
    """A connection that lets `between` happen after its first look at the file's marks."""

    def __init__(self, connection, between):
        self._connection = connection
        self._between = between

    def execute(self, statement):
        found = self._connection.execute(statement)
        if statement.startswith("PRAGMA application_id"):
            found = found.fetchall()
            self._between()
            return as_cursor(found)
        return found

    def __getattr__(self, name):
        return getattr(self._connection, name)


def as_cursor(rows):
    cursor = type("Rows", (), {})()
    cursor.fetchone = iter(rows).__next__
    return cursor


def test_a_store_that_is_created_meanwhile_is_empty_or_whole_and_never_foreign(tmp_path):
    path = tmp_path / "store.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as maker:
        maker.execute("PRAGMA journal_mode = WAL")
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            assert check(Interrupted(reader, lambda: prepare(maker))) == 0
            assert check(reader) == VERSION
            assert not reader.in_transaction


async def test_a_store_that_is_closed_is_one_whole_file(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    assert await store.last_seq() == 0  # opens the connection that reads
    await store.close()
    assert [each.name for each in tmp_path.iterdir()] == ["store.sqlite3"]
