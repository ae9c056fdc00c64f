"""Wait for a place at a busy backend: at most as long as its queue allows, and not after the caller has left."""

import asyncio
from collections.abc import Callable

from llmgateway.domain.clock import Clock
from llmgateway.domain.errors import GatewayError
from llmgateway.routing.places import Places


async def take_place(places: Places, rank: int, clock: Clock, waited: Callable[[float], None]) -> bool:
    """Return with a place, which the caller of this gives back with `leave`; GatewayError `overloaded` without one.

    `waited` is told how long somebody stood in the queue, however that ended. True: that was so.
    """
    if places.take():
        return False
    began = clock.monotonic()
    turn: asyncio.Future[GatewayError | None] = asyncio.get_running_loop().create_future()
    waiter = places.wait(rank, began, turn.set_result)
    try:
        await asyncio.wait([turn], timeout=max(0.0, waiter.deadline - began))
    except asyncio.CancelledError:
        if turn.done() and turn.result() is None:
            places.leave(None, clock.monotonic())
        else:
            places.give_up(waiter)
        raise
    finally:
        waited(clock.monotonic() - began)
    refusal = turn.result() if turn.done() else places.time_out(waiter)
    if refusal is not None:
        raise refusal
    return True
