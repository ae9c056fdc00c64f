"""The feed looks once for all, takes so many and no more, and keeps nothing for those who are behind."""

import asyncio

import pytest

from llmgateway.controlplane import feed as module
from llmgateway.controlplane.feed import MAX_BEHIND, MAX_SUBSCRIBERS, MAX_UNREAD, Feed, FullError


class Watched:
    def __init__(self):
        self.looks = 0
        self.feed = Feed(self.look, every_s=0.001)

    def look(self):
        self.looks += 1
        return {"n": self.looks}


async def test_the_first_event_comes_at_once_and_all_see_the_same():
    watched = Watched()
    with watched.feed.subscribe() as one, watched.feed.subscribe() as two:
        assert await one.event() == b'event: live\ndata: {"n":1}\n\n'
        assert await two.event() == b'event: live\ndata: {"n":2}\n\n'
        async with asyncio.timeout(5):
            assert await one.event() == await two.event() == b'event: live\ndata: {"n":3}\n\n'
    assert watched.feed.subscribers == 0


async def test_nobody_looks_while_nobody_watches():
    watched = Watched()
    with watched.feed.subscribe() as one:
        await one.event()
        await one.event()
    await asyncio.sleep(0.01)
    seen = watched.looks
    await asyncio.sleep(0.02)
    assert watched.looks == seen
    with watched.feed.subscribe() as again:
        await again.event()
        async with asyncio.timeout(5):
            assert await again.event() is not None


async def test_who_is_too_far_behind_is_dropped_and_costs_no_memory():
    watched = Watched()
    cut = asyncio.Event()
    with watched.feed.subscribe(cut.set) as slow, watched.feed.subscribe() as quick:
        async with asyncio.timeout(5):
            while not slow.is_dropped:
                assert await quick.event() is not None
        assert cut.is_set()
        assert await slow.event() is None
        assert slow._events.maxsize == MAX_BEHIND + 1
        assert slow._events.empty()
        assert not quick.is_dropped


async def test_who_takes_nothing_is_dropped_although_all_is_handed_over():
    watched = Watched()
    cut = asyncio.Event()
    with watched.feed.subscribe(cut.set, lambda: 1_000) as asleep, watched.feed.subscribe() as awake:
        async with asyncio.timeout(5):
            taken = 0
            while await asleep.event() is not None:
                taken += 1
                assert await awake.event() is not None
        assert cut.is_set()
        assert taken < MAX_UNREAD
        assert not awake.is_dropped
    assert watched.feed.subscribers == 0


async def test_who_takes_it_late_now_and_then_is_not():
    watched = Watched()
    unread = iter([1] * (MAX_UNREAD - 1) + [0] + [1] * (MAX_UNREAD - 1) + [0] + [1] * 10**6)
    with watched.feed.subscribe(unread=lambda: next(unread)) as slow:
        async with asyncio.timeout(5):
            taken = 0
            while await slow.event() is not None:
                taken += 1
    assert taken >= 2 * MAX_UNREAD


async def test_there_are_so_many_and_no_more():
    feed = Watched().feed
    watching = [feed.subscribe() for _ in range(MAX_SUBSCRIBERS)]
    with pytest.raises(FullError):
        feed.subscribe()
    with watching[0]:
        pass
    feed.subscribe()
    feed.close()


async def test_closing_ends_every_subscription():
    feed = Watched().feed
    with feed.subscribe() as one:
        feed.close()
        async with asyncio.timeout(5):
            assert await one.event() is None
    assert module.EVERY_S == 1.0


async def test_a_look_that_fails_ends_the_watching_and_not_the_feed(caplog):
    watched = Watched()
    with watched.feed.subscribe() as one:
        watched.feed._view = lambda: 1 / 0
        async with asyncio.timeout(5):
            while await one.event() is not None:
                pass
    assert "the live view can't be made" in caplog.text
    watched.feed._view = watched.look
    with watched.feed.subscribe() as again:
        async with asyncio.timeout(5):
            assert [await again.event() is not None for _ in range(2)] == [True, True]
