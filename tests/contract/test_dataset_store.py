"""Datasets and replays in every store: written once, read as they went in, erased for good."""

from dataclasses import replace

import pytest

from llmgateway.ports.datasets import Dataset, DatasetError, DatasetItem, DatasetMissingError, ReplayRecord
from llmgateway.ports.store import Store
from llmgateway.store import sqlite_datasets, sqlite_replays

NEW = Dataset("golden", 0, "chat", 1_700_000_000.0, "ana", {"seed": 7})
LONG = b'{"messages":[{"role":"user","content":"' + b"hello " * 200 + b'"}]}'
REPLAY = ReplayRecord("r-1", 1.0, "ana", "golden", 1, "chat", "v2", "v1", {"max_cost": 1.5}, candidate_hash="id-2")


def item(ordinal: int, exchange_id: str | None = None, request: bytes = b'{"a":1}') -> DatasetItem:
    return DatasetItem(
        ordinal,
        exchange_id or f"x-{ordinal}",
        f"h-{ordinal}",
        "openai",
        "/v1/chat/completions",
        "v1",
        ("pii.email",),
        {"status": 200},
        request,
        b'{"b":2}',
    )


async def sealed(store: Store, *items: DatasetItem) -> Dataset:
    begun = await store.add_dataset(NEW)
    await store.add_dataset_items(begun.name, begun.version, items)
    return await store.seal_dataset(begun.name, begun.version, "hash")


async def every(store: Store, version: int = 1) -> list[DatasetItem]:
    return await store.dataset_items("golden", version, limit=100, limit_bytes=1 << 20)


async def test_a_version_comes_back_as_it_went_in_and_the_next_has_its_own_number(store: Store) -> None:
    first = await sealed(store, item(0), item(1, request=LONG))
    assert await every(store) == [item(0), item(1, request=LONG)]
    assert (first.version, first.items, first.content_hash, first.built) == (1, 2, "hash", {"seed": 7})
    second = await sealed(store)
    assert [each.version for each in await store.datasets("golden")] == [2, 1]
    assert await store.datasets("other") == []
    assert (await store.datasets())[1] == first
    assert second.items == 0


async def test_what_is_sealed_takes_nothing_more_and_no_other_hash(store: Store) -> None:
    await sealed(store, item(0))
    with pytest.raises(DatasetError, match="sealed"):
        await store.add_dataset_items("golden", 1, [item(1)])
    with pytest.raises(DatasetError, match="sealed"):
        await store.seal_dataset("golden", 1, "another")
    assert (await store.seal_dataset("golden", 1, "hash")).items == 1


async def test_items_sent_again_count_once(store: Store) -> None:
    begun = await store.add_dataset(NEW)
    await store.add_dataset_items("golden", begun.version, [item(0), item(1)])
    told = await store.add_dataset_items("golden", begun.version, [item(1), item(2)])
    assert told.items == 3


async def test_pages_are_bounded_by_count_and_by_bytes_and_never_empty(store: Store) -> None:
    await sealed(store, *(item(number, request=LONG) for number in range(5)))
    page = await store.dataset_items("golden", 1, limit=2, limit_bytes=1 << 20)
    assert [each.ordinal for each in page] == [0, 1]
    page = await store.dataset_items("golden", 1, after=1, limit=9, limit_bytes=1)
    assert [each.ordinal for each in page] == [2]


async def test_an_erased_item_is_gone_from_every_version_and_the_versions_say_so(store: Store) -> None:
    await sealed(store, item(0, "secret"), item(1))
    await sealed(store, item(0), item(1, "secret"))
    await sealed(store, item(0))
    assert await store.erase_dataset_items(at=5.0, exchange_id="secret", dataset=None) == 2
    assert await store.erase_dataset_items(at=6.0, exchange_id="secret", dataset=None) == 0
    gone = (await every(store))[0]
    assert gone == DatasetItem(0, "secret", None, None, None, erased_at=5.0)
    assert [each.erased for each in await store.datasets("golden")] == [0, 1, 1]
    before = (await store.datasets("golden"))[0].bytes
    assert (await store.datasets("golden"))[2].bytes == before > 0


async def test_a_whole_version_can_be_erased(store: Store) -> None:
    await sealed(store, item(0), item(1))
    assert await store.erase_dataset_items(at=5.0, exchange_id=None, dataset=("golden", 1)) == 2
    told = (await store.datasets("golden"))[0]
    assert (told.erased, told.bytes, told.items) == (2, 0, 2)


async def test_what_is_missing_is_said(store: Store) -> None:
    with pytest.raises(DatasetMissingError):
        await store.add_dataset_items("golden", 1, [item(0)])
    with pytest.raises(DatasetMissingError):
        await every(store)
    with pytest.raises(DatasetMissingError):
        await store.add_pairs("r-9", [(0, b"{}")], 0.0)
    with pytest.raises(DatasetMissingError):
        await store.end_replay("r-9", "worse", "worse")
    assert await store.replay("r-9") is None


async def test_the_bounds_hold_and_nothing_of_a_batch_too_many_stays(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_datasets, "MAX_ITEMS", 2)
    begun = await store.add_dataset(NEW)
    with pytest.raises(DatasetError, match="2 items"):
        await store.add_dataset_items("golden", begun.version, [item(0), item(1), item(2)])
    assert await every(store) == []
    monkeypatch.setattr(sqlite_datasets, "MAX_DATASETS", 1)
    with pytest.raises(DatasetError, match="room for 1"):
        await store.add_dataset(NEW)
    await store.add_dataset_items("golden", begun.version, [item(0)])
    await store.erase_dataset_items(at=5.0, exchange_id=None, dataset=("golden", begun.version))
    assert (await store.add_dataset(NEW)).version == 2  # what was wholly erased takes no room


async def test_a_replay_keeps_its_pairs_and_its_end(store: Store) -> None:
    await store.add_replay(REPLAY)
    await store.add_pairs("r-1", [(0, b'{"n":0}'), (1, b'{"n":1}')], 0.25)
    await store.add_pairs("r-1", [(1, b'{"n":9}'), (2, b'{"n":2}')], 0.5)
    assert await store.replay_pairs("r-1", after=0, limit=10) == [(1, b'{"n":1}'), (2, b'{"n":2}')]
    ended = await store.end_replay("r-1", "worse", "worse")
    assert ended == replace(REPLAY, ended="worse", verdict="worse", pairs=3, cost_usd=0.5)
    assert await store.replay("r-1") == ended


async def test_the_oldest_replays_are_forgotten(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_replays, "MAX_REPLAYS", 2)
    for number in range(4):
        await store.add_replay(replace(REPLAY, id=f"r-{number}", created_at=float(number)))
        await store.add_pairs(f"r-{number}", [(0, b"{}")], 0.0)
    assert [each.id for each in await store.replays(limit=10)] == ["r-3", "r-2"]
    assert await store.replay_pairs("r-0", limit=10) == []
