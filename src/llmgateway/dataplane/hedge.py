"""A second attempt beside one that is slow: whichever has content first is relayed, the other is cancelled.

Both are attempts like any other, each in a task of its own while there may be two. The loser stands in the log with
what it has cost.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

from llmgateway.dataplane.attempt import Dispatched, attempt
from llmgateway.dataplane.call import Errand, Request
from llmgateway.domain.exchange import LOST
from llmgateway.domain.usage import estimate_tokens
from llmgateway.routing.balance import Wish
from llmgateway.routing.course import Course
from llmgateway.routing.plan import Target


async def hedged(call: Errand, course: Course, wish: Wish, request: Request, first: Target) -> Dispatched:
    """Ask `first`, and another backend of its version beside it once it is slow. Raises the last failure of the two."""
    hedge = course.plan.route.hedge
    assert hedge is not None
    patience, is_stream = call.in_force.patience[course.plan.route.name], call.exchange.is_stream
    began = call.now
    racers = [asyncio.ensure_future(attempt(call, first, request))]
    winner: asyncio.Task[Dispatched] | None = None
    try:
        await asyncio.wait(racers, timeout=patience.wait_s(hedge, is_stream=is_stream))
        second = None if racers[0].done() else _another(call, course, wish)
        if second is not None:
            racers.append(asyncio.ensure_future(attempt(call, second, request)))
        winner = await _first_to_answer(racers)
    finally:
        await _dismiss_all(call, [racer for racer in racers if racer is not winner], winner)
    sent = winner.result()
    # Where the second one won, the first would have taken longer than that: the least that can be said of it.
    patience.observe(call.now - began, is_stream=is_stream)
    _settle_up(call, sent)
    return sent


def _another(call: Errand, course: Course, wish: Wish) -> Target | None:
    """Whom to ask beside the first, if the route's budget allows it."""
    wish.now = call.now
    target = course.beside(wish)
    if target is None or not call.in_force.budgets[course.plan.route.name].spend():
        return None
    course.note(target)
    return target


async def _first_to_answer(racers: Sequence[asyncio.Task[Dispatched]]) -> asyncio.Task[Dispatched]:
    """The first that has not failed; where all fail, the one that did last."""
    running = set(racers)
    while True:
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for racer in racers:
            if racer in done and (racer.exception() is None or not running):
                return racer


async def _dismiss_all(
    call: Errand, losers: list[asyncio.Task[Dispatched]], winner: asyncio.Task[Dispatched] | None
) -> None:
    try:
        while losers:
            await _dismiss(call, losers[-1])
            del losers[-1]
    except asyncio.CancelledError:  # the caller leaves in this very moment: nobody wants the winner either
        for racer in losers if winner is None else (*losers, winner):
            racer.cancel()
            racer.add_done_callback(partial(_drop, call))
        raise


async def _dismiss(call: Errand, racer: asyncio.Task[Dispatched]) -> None:
    racer.cancel()
    await asyncio.wait([racer])
    _drop(call, racer)


def _drop(call: Errand, racer: asyncio.Task[Dispatched]) -> None:
    if racer.cancelled() or racer.exception() is not None:
        return
    sent = racer.result()  # it had content in the same moment
    sent.reply.attempt.result = LOST
    sent.reply.attempt.output_tokens = sent.reply.reader.usage.output_tokens
    if not sent.reply.is_over:
        sent.connection.cancel()
    sent.leave(call.now)


def _settle_up(call: Errand, sent: Dispatched) -> None:
    """The winner is what the exchange goes on with; what lost has been paid for as far as it came."""
    exchange = call.exchange
    call.reply = sent.reply
    exchange.served_version = sent.target.version.name
    for each in exchange.attempts:
        if each.result == "pending":
            each.result = LOST
        if each.result == LOST and each.connected is not None:
            each.input_tokens = estimate_tokens(exchange.request_bytes)
            each.output_tokens = each.output_tokens or 0
