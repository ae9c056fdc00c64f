"""Real journal folders go into a real store."""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.exchanges import REPLY, REQUEST, ExchangeFactory, ids, verdict
from tests.support.ingesting import CountingLedger, Plant, Worker

from llmgateway.controlplane import backlog, follow, ingest, save
from llmgateway.journal import records
from llmgateway.journal.frame import pack, unpack
from llmgateway.ports.store import StoreUnavailableError, Wanted


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "POLL_S", 0.01)
    monkeypatch.setattr(save, "RETRY_MIN_S", 0.01)
    monkeypatch.setattr(save, "RETRY_MAX_S", 0.02)


@pytest.fixture
def make() -> ExchangeFactory:
    return ExchangeFactory()


@pytest.fixture
def worker(tmp_path: Path, make: ExchangeFactory) -> Iterator[Worker]:
    worker = Worker(tmp_path, make)
    yield worker
    worker.close()


async def stored(plant: Plant) -> list[dict[str, Any]]:
    return (await plant.store.page(Wanted(), limit=10_000))[::-1]


async def test_an_exchange_comes_over_whole(tmp_path: Path, worker: Worker) -> None:
    (exchange_id,) = worker.carry(1, user="u", tags={"a": "b"})
    async with Plant(tmp_path).running() as plant:
        await plant.drained()
        row = await plant.store.exchange(exchange_id)
        assert row is not None
        assert (row["route"], row["user"], row["tags"], row["input_tokens"]) == ("support", "u", {"a": "b"}, 120)
        assert row["ended_at"] == pytest.approx(row["at"] + 0.5)
        assert [attempt["backend"] for attempt in row["attempts"]] == ["primary"]
        bodies = (await plant.store.bodies([row["seq"]]))[row["seq"]]
        assert [(body.kind, body.content) for body in bodies] == [("request", REQUEST), ("reply", REPLY)]
        assert [seen["seq"] for seen in plant.seen] == [row["seq"]]


async def test_a_refused_exchange_comes_over_in_one_record(
    tmp_path: Path, worker: Worker, make: ExchangeFactory
) -> None:
    exchange = make.exchange(status=404, end="refused", attempts=[])
    worker.writer.append(records.refused(exchange, make.clock.monotonic(), None), may_use_reserve=False)
    async with Plant(tmp_path).running() as plant:
        await plant.drained()
        assert [(row["id"], row["end"]) for row in await stored(plant)] == [(exchange.id, "refused")]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([verdict(), verdict(stage="reply", count=3)], [verdict(), verdict(stage="reply", count=3)]),
        ([verdict(), {"count": 2**62}, verdict(kind=["x"]), 7, verdict(kind="b")], [verdict(), verdict(kind="b")]),
        ({"guardrail": "x"}, []),
        ("redact", []),
        ([[[[]]]], []),
    ],
)
async def test_verdicts_come_over_and_bad_ones_hold_nobody_up(
    tmp_path: Path, worker: Worker, make: ExchangeFactory, given: Any, kept: list[dict[str, Any]]
) -> None:
    exchange = make.exchange(end="refused", attempts=[], verdicts=given)
    worker.writer.append(records.refused(exchange, make.clock.monotonic(), None), may_use_reserve=False)
    behind = worker.carry(2)
    async with Plant(tmp_path).running() as plant:
        await plant.drained()
        assert ids(await stored(plant)) == [exchange.id, *behind]
        assert (await plant.store.exchange(exchange.id) or {})["verdicts"] == kept
        assert plant.ingester.dead_letters.count == 0


async def test_an_open_exchange_waits_and_pins_its_place(tmp_path: Path, worker: Worker) -> None:
    slow = worker.admit()
    quick = worker.carry(3)
    async with Plant(tmp_path).running() as plant:
        await plant.drained()
        assert ids(await stored(plant)) == quick
        assert plant.ingester.lag().open == 1
        assert [(place.segment, place.offset) for place in await plant.store.positions()] in ([], [(0, 0)])
        worker.settle(slow)
        await plant.drained()
        assert slow.id in ids(await stored(plant))
        assert plant.ingester.lag().open == 0
        (place,) = await plant.store.positions()
        assert place.offset > 0


@pytest.mark.parametrize(("held", "held_bytes"), [(0, 1 << 30), (10_000, 0), (1, 1)])
async def test_facts_that_were_not_held_in_memory_are_read_again(
    tmp_path: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch, held: int, held_bytes: int
) -> None:
    monkeypatch.setattr(follow, "MAX_HELD", held)
    monkeypatch.setattr(follow, "MAX_HELD_BYTES", held_bytes)
    slow = [worker.admit() for _ in range(5)]
    async with Plant(tmp_path).running() as plant:
        await plant.drained()
        for exchange in slow:
            worker.settle(exchange)
        await plant.drained()
        rows = await stored(plant)
        assert [row["route"] for row in rows] == ["support"] * 5
        bodies = await plant.store.bodies([row["seq"] for row in rows])
        assert all([body.content for body in each] == [REQUEST, REPLY] for each in bodies.values())
        assert plant.ingester.backlog.counts.orphans == 0


