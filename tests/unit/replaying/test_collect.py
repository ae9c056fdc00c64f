"""Samples of the log: seeded, even over strata if asked, without doubles and without replays."""

import json
from collections import Counter

import pytest
from tests.support.exchanges import ExchangeFactory

from llmgateway.ports.store import Body, Entry, Wanted
from llmgateway.replaying import sample
from llmgateway.replaying.collect import Order, collect, told
from llmgateway.replaying.sample import OTHER, Sample, Stratify
from llmgateway.store.sqlite import SqliteStore


@pytest.fixture
async def store(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    yield store
    await store.close()


def entry(make, text, **changes):
    request = json.dumps({"messages": [{"role": "user", "content": text}]}).encode()
    facts = {"operation": "chat.completions", **changes}
    return Entry(make.row(**facts), (Body("request", "application/json", len(request), request),))


async def filled(store, *entries):
    await store.append(list(entries), [], [], None)


def texts(collected):
    return [json.loads(item.request)["messages"][0]["content"] for item in collected.items]


async def test_the_same_seed_draws_the_same_and_another_seed_another(store):
    make = ExchangeFactory()
    await filled(store, *(entry(make, f"q {number}") for number in range(60)))
    first = texts(await collect(store, Order(Wanted(), 10, seed=1)))
    assert texts(await collect(store, Order(Wanted(), 10, seed=1))) == first
    assert texts(await collect(store, Order(Wanted(), 10, seed=2))) != first
    assert len(set(first)) == 10


async def test_strata_take_turns_so_that_the_rare_are_there(store):
    make = ExchangeFactory()
    common = [entry(make, f"q {number}", finish_reason="stop") for number in range(50)]
    rare = [entry(make, f"r {number}", finish_reason="length") for number in range(3)]
    await filled(store, *common, *rare)
    collected = await collect(store, Order(Wanted(), 10, by=Stratify.FINISH_REASON))
    assert Counter(item.stratum for item in collected.items) == {"stop": 7, "length": 3}
    assert [item.ordinal for item in collected.items] == list(range(10))


async def test_doubles_replays_and_what_is_no_item_are_left_out(store):
    make = ExchangeFactory()
    await filled(
        store,
        entry(make, "one"),
        entry(make, " ONE "),
        entry(make, "two", assigned_by="pin", tags={"replay": "r-1"}),
        entry(make, "three", tags={"replay": "the caller's own word"}),
        entry(make, "four", operation="embeddings"),
    )
    order = Order(Wanted(), 10)
    collected = await collect(store, order)
    assert sorted(text.strip().lower() for text in texts(collected)) == ["one", "three"]
    assert told(order, collected)["left_out"] == {"duplicate": 1, "operation": 1}
    assert (collected.seen, collected.is_cut) == (4, False)


async def test_the_look_is_bounded_and_says_so(store):
    make = ExchangeFactory()
    await filled(store, *(entry(make, f"q {number}") for number in range(20)))
    collected = await collect(store, Order(Wanted(), 50, scan=5))
    assert sorted(texts(collected)) == [f"q {number}" for number in range(15, 20)]
    assert collected.is_cut


def test_strata_are_bounded(monkeypatch):
    monkeypatch.setattr(sample, "MAX_STRATA", 2)
    drawing, make = Sample(0, Stratify.KEY), ExchangeFactory()
    for name in "abcab":
        drawing.add(make.row(key=name))
    drawing.add(make.row(key=None))
    assert Counter(stratum for stratum, _ in drawing.drawn()) == {"a": 2, "b": 2, OTHER: 2}
