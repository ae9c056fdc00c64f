"""SQLite's own about scores: every statement that runs often, or over much, goes by an index; and a store that is ahead
of its last score's number is looked at from its end.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.exchanges import ExchangeFactory
from tests.support.scores import score

from llmgateway.ports.scores import Cursor
from llmgateway.store import sqlite_scores as statements
from llmgateway.store.salvage import salvage
from llmgateway.store.sqlite import SqliteStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    yield store
    await store.close()


def _of(where: str, rest: str) -> str:
    return f"SELECT {statements._S} FROM score AS s WHERE {where} {rest}"


@pytest.mark.parametrize(
    ("sql", "values", "index"),
    [
        (statements._ARRIVED, (0, 9), "score_pending"),
        (statements._ARRIVED_BY_REFERENCE, (0, 9), "score_pending_reference"),
        (statements._BY_REFERENCE, ("r", "k"), "exchange_reference"),
        (statements._FORGET, (5.0, 9), "score_said"),
        (statements._PURGE, (5.0, 9), "score_homeless"),
        ("SELECT 1 FROM score WHERE \"state\" = 'pending' LIMIT 1", (), "score_pending"),
        ("DELETE FROM score WHERE exchange_seq = ?", (1,), "score_exchange"),
        (_of(statements._LATE, 'ORDER BY s."at" LIMIT 9'), (5.0,), "score_homeless"),
        (_of('s."exchange_id" = ? AND s."is_current" = 1', "ORDER BY s.seq DESC LIMIT 9"), ("x",), "score_exchange_id"),
    ],
)
async def test_what_runs_often_goes_by_an_index(store: SqliteStore, sql: str, values: tuple, index: str) -> None:
    assert store._writer is not None
    plan = await store._writer.run(lambda found: found.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall())
    steps = [detail for *_, detail in plan]
    assert any(index in step for step in steps), steps
    assert not any(step.startswith("SCAN") and "INDEX" not in step for step in steps), steps


async def test_a_rebuilt_store_has_its_scores_and_numbers_them_on(tmp_path: Path) -> None:
    make, store = ExchangeFactory(), SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    entries = make.entries(3)
    await store.append(entries, [], [], None, [score(make, entry.row["id"]) for entry in entries])
    await store.place_scores([], b'{"cursor":[3,3]}')
    await store.close()
    report = salvage(tmp_path / "store.sqlite3", tmp_path / "rebuilt.sqlite3")
    assert report.copied["score"] == 3
    rebuilt = SqliteStore(tmp_path / "rebuilt.sqlite3")
    await rebuilt.open()
    await rebuilt.append([], [], [], None, [score(make, entries[0].row["id"])])
    found = await rebuilt.unplaced(Cursor(3, 3), overdue=0.0, limit=9)
    assert [each.seq for each, _ in found.pairs] == [4]
    await rebuilt.close()


async def test_a_cursor_that_is_ahead_of_the_store_overlooks_nothing_that_comes(store: SqliteStore) -> None:
    make = ExchangeFactory()
    entry = make.entry()
    found = await store.unplaced(Cursor(1_000, 1_000), overdue=0.0, limit=9)
    assert found.cursor == Cursor(0, 0)
    await store.append([entry], [], [], None, [score(make, entry.row["id"])])
    found = await store.unplaced(found.cursor, overdue=0.0, limit=9)
    assert len(found.pairs) == 1
