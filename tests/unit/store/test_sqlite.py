"""What is SQLite's own: files, locks, durability, damage, versions."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.exchanges import ExchangeFactory, ids

from llmgateway.config.snapshot import Durability
from llmgateway.ports.events import WantedEvents
from llmgateway.ports.store import (
    Position,
    StoreRefusedError,
    StoreRejectedError,
    StoreUnavailableError,
    Wanted,
)
from llmgateway.store import schema, sqlite_connection, sqlite_reader
from llmgateway.store.sqlite import SqliteStore
from llmgateway.store.sqlite_reader import SqliteReader


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "store.sqlite3"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def make() -> ExchangeFactory:
    return ExchangeFactory()


async def pragma(store: SqliteStore, name: str) -> object:
    assert store._writer is not None
    return await store._writer.run(lambda connection: connection.execute(f"PRAGMA {name}").fetchone()[0])


@pytest.mark.parametrize(("durability", "synchronous"), [(Durability.PROCESS, 1), (Durability.DISK, 2)])
async def test_durability_decides_when_sqlite_syncs(path: Path, durability: Durability, synchronous: int) -> None:
    store = SqliteStore(path, durability)
    await store.open()
    assert await pragma(store, "synchronous") == synchronous
    assert await pragma(store, "journal_mode") == "wal"
    assert await pragma(store, "auto_vacuum") == 2
    assert await pragma(store, "mmap_size") == 0
    await store.close()


async def test_the_version_of_sqlite_is_told(store: SqliteStore) -> None:
    assert (await store.stats()).engine == f"SQLite {sqlite3.sqlite_version}"


async def test_opening_twice_is_opening_once(store: SqliteStore) -> None:
    writer = store._writer
    await store.open()
    assert store._writer is writer


async def test_a_reader_can_neither_write_nor_checkpoint(store: SqliteStore, path: Path, make: ExchangeFactory) -> None:
    await store.append(make.entries(1), [], [], None)
    reader = SqliteReader(path)
    assert len(await reader.page(Wanted(), limit=5)) == 1
    assert reader._connection is not None
    with pytest.raises(StoreUnavailableError, match="readonly"):
        await reader._connection.run(lambda connection: connection.execute("DELETE FROM exchange"))
    checkpoint = await reader._connection.run(
        lambda connection: connection.execute("PRAGMA wal_autocheckpoint").fetchone()[0]
    )
    assert checkpoint == 0
    await reader.close()


async def test_a_reader_needs_a_finished_store(path: Path) -> None:
    reader = SqliteReader(path)
    with pytest.raises(StoreUnavailableError, match="there is no store"):
        await reader.last_seq()
    path.parent.mkdir()
    path.touch()
    with pytest.raises(StoreUnavailableError, match="empty"):
        await reader.last_seq()
    await reader.close()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("there", ["nothing", "an empty file", "an older version's"])
async def test_whoever_comes_first_makes_the_store_also_with_a_read(
    path: Path, there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.parent.mkdir()
    if there == "an empty file":
        path.touch()
    if there == "an older version's":
        with monkeypatch.context() as patch:
            patch.setattr(schema, "MIGRATIONS", {1: schema.MIGRATIONS[1]})
            sqlite3.connect(path).close()
            older = SqliteStore(path)
            await older.open()
            await older.close()
    store = SqliteStore(path)
    assert await asyncio.gather(store.last_seq(), store.events(WantedEvents(), limit=5), store.positions()) == [
        0,
        [],
        [],
    ]
    await store.close()


async def test_a_read_after_the_end_makes_no_store(path: Path) -> None:
    store = SqliteStore(path)
    await store.close()
    with pytest.raises(StoreUnavailableError, match="there is no store"):
        await store.last_seq()
    assert not path.parent.exists()


async def test_a_read_of_a_file_that_was_moved_away_makes_no_other(store: SqliteStore, path: Path) -> None:
    path.rename(path.with_name("away"))
    with pytest.raises(StoreUnavailableError, match="moved or deleted"):
        await store.last_seq()
    assert not path.exists()


async def test_a_file_that_is_moved_while_it_is_opened_is_an_outage(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def moved(connection: sqlite3.Connection, *_: str) -> None:
        connection.close()
        raise FileNotFoundError(2, "No such file or directory", str(path))

    store = SqliteStore(path)
    with monkeypatch.context() as patched:
        patched.setattr(sqlite_connection, "_configured", moved)
        for attempt in (store.open, store.last_seq):
            with pytest.raises(StoreUnavailableError, match="No such file"):
                await attempt()
    assert await store.last_seq() == 0
    await store.close()


async def test_a_lock_held_by_somebody_else_is_an_outage(
    store: SqliteStore, path: Path, make: ExchangeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store._writer is not None
    await store._writer.run(lambda connection: connection.execute("PRAGMA busy_timeout = 20"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    entries = make.entries(2)
    with pytest.raises(StoreUnavailableError, match="locked"):
        await store.append(entries, [], [], None)
    other.execute("ROLLBACK")
    other.close()
    await store.append(entries, [], [], None)
    assert len(await store.page(Wanted(), limit=5)) == 2


async def test_a_full_disk_is_an_outage_and_passes(store: SqliteStore, make: ExchangeFactory) -> None:
    await store.append(make.entries(1), [], [], None)
    pages = await pragma(store, "page_count")
    await pragma(store, f"max_page_count = {pages}")
    entries = make.entries(200)
    with pytest.raises(StoreUnavailableError, match="full"):
        await store.append(entries, [Position("a", 1, 1)], [], b"{}")
    assert len(await store.page(Wanted(), limit=500)) == 1
    assert await store.positions() == []
    await pragma(store, "max_page_count = 1000000")
    await store.append(entries, [], [], None)
    assert len(await store.page(Wanted(), limit=500)) == 201


async def test_a_file_that_was_moved_away_takes_nothing_until_it_is_back(
    store: SqliteStore, path: Path, make: ExchangeFactory
) -> None:
    first, second = make.entries(2)
    await store.append([first], [], [], None)
    away = path.with_name("away")
    path.rename(away)
    with pytest.raises(StoreUnavailableError, match="moved or deleted"):
        await store.append([second], [], [], None)
    assert not path.exists()
    away.rename(path)
    await store.append([second], [], [], None)
    assert ids(await store.page(Wanted(), limit=5)) == ids([second.row, first.row])


async def test_a_backup_put_in_the_files_place_is_taken_up(
    store: SqliteStore, path: Path, make: ExchangeFactory, tmp_path: Path
) -> None:
    first, second = make.entries(2)
    await filled(tmp_path / "backup", make, 3)
    await store.append([first], [], [], None)
    assert len(await store.page(Wanted(), limit=9)) == 1
    for each in path.parent.iterdir():
        each.unlink()
    (tmp_path / "backup").rename(path)
    await store.append([second], [], [], None)
    assert len(await store.page(Wanted(), limit=9)) == 4


async def test_two_first_reads_at_once_share_a_connection(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = SqliteReader(path)
    opened = []
    open_reader = sqlite_reader.open_reader

    async def watched(path: Path) -> object:
        opened.append(path)
        return await open_reader(path)

    monkeypatch.setattr(sqlite_reader, "open_reader", watched)
    assert await asyncio.gather(*(reader.last_seq() for _ in range(5))) == [0] * 5
    assert len(opened) == 1
    await reader.close()


async def test_a_file_that_is_moved_during_a_batch_is_noticed_before_the_commit(
    store: SqliteStore, path: Path, make: ExchangeFactory
) -> None:
    store._identity = (0, 0)
    assert store._writer is not None

    async def sound() -> object:
        return store._writer

    store._sound_writer = sound  # type: ignore[method-assign,assignment]
    with pytest.raises(StoreUnavailableError, match="moved or deleted"):
        await store.append(make.entries(1), [], [], None)
    assert await store.page(Wanted(), limit=5) == []


async def test_a_cancelled_batch_leaves_no_transaction_open(
    store: SqliteStore, path: Path, make: ExchangeFactory
) -> None:
    task = asyncio.ensure_future(store.append(make.entries(50), [], [], None))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert store._writer is not None
    assert not await store._writer.run(lambda connection: connection.in_transaction)
    await store.append(make.entries(1), [], [], None)


async def test_a_closed_store_is_an_outage_and_no_reason_to_put_rows_aside(store: SqliteStore) -> None:
    writer = store._writer
    assert writer is not None
    await writer.close()
    with pytest.raises(StoreUnavailableError, match="not open"):
        await writer.run(lambda connection: connection.execute("SELECT 1"))


async def test_a_query_that_takes_too_long_is_stopped(
    store: SqliteStore, make: ExchangeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_connection, "PROGRESS_STEPS", 1)
    hasty = sqlite_reader.SqliteReader(store.path, query_s=-1.0)
    with pytest.raises(StoreUnavailableError, match="took longer"):
        await hasty.page(Wanted(), limit=5)
    await hasty.close()
    assert await store.page(Wanted(), limit=5) == []


async def filled(path: Path, make: ExchangeFactory, count: int) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.append(make.entries(count), [], [], None)
    await store.close()


@pytest.mark.parametrize("how", ["header", "middle", "truncated"])
async def test_a_damaged_file_is_refused_with_advice_and_left_as_it_is(
    path: Path, make: ExchangeFactory, how: str
) -> None:
    await filled(path, make, 300)
    content = bytearray(path.read_bytes())
    if how == "header":
        content[:100] = b"\xa5" * 100
    elif how == "middle":
        content[8192 : 8192 + 20_000] = b"\xa5" * 20_000
    else:
        del content[len(content) // 2 :]
    path.write_bytes(content)
    with pytest.raises(StoreRefusedError, match=r"store\.sqlite3: the store is damaged .* backup"):
        await SqliteStore(path).open()
    assert path.read_bytes() == content


async def test_a_large_file_is_checked_only_for_so_long(
    path: Path, make: ExchangeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(path, make, 300)
    monkeypatch.setattr(sqlite_connection, "CHECK_S", -1.0)
    monkeypatch.setattr(sqlite_connection, "PROGRESS_STEPS", 1)
    store = SqliteStore(path)
    await store.open()
    assert len(await store.page(Wanted(), limit=500)) == 300
    await store.close()


async def test_another_programs_file_is_refused(path: Path) -> None:
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreRefusedError, match="another program"):
        await SqliteStore(path).open()
    assert path.read_bytes() == before


async def test_a_schema_a_few_migrations_ahead_is_served_one_far_ahead_is_refused(
    path: Path, make: ExchangeFactory
) -> None:
    await filled(path, make, 1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("ALTER TABLE exchange ADD COLUMN score REAL")
    other.execute(f"PRAGMA user_version = {schema.VERSION + schema.AHEAD}")
    store = SqliteStore(path)
    await store.open()
    await store.append(make.entries(1), [], [], None)
    assert len(await store.page(Wanted(), limit=5)) == 2
    await store.close()
    other.execute(f"PRAGMA user_version = {schema.VERSION + schema.AHEAD + 1}")
    other.close()
    with pytest.raises(StoreRefusedError, match="newer llmgateway"):
        await SqliteStore(path).open()
    with pytest.raises(StoreRefusedError, match="newer llmgateway"):
        await SqliteReader(path).last_seq()


def test_a_migration_that_fails_changes_nothing_and_can_be_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    with monkeypatch.context() as patched:
        patched.setattr(schema, "APPLICATION_ID", "1; NONSENSE")
        with pytest.raises(sqlite3.Error):
            schema.prepare(connection)
    assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    schema.prepare(connection)
    schema.prepare(connection)
    assert schema.check(connection) == schema.VERSION
    connection.close()


async def test_indexes_serve_the_filters_people_use(store: SqliteStore, make: ExchangeFactory) -> None:
    from llmgateway.store.sqlite_queries import conditions

    assert store._writer is not None
    for wanted, index in [
        (Wanted(route="r"), "exchange_route"),
        (Wanted(version="v"), "exchange_version"),
        (Wanted(key="k"), "exchange_key"),
        (Wanted(status=5), "exchange_error_status"),
        (Wanted(end="interrupted"), "exchange_unfinished"),
        (Wanted(since=1.0), "sqlite_autoindex_exchange_1"),
        (Wanted(since=1.0, shadow=False), "sqlite_autoindex_exchange_1"),
        (Wanted(shadow_of="x"), "exchange_shadow_of"),
        (Wanted(route="r", shadow=False), "exchange_route"),
        (Wanted(error="guardrail_blocked"), "exchange_error_code"),
    ]:
        where, values = conditions(wanted)
        sql = f'EXPLAIN QUERY PLAN SELECT * FROM exchange WHERE {where} ORDER BY "id" DESC LIMIT 10'
        plan = await store._writer.run(
            lambda connection, sql=sql, values=values: connection.execute(sql, values).fetchall()
        )
        assert [step[3] for step in plan] and all(index in step[3] for step in plan), (wanted, plan)


async def test_what_was_judged_is_found_in_the_order_of_the_page_without_sorting(store: SqliteStore) -> None:
    from llmgateway.store import sqlite_queries as queries

    statements: list[str] = []

    def plans(connection: sqlite3.Connection, wanted: Wanted) -> list[str]:
        statements.clear()
        connection.set_trace_callback(statements.append)
        queries.page(connection, wanted, 10, None)
        queries.since_seq(connection, wanted, 0, 10)
        connection.set_trace_callback(None)
        return [str([step[3] for step in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]) for sql in statements]

    for wanted, index in [
        (Wanted(guardrail="g"), "verdict_guardrail (guardrail=?)"),
        (Wanted(guardrail="g", verdict="block"), "verdict_guardrail (guardrail=? AND action=?)"),
        (Wanted(verdict="block"), "verdict_action (action=?)"),
        (Wanted(verdict="block", route="r", since=1.0), "verdict_action (action=?)"),
    ]:
        assert store._writer is not None
        paged, followed = await store._writer.run(lambda connection, wanted=wanted: plans(connection, wanted))
        assert index in paged
        assert "verdict USING PRIMARY KEY (exchange_seq=?)" in followed
        assert "TEMP B-TREE" not in paged, (wanted, paged)


async def test_a_value_of_the_wrong_kind_is_rejected_by_name(store: SqliteStore, make: ExchangeFactory) -> None:
    with pytest.raises(StoreRejectedError, match="reply_bytes"):
        await store.append([make.entry(reply_bytes="many")], [], [], None)
