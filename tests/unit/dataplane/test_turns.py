"""Waiting for a place: got it, refused, too late, left; nothing is lost on the way."""

import asyncio

import pytest

from llmgateway.dataplane.turns import take_place
from llmgateway.domain.clock import SystemClock
from llmgateway.domain.errors import GatewayError
from llmgateway.routing.places import Places, Shed

CLOCK = SystemClock()


class Stand:
    def __init__(self, limit=1, queue=4, wait=5.0):
        self.places = Places(limit, queue, wait, dict.fromkeys(Shed, 0))
        self.waits = []

    def come(self, rank=1):
        return asyncio.ensure_future(take_place(self.places, rank, CLOCK, self.waits.append))


async def turns():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_free_place_costs_no_wait():
    stand = Stand()
    await stand.come()
    assert (stand.places.in_use, stand.waits) == (1, [])


async def test_the_next_one_has_the_place_as_soon_as_it_is_free():
    stand = Stand()
    await stand.come()
    second = stand.come()
    await turns()
    assert not second.done()
    stand.places.leave(None, CLOCK.monotonic())
    await second
    assert (stand.places.in_use, len(stand.waits)) == (1, 1)


async def test_nobody_waits_longer_than_the_queue_allows():
    stand = Stand(wait=0.05)
    await stand.come()
    with pytest.raises(GatewayError, match="overloaded"):
        await stand.come()
    assert (stand.places.waiting, stand.places.sheds[Shed.TIMEOUT]) == (0, 1)
    assert 0.04 < stand.waits[0] < 0.5


async def test_the_displaced_is_told():
    stand = Stand(queue=1)
    await stand.come()
    low = stand.come(rank=2)
    await turns()
    high = stand.come(rank=0)
    with pytest.raises(GatewayError, match="overloaded"):
        await low
    stand.places.leave(None, CLOCK.monotonic())
    await high


async def test_who_leaves_while_waiting_frees_the_queue():
    stand = Stand()
    await stand.come()
    leaving = stand.come()
    await turns()
    leaving.cancel()
    await turns()
    assert (stand.places.waiting, stand.places.in_use) == (0, 1)


async def test_who_leaves_at_the_moment_of_getting_a_place_gives_it_to_the_next():
    stand = Stand()
    await stand.come()
    leaving, next_one = stand.come(), stand.come()
    await turns()
    stand.places.leave(None, CLOCK.monotonic())
    leaving.cancel()
    await next_one
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert (stand.places.waiting, stand.places.in_use) == (0, 1)


async def test_who_leaves_at_the_moment_of_being_refused_is_merely_gone():
    stand = Stand(queue=1)
    await stand.come()
    low = stand.come(rank=2)
    await turns()
    high = stand.come(rank=0)
    await asyncio.sleep(0)
    low.cancel()
    await turns()
    assert low.done()
    assert (stand.places.waiting, stand.places.in_use) == (1, 1)
    high.cancel()
    await turns()
    assert (stand.places.waiting, stand.places.in_use) == (0, 1)
