"""Erasures go on by themselves: past the journal, past what replays have asked, past a store that is away."""

import asyncio
from pathlib import Path

import pytest
from tests.support.exchanges import ExchangeFactory

from llmgateway.controlplane import erasing as module
from llmgateway.controlplane.erasing import Erasing, is_gone, last_segments
from llmgateway.domain.clock import ManualClock
from llmgateway.journal.layout import segment_path
from llmgateway.ports.datasets import Dataset, DatasetItem
from llmgateway.ports.erasures import Stage, Whose
from llmgateway.ports.store import Body, Entry, StoreUnavailableError
from llmgateway.replaying.prompts import prompt_hash, read
from llmgateway.store.sqlite import SqliteStore

NAME = "01700000000000-7-0a1b2c3d"
ASKED = b'{"model":"support","messages":[{"role":"user","content":"Who am I?"}]}'
ASKED_AGAIN = b'{"model":"other","messages":[{"role":"user","content":"who  am I?"}],"max_tokens":5}'


@pytest.fixture
async def store(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def make():
    return ExchangeFactory()


@pytest.fixture
def journal(tmp_path):
    folder = tmp_path / "journal" / NAME
    folder.mkdir(parents=True)
    return folder.parent


def segment(journal: Path, number: int, content: bytes = b"records") -> Path:
    path = segment_path(journal / NAME, number)
    path.write_bytes(content)
    return path


def erasing(store, journal, make) -> Erasing:
    return Erasing(store, journal, ManualClock(time=make.clock.time() + 10))


async def append(store, make, *changes, request=ASKED):
    entries = [
        Entry(make.row(**each), [Body("request", "application/json", len(request), request)]) for each in changes
    ]
    await store.append(entries, [], [], None)
    return [entry.row["id"] for entry in entries]


async def emptied(store):
    return [row["id"] for row in await store.since_seq(module.Wanted(), seq=0, limit=99) if row["erased_at"]]


async def test_it_waits_for_what_the_journal_had_and_for_how_that_ended(store, make, journal):
    mine = await append(store, make, {"user": "ada"})
    first = segment(journal, 3)
    work = erasing(store, journal, make)
    erasure = await work.begin(Whose(user="ada"), "bob")
    assert await work.settle()
    assert (await store.erasure(erasure.id)).stage is Stage.WAITING
    assert await emptied(store) == mine
    second = segment(journal, 4)
    first.unlink()
    assert await work.settle()
    assert (await store.erasure(erasure.id)).stage is Stage.WAITING  # how it ended may be written there
    segment(journal, 5)  # what came later is none of its business
    second.unlink()
    await work.settle()
    done = await store.erasure(erasure.id)
    assert (done.stage, done.erased, done.by) == (Stage.DONE, 1, "bob")
    assert not await work.settle()


async def test_another_process_waits_anew(store, make, journal):
    await append(store, make, {"user": "ada"})
    first = segment(journal, 3)
    erasure = await erasing(store, journal, make).begin(Whose(user="ada"), "bob")
    work = erasing(store, journal, make)
    await work.settle()
    assert (await store.erasure(erasure.id)).stage is Stage.WAITING
    first.unlink()
    await work.settle()
    assert (await store.erasure(erasure.id)).stage is Stage.DONE


async def test_one_that_waits_keeps_nobody_from_the_next(store, make, journal):
    both = await append(store, make, {"user": "ada"}, {"user": "eve"})
    segment(journal, 3)
    work = erasing(store, journal, make)
    for user in ("ada", "eve"):
        await work.begin(Whose(user=user), "bob")
        await work.settle()
    assert await emptied(store) == both


def test_an_empty_segment_holds_nothing(journal):
    segment(journal, 3, b"")
    marks = last_segments(journal)
    assert marks == {NAME: 3}
    assert is_gone(journal, marks)
    segment(journal, 2)
    assert not is_gone(journal, marks)
    assert is_gone(journal, {"01700000000000-8-0a1b2c3d": 3})
    assert last_segments(journal / "none") == {}


async def test_what_a_replay_asked_once_more_is_found_by_what_it_asks(store, make, journal):
    tags = {"replay": make.mint()}
    mine = await append(store, make, {"user": "ada"})
    again = await append(store, make, {"assigned_by": "pin", "tags": tags}, request=ASKED_AGAIN)
    other = await append(store, make, {"assigned_by": "pin", "tags": tags}, request=b'{"messages":[]}')
    await append(store, make, {}, request=ASKED_AGAIN)  # somebody else's, who asked the same
    item = DatasetItem(0, mine[0], prompt_hash(read(ASKED)), "openai", "/v1/x", None, (), {}, ASKED, None)
    dataset = await store.add_dataset(Dataset("golden", 0, "support", 1.0, "bob", {}))
    await store.add_dataset_items("golden", dataset.version, [item])
    work = erasing(store, journal, make)
    await work.begin(Whose(tuple(mine)), "bob")
    await work.settle()
    assert await emptied(store) == [*mine, *again]
    assert other


async def test_free_pages_go_and_a_log_that_is_read_is_waited_for(store, make, journal, monkeypatch):
    await append(store, make, {"user": "ada"}, request=b'"' + bytes(range(35, 91)) * 4_000 + b'"')
    work = erasing(store, journal, make)
    erasure = await work.begin(Whose(user="ada"), "bob")
    monkeypatch.setattr(store, "clean", lambda: asyncio.sleep(0, result=False))
    await work.settle()
    assert (await store.erasure(erasure.id)).stage is Stage.CLEANING
    assert (await store.stats()).free_bytes == 0
    monkeypatch.undo()
    await work.settle()
    assert (await store.erasure(erasure.id)).stage is Stage.DONE


async def test_a_store_that_is_away_is_waited_for(store, make, journal, monkeypatch):
    monkeypatch.setattr(module, "LOOK_S", 0.001)
    await append(store, make, {"user": "ada"})
    work = erasing(store, journal, make)
    erasure = await work.begin(Whose(user="ada"), "bob")
    whole = store.advance_erasure
    tries = []

    async def away(name):
        tries.append(name)
        if len(tries) < 3:
            raise StoreUnavailableError("away")
        return await whole(name)

    monkeypatch.setattr(store, "advance_erasure", away)
    running = asyncio.ensure_future(work.run())
    async with asyncio.timeout(20):
        while (await store.erasure(erasure.id)).stage is not Stage.DONE or work.waiting.error is not None:
            await asyncio.sleep(0.001)
    running.cancel()
    assert len(tries) > 3


async def test_too_many_at_once_are_refused(store, make, journal, monkeypatch):
    monkeypatch.setattr("llmgateway.store.sqlite_erasures.MAX_PENDING", 0)
    assert await erasing(store, journal, make).begin(Whose(user="ada"), "bob") is None