async def test_what_a_dead_worker_left_open_was_interrupted_and_its_folder_goes(tmp_path: Path, worker: Worker) -> None:
    lost = worker.admit()
    done = worker.carry(2)
    async with Plant(tmp_path).running() as plant:
        await plant.drained()
        assert ids(await stored(plant)) == done
        worker.close()
        await plant.drained()
        row = await plant.store.exchange(lost.id)
        assert row is not None
        assert (row["end"], row["status"], row["duration_s"], row["route"]) == ("interrupted", None, None, "support")
        await plant.drained()
        await plant.drained()
        assert [each.name for each in plant.journal.iterdir()] == []
        assert await plant.store.positions() == []
        assert plant.ledger.count == 3


async def test_segments_are_unlinked_once_they_are_in_the_store(tmp_path: Path, make: ExchangeFactory) -> None:
    worker = Worker(tmp_path, make, segment_bytes=16 * 1024)
    done = worker.carry(100)
    async with Plant(tmp_path).running() as plant:
        await plant.drained()
        await plant.drained()
        assert ids(await stored(plant)) == done
        left = list(plant.journal.glob("*/*.seg"))
        assert len(left) == 1
    worker.close()


async def test_what_was_left_behind_is_read_at_once(
    tmp_path: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "POLL_S", 1e6)
    worker.carry(1)
    async with Plant(tmp_path).running() as plant, asyncio.timeout(10):
        while plant.ledger.count < 1:
            await asyncio.sleep(0.01)


async def test_a_new_worker_is_found(tmp_path: Path, worker: Worker) -> None:
    async with Plant(tmp_path).running() as plant:
        await plant.drained()
        second = Worker(tmp_path, worker.make)
        done = second.carry(2) + worker.carry(1)
        async with asyncio.timeout(10):
            while plant.ledger.count < 3:
                await asyncio.sleep(0.01)
        assert sorted(ids(await stored(plant))) == sorted(done)
        second.close()


async def test_starting_again_repeats_nothing(tmp_path: Path, worker: Worker) -> None:
    slow = worker.admit()  # keeps the position back, so that the rest is read again
    done = worker.carry(20)
    async with Plant(tmp_path).running() as plant:
        await plant.drained()
    worker.settle(slow)
    again = worker.carry(5)
    async with Plant(tmp_path).running() as plant:
        await plant.drained()
        assert sorted(ids(await stored(plant))) == sorted([slow.id, *done, *again])
        assert plant.ingester.counts.known == 20
        assert plant.ingester.counts.exchanges == 6
        assert plant.ledger.count == 26
        assert await plant.store.ledger() == {"count": 26, "tokens": 26 * 120}
        assert len(plant.seen) == 6


