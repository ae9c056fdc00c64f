"""What is too old or too much goes, in small steps."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.exchanges import ExchangeFactory

from llmgateway.config.snapshot import Data, Snapshot
from llmgateway.controlplane import retention
from llmgateway.controlplane.retention import Retention
from llmgateway.ports.store import Body, Entry, StoreUnavailableError, Wanted
from llmgateway.store.sqlite import SqliteStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def make() -> ExchangeFactory:
    return ExchangeFactory()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PAUSE_S", 0.0)


async def count(store: SqliteStore) -> int:
    return len(await store.page(Wanted(), limit=10_000))


async def test_by_age_bodies_go_first_then_exchanges(store: SqliteStore, make: ExchangeFactory) -> None:
    await store.append(make.entries(30), [], [], None)
    make.clock.advance(3600)
    await store.append(make.entries(10), [], [], None)
    keeper = Retention(store, Data(keep_exchanges_s=None, keep_bodies_s=1800), make.clock)
    swept = await keeper.sweep()
    assert (swept.exchanges, swept.bodies) == (0, 60)
    keeper.configure(Snapshot(2, data=Data(keep_exchanges_s=1800, keep_bodies_s=None)))
    assert (await keeper.sweep()).exchanges == 30
    assert await count(store) == 10
    assert (keeper.total.exchanges, keeper.total.bodies) == (30, 60)


async def test_for_ever_is_for_ever(store: SqliteStore, make: ExchangeFactory) -> None:
    await store.append(make.entries(5), [], [], None)
    make.clock.advance(1e9)
    await Retention(store, Data(keep_exchanges_s=None, keep_bodies_s=None), make.clock).sweep()
    assert await count(store) == 5


async def test_batches_are_bounded_and_others_get_their_turn(
    store: SqliteStore, make: ExchangeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH_ROWS", 10)
    await store.append(make.entries(35), [], [], None)
    limits: list[int] = []
    purge = store.purge_exchanges

    async def watched(before: float | None, *, limit: int) -> int:
        limits.append(limit)
        return await purge(before, limit=limit)

    store.purge_exchanges = watched  # type: ignore[method-assign]
    make.clock.advance(100)
    sweep = asyncio.ensure_future(Retention(store, Data(keep_exchanges_s=1), make.clock).sweep())
    await asyncio.sleep(0)
    await store.append(make.entries(1), [], [], None)
    assert not sweep.done()
    await sweep
    assert limits == [10, 10, 10, 10]
    assert await count(store) == 1


async def test_by_size_the_oldest_go_and_the_file_gets_smaller(store: SqliteStore, make: ExchangeFactory) -> None:
    noise = random.Random(1)
    entries = [Entry(make.row(), [Body("request", "x", 1, noise.randbytes(8_000))]) for _ in range(600)]
    for at in range(0, 600, 100):
        await store.append(entries[at : at + 100], [], [], None)
    assert store._writer is not None
    await store._writer.run(lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
    size = store.path.stat().st_size
    limit = (await store.stats()).used_bytes // 2
    swept = await Retention(store, Data(keep_bodies_s=None, max_store_bytes=limit), make.clock).sweep()
    assert 0 < swept.exchanges < 600
    assert (await store.stats()).used_bytes <= limit
    assert (await store.page(Wanted(), limit=1))[0]["id"] == entries[-1].row["id"]
    await store._writer.run(lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
    assert store.path.stat().st_size < size
    assert (await store.stats()).free_bytes <= 4096  # a page at most


async def test_an_empty_store_over_its_limit_does_not_go_on_for_ever(store: SqliteStore, make: ExchangeFactory) -> None:
    swept = await Retention(store, Data(max_store_bytes=1), make.clock).sweep()
    assert swept.exchanges == 0


async def test_a_store_that_is_away_is_tried_again_later(
    store: SqliteStore, make: ExchangeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "INTERVAL_S", 0.0)
    answers: list[Any] = [StoreUnavailableError("locked"), StoreUnavailableError("locked"), 0]
    asked = asyncio.Event()

    async def purge(before: float | None, *, limit: int) -> int:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        asked.set()
        return answer

    store.purge_exchanges = purge  # type: ignore[method-assign]
    keeper = Retention(store, Data(keep_exchanges_s=1), make.clock)
    task = asyncio.ensure_future(keeper.run())
    await asyncio.wait_for(asked.wait(), 10)
    await asyncio.wait_for(_until_ok(keeper), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _until_ok(keeper: Retention) -> None:
    while keeper.waiting.error is not None:
        await asyncio.sleep(0)
