"""What comes into the queue by itself: through the ingester's and the scores' words, bounded, and waiting for the store."""

import asyncio
from contextlib import suppress

import pytest
from tests.support.exchanges import ExchangeFactory, verdict
from tests.support.scores import score

from llmgateway.config.review import Review
from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane import reviewfeed
from llmgateway.controlplane.reviewfeed import ReviewFeed
from llmgateway.controlplane.reviewing import Reviewing
from llmgateway.controlplane.scoring import Scoring
from llmgateway.domain.clock import ManualClock
from llmgateway.domain.review import Reason
from llmgateway.ports.reviews import WantedItems
from llmgateway.store.sqlite import SqliteStore


class Fed:
    """A store, and a feed that brings things into its queues."""

    def __init__(self, store, settings):
        self.store, self.settings, self.clock = store, settings, ManualClock()
        self.make = ExchangeFactory()
        self.feed = ReviewFeed(self.clock)
        self.feed.serve(Reviewing(store, lambda: self.settings, self.clock, changed=self.feed.changed))

    async def ingest(self, count=1, **changes):
        entries = self.make.entries(count, **changes)
        await self.store.append(entries, [], [], None)
        self.feed.came([entry.row for entry in entries])
        return [entry.row["id"] for entry in entries]

    async def items(self):
        await self.feed.settle()
        return await self.store.items(WantedItems(), limit=1_000)


@pytest.fixture
async def fed(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    yield Fed(store, Review(random=1.0))
    await store.close()


async def test_what_was_drawn_is_in_the_queue_once_however_often_it_is_told(fed):
    ids = await fed.ingest(2)
    fed.feed.came([{"id": each, "route": "support", "end": "completed"} for each in ids])
    items = await fed.items()
    assert sorted(each.exchange_id for each in items) == sorted(ids)
    assert {(each.reason, each.added_by) for each in items} == {(Reason.RANDOM, "gateway")}
    assert fed.feed.figures.counts["default", "open"] == 2


async def test_examples_of_drift_come_in_where_they_are_asked_for(fed):
    fed.settings = Review()
    ids = await fed.ingest(3)
    fed.feed.drifted(ids)
    assert await fed.items() == []
    fed.settings = Review(drift=1.0)
    fed.feed.drifted(ids)
    fed.feed.drifted(ids)
    assert [(each.reason, each.added_by) for each in await fed.items()] == [(Reason.DRIFT, "gateway")] * 3


async def test_findings_that_passed_are_near_the_threshold(fed):
    fed.settings = Review(near_threshold=1.0)
    (flagged,) = await fed.ingest(verdicts=[verdict(action="flag")])
    await fed.ingest()
    (found,) = await fed.items()
    assert (found.exchange_id, found.reason) == (flagged, Reason.NEAR_THRESHOLD)


async def test_a_user_s_no_brings_its_exchange_once_it_has_found_it(fed):
    fed.settings = Review(thumbs_down=1.0)
    liked, disliked = await fed.ingest(2)
    said = [score(fed.make, liked, value=True), score(fed.make, disliked, value=False)]
    said.append(score(fed.make, disliked, value=False, key="somebody else's"))
    await fed.store.append([], [], [], None, said)
    await Scoring(fed.store, Snapshot(generation=1), fed.make.clock, on_placed=fed.feed.placed).settle()
    (found,) = await fed.items()
    assert (found.exchange_id, found.reason) == (disliked, Reason.THUMBS_DOWN)


async def test_no_more_than_so_many_come_in_an_hour(fed):
    fed.settings = Review(random=1.0, per_hour=3)
    await fed.ingest(5)
    assert len(await fed.items()) == 3
    fed.clock.advance(3_601)
    await fed.ingest(5)
    assert len(await fed.items()) == 6


async def test_what_waits_is_bounded_and_comes_when_the_store_is_back(fed, monkeypatch):
    monkeypatch.setattr(reviewfeed, "PAUSE_S", 0.01)
    hidden = fed.store.path.with_suffix(".away")
    ids = await fed.ingest(2)
    fed.store.path.rename(hidden)
    running = asyncio.get_running_loop().create_task(fed.feed.run())
    async with asyncio.timeout(5):
        while fed.feed.waiting.error is None:
            await asyncio.sleep(0.005)
        hidden.rename(fed.store.path)
        fed.feed.changed()
        while fed.feed.waiting.error is not None:
            fed.feed.changed()
            await asyncio.sleep(0.005)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert sorted(each.exchange_id for each in await fed.items()) == sorted(ids)
    assert fed.feed._waiting.maxlen == reviewfeed.MAX_WAITING


async def test_where_nobody_serves_or_asks_nothing_comes(fed):
    fed.settings = Review()
    await fed.ingest()
    assert await fed.items() == []
    idle = ReviewFeed(fed.clock)
    idle.came([fed.make.row()])
    idle.placed([])
    await idle.settle()
    assert idle.figures is None
