"""Review queues in every store: each item as it went in, handed out once, changed by whoever saw it last, gone with its
exchange.
"""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.exchanges import ExchangeFactory, copy_of
from tests.support.reviews import item, review

from llmgateway.domain.review import Concern, ConcernState, Item, Kind, Question, Reason, Schema, Severity, State
from llmgateway.ports import reviews as port
from llmgateway.ports.reviews import Added, Backlog, WantedItems
from llmgateway.ports.store import Store, StoreRejectedError
from llmgateway.store import sqlite_concerns, sqlite_reviews
from llmgateway.store.salvage import salvage
from llmgateway.store.sqlite import SqliteStore

NOW = 1_700_000_500.0
ALL = WantedItems()


async def added(store: Store, make: ExchangeFactory, count: int = 1, **changes: object) -> list[Item]:
    entries = make.entries(count)
    await store.append(entries, [], [], None)
    items = [item(entry.row["id"], created_at=NOW + at, **changes) for at, entry in enumerate(entries)]
    assert await store.add_items(items, max_waiting=100_000) == Added(count, 0, 0)
    return [replace(each, route="support", served="v1") for each in items]


async def every(store: Store, wanted: WantedItems = ALL) -> list[Item]:
    return await store.items(wanted, limit=1_000)


def claimed(seen: Item, who: str, until: float = NOW + 600) -> Item:
    return replace(seen, claimed_by=who, claimed_until=until, version=seen.version + 1)


async def test_an_item_comes_back_as_it_went_in_with_what_its_exchange_was(store: Store, make: ExchangeFactory) -> None:
    changes = {"note": "look\0here", "due_at": NOW + 5, "priority": 3, "needed": 2, "reason": Reason.REPORTED}
    (one,) = await added(store, make, **changes)
    assert await store.item(one.id) == replace(one, note="look\\u0000here")
    assert await store.item("nothing") is None


async def test_a_pair_has_both_versions_and_needs_both_exchanges(store: Store, make: ExchangeFactory) -> None:
    entry = make.entry()
    copy = copy_of(entry, make)
    await store.append([entry, copy], [], [], None)
    pair = item(entry.row["id"], other_id=copy.row["id"], is_swapped=True)
    half = item(entry.row["id"], other_id=make.mint())
    assert await store.add_items([pair, half, item(make.mint())], max_waiting=10) == Added(1, 0, 2)
    found = await store.item(pair.id)
    assert found is not None
    assert (found.served, found.other_served, found.is_swapped) == ("v1", "v2", True)


async def test_which_exchanges_people_still_compare_is_known(store: Store, make: ExchangeFactory) -> None:
    entry, alone = make.entries(2)
    copy = copy_of(entry, make)
    await store.append([entry, copy, alone], [], [], None)
    pair, single = item(entry.row["id"], other_id=copy.row["id"]), item(alone.row["id"])
    await store.add_items([pair, single], max_waiting=10)
    names = [each.row["id"] for each in (entry, copy, alone)]
    assert await store.in_open_pairs([*names, "nothing"]) == frozenset(names[:2])
    assert await store.in_open_pairs([]) == frozenset()
    for version, (state, is_open) in enumerate(
        [(State.DISPUTED, True), (State.DONE, False), (State.SKIPPED, False)], 1
    ):
        await store.change_item(replace(pair, state=state, version=version + 1), version)
        assert await store.in_open_pairs(names) == frozenset(names[:2] if is_open else [])


