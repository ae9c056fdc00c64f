"""Many rows a statement, and none lost at the seams."""

import sqlite3
from collections.abc import Iterator

import pytest

from llmgateway.store.sqlite_connection import bind_at_once
from llmgateway.store.sqlite_insert import SIZES, Insert


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
    yield connection
    connection.close()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 31, 32, 33, 35, 36, 37, 64, 100, 500])
def test_every_row_goes_in_once_however_many_there_are(connection: sqlite3.Connection, count: int) -> None:
    rows = [(number, f"row {number}") for number in range(count)]
    assert Insert("t", ["a", "b"])(connection, [value for row in rows for value in row]) == count
    assert connection.execute("SELECT a, b FROM t ORDER BY a").fetchall() == rows


def test_rows_that_are_there_are_left_out_and_not_counted(connection: sqlite3.Connection) -> None:
    insert = Insert("t", ["a", "b"], behind=" ON CONFLICT (a) DO NOTHING")
    assert insert(connection, [5, "old", 40, "old"]) == 2
    assert insert(connection, [value for number in range(64) for value in (number, "new")]) == 62
    assert connection.execute("SELECT count(*) FROM t WHERE b = 'new'").fetchone() == (62,)


def test_a_row_may_be_more_than_placeholders(connection: sqlite3.Connection) -> None:
    Insert("t", ["a", "b"], row="? * 4 + ?, ?")(connection, [1, 2, "x", 3, 0, "y"])
    assert connection.execute("SELECT a, b FROM t").fetchall() == [(6, "x"), (12, "y")]


def test_a_row_alone_has_a_statement() -> None:
    assert SIZES[-1] == 1
    assert sorted(SIZES, reverse=True) == list(SIZES)


def test_none_booleans_and_bytes_are_bound_as_ever(connection: sqlite3.Connection) -> None:
    def seen() -> object:
        values = (None, True, False, b"", b"\x00\xff", 7, 1.5, "t")
        marks = ", ".join("?, typeof(?)" for _ in values)
        return connection.execute(f"SELECT {marks}", [value for each in values for value in (each, each)]).fetchone()

    before = seen()
    bind_at_once()
    assert seen() == before
    assert before[:4] == (None, "null", 1, "integer")
