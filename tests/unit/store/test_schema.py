"""What a file is, is judged from one moment: another process may be making it just now."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.exchanges import ExchangeFactory

from llmgateway.ports.store import COLUMNS, StoreUnavailableError, Wanted
from llmgateway.store import schema
from llmgateway.store.schema import APPLICATION_ID, VERSION, check, prepare
from llmgateway.store.sqlite import SqliteStore
from llmgateway.store.sqlite_reader import SqliteReader


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


def first(path):
    """A store with one exchange, as the first version of the program left it."""
    script = Path(schema.__file__).with_name("0001_exchanges.sql").read_text()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(f"{script}; PRAGMA user_version = 1; PRAGMA application_id = {APPLICATION_ID};")
        connection.execute("""INSERT INTO exchange (seq, "id", "at", "end") VALUES (1, '01', 0.0, 'completed')""")
        connection.execute("UPDATE sequence SET last = 1")


async def test_an_older_store_keeps_what_it_has_and_gets_the_columns_it_lacks(tmp_path):
    path = tmp_path / "store.sqlite3"
    first(path)
    store = SqliteStore(path)
    await store.open()
    await store.append([ExchangeFactory().entry(assigned_by="rule:gold")], [], [], None)
    rows = await store.page(Wanted(), limit=5)
    assert {row["assigned_by"] for row in rows} == {"rule:gold", None}
    await store.close()


async def test_the_program_before_goes_on_with_a_store_that_this_one_has_migrated(tmp_path, monkeypatch):
    """Columns that it does not know stay empty, and what it does not know of an exchange it does not read."""
    path = tmp_path / "store.sqlite3"
    store = SqliteStore(path)
    await store.open()
    await store.append([ExchangeFactory().entry(assigned_by="pin")], [], [], None)
    await store.close()
    known = [name for name in COLUMNS if name != "assigned_by"]
    with closing(sqlite3.connect(path, isolation_level=None)) as before:
        monkeypatch.setattr(schema, "AHEAD", schema.VERSION)  # a program that is not that far behind
        monkeypatch.setattr(schema, "VERSION", 1)
        assert check(before) > 1
        names = ", ".join(f'"{name}"' for name in known)
        before.execute("""INSERT INTO exchange (seq, "id", "at", "end") VALUES (9, '09', 0.0, 'completed')""")
        assert len(before.execute(f"SELECT seq, {names} FROM exchange").fetchall()) == 2
    monkeypatch.undo()
    again = SqliteStore(path)
    await again.open()
    assert {row["assigned_by"] for row in await again.page(Wanted(), limit=5)} == {"pin", None}
    await again.close()


async def test_a_reader_of_an_older_store_says_what_to_do(tmp_path):
    first(tmp_path / "store.sqlite3")
    reader = SqliteReader(tmp_path / "store.sqlite3")
    with pytest.raises(StoreUnavailableError, match="brings it up to date"):
        await reader.last_seq()
    await reader.close()


@pytest.mark.parametrize("has_tables", [True, False], ids=["of the earlier number", "from before it"])
def test_a_store_gets_the_registrys_tables_whether_or_not_it_met_them_under_their_earlier_number(
    tmp_path, has_tables, monkeypatch
):
    known = {number: name for number, name in schema.MIGRATIONS.items() if number <= 18}
    monkeypatch.setattr(schema, "MIGRATIONS", known)
    with closing(sqlite3.connect(tmp_path / "store.sqlite3", isolation_level=None)) as connection:
        prepare(connection)
        for table in () if has_tables else ("spec", "terms", "served", "label", "note"):
            connection.execute(f"DROP TABLE version_{table}")
        connection.execute("PRAGMA user_version = 17")
        prepare(connection)
        assert check(connection) == 18
        assert connection.execute("SELECT count(*) FROM version_note").fetchone() == (0,)