async def test_the_same_item_is_added_once_and_no_more_than_may_wait(
    store: Store, make: ExchangeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = await added(store, make, 3)
    assert await store.add_items(items, max_waiting=3) == Added(0, 3, 0)
    more = [item(each.exchange_id, queue="other") for each in items]
    assert await store.add_items(more, max_waiting=5) == Added(2, 0, 1)
    await store.change_item(replace(items[0], state=State.DONE, version=2), 1)
    assert await store.add_items(more, max_waiting=5) == Added(1, 2, 0)
    monkeypatch.setattr(sqlite_reviews, "MAX_QUEUES", 2)
    assert await store.add_items([item(items[0].exchange_id, queue="third")], max_waiting=99) == Added(0, 0, 1)


async def test_items_are_listed_in_the_order_they_are_handed_out(store: Store, make: ExchangeFactory) -> None:
    plain = await added(store, make, 2)
    (urgent,) = await added(store, make, priority=5)
    (due,) = await added(store, make, due_at=NOW + 10)
    expected = [urgent.id, due.id, *(each.id for each in plain)]
    assert [each.id for each in await every(store)] == expected
    paged, after = [], None
    while page := await store.items(ALL, limit=1, after=after):
        paged.append(page[0].id)
        after = page[0].id
    assert paged == expected
    for number, expected_id in enumerate(expected):
        found = await store.claimable("ann", NOW)
        assert found is not None
        assert found.id == expected_id
        assert await store.change_item(claimed(found, f"r{number}"), found.version)
    assert await store.claimable("ann", NOW) is None


async def test_items_are_found_by_queue_state_reason_and_route(store: Store, make: ExchangeFactory) -> None:
    await added(store, make, 2)
    (other,) = await added(store, make, queue="canary", reason=Reason.DRIFT)
    assert [each.id for each in await every(store, WantedItems(queue="canary"))] == [other.id]
    assert [each.id for each in await every(store, WantedItems(reason=Reason.DRIFT))] == [other.id]
    assert len(await every(store, WantedItems(route="support", state=State.OPEN))) == 3
    assert await every(store, WantedItems(route="nothing")) == []
    found = await store.claimable("ann", NOW, queue="canary")
    assert found is not None
    assert found.id == other.id


async def test_a_lease_that_has_ended_is_handed_out_in_its_old_place(store: Store, make: ExchangeFactory) -> None:
    first, second = await added(store, make, 2)
    await store.change_item(claimed(first, "bob", NOW + 600), 1)
    for now, expected in ((NOW, second), (NOW + 599, second), (NOW + 600, first)):
        found = await store.claimable("ann", now)
        assert found is not None
        assert found.id == expected.id
    held = await store.held("bob", NOW)
    assert held is not None
    assert held.id == first.id
    assert await store.held("bob", NOW + 600) is None
    assert await store.held("ann", NOW) is None


async def test_nobody_is_handed_what_they_have_said_something_of(store: Store, make: ExchangeFactory) -> None:
    (one,) = await added(store, make)
    said = review(one, "ann", kind=Kind.SKIP, labels={}, comment="no Greek")
    assert await store.change_item(replace(one, version=2), 1, said)
    assert await store.claimable("ann", NOW) is None
    assert await store.claimable("bob", NOW) is not None
    assert await store.reviews_of([one.id]) == {one.id: [said]}


async def test_a_change_counts_only_where_nothing_has_changed_since(store: Store, make: ExchangeFactory) -> None:
    (one,) = await added(store, make)
    assert await store.change_item(claimed(one, "ann"), 1)
    assert not await store.change_item(claimed(one, "bob"), 1, review(one, "bob"))
    found = await store.item(one.id)
    assert found is not None
    assert (found.claimed_by, found.version) == ("ann", 2)
    assert await store.reviews_of([one.id]) == {}


async def test_who_claim_at_once_never_get_the_same_item(store: Store, make: ExchangeFactory) -> None:
    """No lock but the store's own: everybody looks, tries, and looks again."""
    count = 2_000
    await added(store, make, count)
    got: list[str] = []

    async def reviewer(name: str) -> None:
        while (found := await store.claimable(name, NOW)) is not None:
            if await store.change_item(claimed(found, name), found.version):
                got.append(found.id)

    await asyncio.gather(*(reviewer(f"r{number}") for number in range(8)))
    assert len(got) == len(set(got)) == count


async def test_what_was_said_is_kept_with_the_item_that_it_closes(store: Store, make: ExchangeFactory) -> None:
    (one,) = await added(store, make)
    said = review(one, "ann", comment="because\0", correction="better")
    done = replace(one, state=State.DONE, version=2, labels={"quality": "good"}, closed_at=NOW + 9)
    assert await store.change_item(done, 1, said)
    assert await store.item(one.id) == done
    kept = replace(said, comment="because\\u0000")
    assert await store.reviewed(None) == [(done, [kept])]
    assert await store.reviewed("other") == []
    assert await store.reviewed(None, since=NOW + 1) == []
    assert await store.review_backlog(NOW) == [Backlog("default", "done", 1, NOW)]


async def test_the_backlog_tells_what_is_held_and_who_waits_longest(store: Store, make: ExchangeFactory) -> None:
    first, second, _ = await added(store, make, 3)
    await store.change_item(claimed(first, "ann", NOW + 600), 1)
    await store.change_item(replace(second, state=State.DISPUTED, version=2), 1)
    assert await store.review_backlog(NOW) == [
        Backlog("default", "claimed", 1, NOW),
        Backlog("default", "disputed", 1, NOW + 1),
        Backlog("default", "open", 1, NOW + 2),
    ]
    assert {line.status: line.count for line in await store.review_backlog(NOW + 600)} == {"open": 2, "disputed": 1}
    assert await store.waiting_since(limit=2) == [NOW, NOW + 1]


async def test_items_and_what_was_said_of_them_go_with_either_exchange(store: Store, make: ExchangeFactory) -> None:
    entry = make.entry()
    later = make.entry()
    await store.append([entry, later], [], [], None)
    pair = item(later.row["id"], other_id=entry.row["id"])
    alone = item(later.row["id"])
    await store.add_items([pair, alone], max_waiting=10)
    await store.change_item(replace(pair, version=2), 1, review(pair, labels={"preference": "left"}))
    assert await store.purge_exchanges(None, limit=1) == 1
    assert [each.id for each in await every(store)] == [alone.id]
    assert await store.reviews_of([pair.id]) == {}
    await store.purge_exchanges(None, limit=10)
    assert await every(store) == []


async def test_words_are_forgotten_as_bodies_are_and_labels_stay(store: Store, make: ExchangeFactory) -> None:
    one, two = await added(store, make, 2)
    await store.change_item(replace(one, version=2), 1, review(one, comment="old", correction="older"))
    await store.change_item(replace(two, version=2), 1, replace(review(two, comment="new"), at=NOW + 1_000))
    await store.purge_bodies(NOW, limit=100)
    said = await store.reviews_of([one.id, two.id])
    assert (said[one.id][0].comment, said[one.id][0].correction) == (None, None)
    assert said[one.id][0].labels == {"quality": "good"}
    assert said[two.id][0].comment == "new"


async def test_a_schema_s_number_keeps_its_meaning(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Schema("tone", 1, (Question("polite", ("yes", "no")),))
    second = Schema("tone", 2, (Question("polite", ("yes", "no", "unclear")),), takes_correction=False)
    assert await store.add_schema(first)
    assert await store.add_schema(second)
    assert not await store.add_schema(replace(second, questions=first.questions))
    assert (await store.schema("tone"), await store.schema("tone", 1), await store.schema("x")) == (second, first, None)
    assert await store.schemas() == [second]
    monkeypatch.setattr(sqlite_reviews, "MAX_SCHEMAS", 2)
    with pytest.raises(StoreRejectedError):
        await store.add_schema(replace(first, name="more"))


def concern(number: int, **changes: object) -> Concern:
    made = Concern(f"c{number}", NOW + number, "ann", "support", "v2", Severity.HIGH, "it is rude")
    return replace(made, **changes)  # type: ignore[arg-type]  # what a test changes


async def test_open_concerns_stand_against_a_version_or_the_whole_route(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = [concern(1), concern(2, version=None), concern(3, version="v1"), concern(4, route="other")]
    for each in about:
        await store.add_concern(each)
    assert await store.open_concerns("support", "v2") == about[:2]
    assert await store.open_concerns("support", "v1") == about[1:3]
    assert await store.open_concerns("support", "abc", "v2") == about[:2]
    assert await store.open_concerns("support") == [about[1]]
    resolved = replace(
        about[0], state=ConcernState.RESOLVED, closed_at=NOW + 9, closed_by="bob", closed_reason="the prompt says so"
    )
    assert await store.close_concern(resolved)
    assert not await store.close_concern(replace(resolved, state=ConcernState.ACCEPTED))
    assert await store.concern("c1") == resolved
    assert await store.open_concerns("support", "v2") == [about[1]]
    assert await store.concerns(limit=10) == [*reversed(about[1:]), resolved]
    assert await store.concerns(route="support", state=ConcernState.OPEN, limit=1) == [about[2]]
    monkeypatch.setattr(sqlite_concerns, "MAX_CONCERNS", 4)
    await store.add_concern(concern(5))
    assert await store.concern("c1") is None, "what was closed first makes room"
    with pytest.raises(StoreRejectedError):
        await store.add_concern(concern(6))
    assert len(await store.concerns(state=ConcernState.OPEN, limit=10)) == 4, "what is open stays"


def test_the_bounds_are_what_the_port_says() -> None:
    assert (sqlite_reviews.MAX_QUEUES, sqlite_reviews.MAX_SCHEMAS) == (port.MAX_QUEUES, port.MAX_SCHEMAS)
    assert sqlite_concerns.MAX_CONCERNS == port.MAX_CONCERNS


async def test_what_can_be_read_of_a_damaged_store_has_reviews_and_concerns(
    store: Store, make: ExchangeFactory, tmp_path: Path
) -> None:
    if not isinstance(store, SqliteStore):
        pytest.skip("only files are salvaged")
    (one,) = await added(store, make)
    said = review(one, comment="because")
    await store.change_item(replace(one, state=State.DONE, version=2, labels={"quality": "good"}), 1, said)
    await store.add_concern(concern(1))
    await store.add_schema(Schema("tone", 1, (Question("polite", ("yes", "no")),)))
    await store.close()
    salvage(store.path, tmp_path / "fresh.sqlite3")
    fresh = SqliteStore(tmp_path / "fresh.sqlite3")
    await fresh.open()
    assert (await fresh.reviewed(None))[0][1] == [said]
    assert await fresh.open_concerns("support", "v2") == [concern(1)]
    assert await fresh.schema("tone") is not None
    assert [line.count for line in await fresh.review_backlog(NOW)] == [1]
    await fresh.close()
