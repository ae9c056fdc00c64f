"""What every store does with what follows a rollback."""

from dataclasses import replace

from tests.support.exchanges import ExchangeFactory
from tests.support.staged import entry, record

from llmgateway.ports.aftermath import Aftermath

KEPT = Aftermath("r1", 5.0, {"exemplars": [{"exchange_id": "x", "bad": ["error"]}]})


async def test_what_was_rolled_back_is_found_until_all_is_done(store):
    for name, state, route in (("r1", "rolled_back", "a"), ("r2", "canary", "b"), ("r3", "rolled_back", "c")):
        await store.add_rollout(record(name, state=state, route=route, created_at=float(name[1])))
    assert [each.id for each in await store.unfollowed(limit=9)] == ["r1", "r3"]
    assert [each.id for each in await store.unfollowed(limit=1)] == ["r1"]
    await store.add_aftermath(KEPT)
    assert [each.id for each in await store.unfollowed(limit=9)] == ["r1", "r3"]
    await store.finish_aftermath("r1", {"review": {"added": 1}}, 6.0)
    assert [each.id for each in await store.unfollowed(limit=9)] == ["r3"]


async def test_a_bundle_is_kept_once(store):
    assert await store.aftermath("r1") is None
    assert await store.add_aftermath(KEPT) == KEPT
    assert await store.add_aftermath(replace(KEPT, at=9.0, bundle={})) == KEPT
    assert await store.aftermath("r1") == KEPT


async def test_that_all_is_done_is_noted_once(store):
    await store.add_aftermath(KEPT)
    await store.finish_aftermath("r1", {"a": 1}, 6.0)
    await store.finish_aftermath("r1", {"a": 2}, 7.0)
    assert await store.aftermath("r1") == replace(KEPT, outcome={"a": 1}, done_at=6.0)


async def test_the_candidates_exchanges_page_by_page(store):
    make = ExchangeFactory()
    entries = [
        *(entry(make, f"u{number}", version="v2") for number in range(5)),
        entry(make, "s", version="v1"),
        entry(make, "o", version="v2", rollout="other"),
    ]
    await store.append(entries, [], [], None)
    ids = [each.row["id"] for each in entries[:5]][::-1]
    first = await store.assigned_rows("r1", "v2", limit=3)
    rest = await store.assigned_rows("r1", "v2", limit=3, before=first[-1]["id"])
    assert [row["id"] for row in (*first, *rest)] == ids
    assert await store.assigned_rows("r1", "v3", limit=3) == []