async def test_run_may_be_called_again_after_it_failed(
    tmp_path: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = worker.carry(3)
    plant = Plant(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(CountingLedger, "observe", lambda self, rows: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(plant.ingester.run(), 10)
    async with plant.running():
        await plant.drained()
        assert ids(await stored(plant)) == done
        assert plant.ledger.count == 3


async def test_a_poison_record_is_put_aside_and_the_rest_goes_on(tmp_path: Path, worker: Worker) -> None:
    before = worker.carry(10)
    poison = worker.make.exchange(reply_bytes="many")
    worker.writer.append(records.admitted(poison, records.Body(REQUEST, len(REQUEST))), may_use_reserve=False)
    worker.settle(poison)
    after = worker.carry(10)
    async with Plant(tmp_path).running() as plant:
        await plant.drained()
        assert ids(await stored(plant)) == before + after
        assert plant.ingester.dead_letters.count == 1
        assert plant.ledger.count == 20
        (letter,) = (plant.journal / "dead-letter").iterdir()
        record = unpack(letter.read_bytes())
        assert record.meta["id"] == poison.id
        assert "reply_bytes" in record.meta["reason"]
        assert record.blobs == {"request": REQUEST, "reply": REPLY}
        await plant.drained()
        assert plant.ingester.lag().bytes == 0


@pytest.mark.parametrize(
    "meta", [{}, {"k": "settled", "id": "no"}, {"k": "boo", "id": "018bcfe5-6803-7000-9cd5-a824485e4292"}]
)
async def test_a_record_that_no_worker_writes_is_put_aside(
    tmp_path: Path, worker: Worker, meta: dict[str, Any]
) -> None:
    worker.writer.append(pack(dict(meta), [("request", b"hello")]), may_use_reserve=False)
    done = worker.carry(1)
    async with Plant(tmp_path).running() as plant:
        await plant.drained()
        assert ids(await stored(plant)) == done
        (letter,) = (plant.journal / "dead-letter").iterdir()
        assert unpack(letter.read_bytes()).blobs == {"request": b"hello"}


async def test_settled_without_facts_is_stored_and_counted(
    tmp_path: Path, worker: Worker, make: ExchangeFactory
) -> None:
    exchange = make.exchange()
    worker.settle(exchange)
    async with Plant(tmp_path).running() as plant:
        await plant.drained()
        (row,) = await stored(plant)
        assert (row["id"], row["route"], row["status"]) == (exchange.id, None, 200)
        assert plant.ingester.backlog.counts.orphans == 1


async def test_halves_that_are_read_again_after_a_restart_are_no_orphans(tmp_path: Path, worker: Worker) -> None:
    """The position stays at the oldest open exchange: of one that began before it, only the end is read again."""
    early, late = worker.admit(), worker.admit()
    async with Plant(tmp_path).running() as plant:
        worker.settle(early)
        await plant.drained()
    async with Plant(tmp_path).running() as plant:
        worker.settle(late)
        await plant.drained()
        assert [(row["id"], row["route"]) for row in await stored(plant)] == [
            (early.id, "support"),
            (late.id, "support"),
        ]
        assert plant.ingester.counts.known == 1
        assert plant.ingester.backlog.counts.orphans == 0


async def test_a_locked_store_is_waited_for_and_nothing_is_counted_twice(tmp_path: Path, worker: Worker) -> None:
    plant = Plant(tmp_path)
    await plant.store.open()
    assert plant.store._writer is not None
    await plant.store._writer.run(lambda connection: connection.execute("PRAGMA busy_timeout = 1"))
    async with plant.running():
        await plant.drained()
        other = sqlite3.connect(plant.store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        done = worker.carry(5)
        async with asyncio.timeout(10):
            while plant.ingester.counts.retries < 5:
                await asyncio.sleep(0.01)
        assert "locked" in (plant.ingester.error or "")
        assert plant.ingester.lag().records == 10
        assert plant.ledger.count == 0
        other.execute("ROLLBACK")
        other.close()
        await plant.drained()
        assert plant.ingester.error is None
        assert ids(await stored(plant)) == done
        assert plant.ledger.count == 5


async def test_a_store_that_is_not_there_at_the_start_is_waited_for(
    tmp_path: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = worker.carry(2)
    plant = Plant(tmp_path)
    answers = [StoreUnavailableError("away")] * 3
    opened = plant.store.open

    async def opens() -> None:
        if answers:
            raise answers.pop()
        await opened()

    monkeypatch.setattr(plant.store, "open", opens)
    async with plant.running():
        await plant.drained()
        assert ids(await stored(plant)) == done
        assert plant.ingester.counts.retries == 3


async def test_being_cancelled_while_the_store_is_away_loses_nothing(tmp_path: Path, worker: Worker) -> None:
    done = worker.carry(4)
    first = Plant(tmp_path)
    await first.store.open()
    other = sqlite3.connect(first.store.path, isolation_level=None)
    assert first.store._writer is not None
    await first.store._writer.run(lambda connection: connection.execute("PRAGMA busy_timeout = 1"))
    async with first.running():
        other.execute("BEGIN IMMEDIATE")
        async with asyncio.timeout(10):
            while first.ingester.counts.retries < 2:
                await asyncio.sleep(0.01)
    other.execute("ROLLBACK")
    other.close()
    async with Plant(tmp_path).running() as plant:
        await plant.drained()
        assert ids(await stored(plant)) == done
        assert plant.ledger.count == 4


async def test_batches_are_bounded_by_records_and_bytes(
    tmp_path: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = worker.carry(300)
    plant = Plant(tmp_path)
    sizes: list[int] = []
    append = plant.store.append

    async def watched(entries: Any, *rest: Any, **more: Any) -> None:
        sizes.append(len(entries))
        await append(entries, *rest, **more)

    monkeypatch.setattr(plant.store, "append", watched)
    monkeypatch.setattr(backlog, "MAX_RECORDS", 150)
    async with plant.running():
        await plant.drained()
    assert max(sizes) <= 75
    assert sum(sizes) == len(done)
    monkeypatch.setattr(backlog, "MAX_BYTES", 20_000)
    sizes.clear()
    worker.carry(100)
    plant = Plant(tmp_path)
    append = plant.store.append
    monkeypatch.setattr(plant.store, "append", watched)
    async with plant.running():
        await plant.drained()
    assert max(sizes) <= 8
    assert sum(sizes) == 100


async def test_the_lag_tells_how_far_behind_the_store_is(tmp_path: Path, worker: Worker) -> None:
    worker.carry(50)
    async with Plant(tmp_path).running() as plant:
        assert plant.ingester.lag().records == 0
        await plant.drained()
        lag = plant.ingester.lag()
        assert (lag.records, lag.bytes, lag.open) == (0, 0, 0)
        assert lag.seconds < 5
        assert "50 stored" in repr(plant.ingester)
