"""A second attempt beside one that is slow: whichever has content first is relayed, the other is cancelled.

Both are attempts like any other, each in a task of its own while there may be two. The loser stands in the log with
what it has cost.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Protocol, TypeVar

from llmgateway.dataplane.call import Call
from llmgateway.dataplane.reply import Reply
from llmgateway.domain.usage import estimate_tokens
from llmgateway.http.connection import Connection
from llmgateway.routing.balance import Wish
from llmgateway.routing.course import Course
from llmgateway.routing.plan import Target

LOST: Final = "lost"  # an attempt's result: another one had content first


class Sent(Protocol):
    """As much of `attempt.Dispatched` as a race looks at."""

    reply: Reply
    connection: Connection
    target: Target

    def leave(self, now: float) -> None: ...


S = TypeVar("S", bound=Sent)
Ask = Callable[[Target], Coroutine[Any, Any, S]]
"""One attempt at a target; see `attempt.attempt`."""


async def hedged(call: Call, course: Course, wish: Wish, first: Target, ask: Ask[S]) -> S:
    """Ask `first`, and another backend of its version beside it once it is slow. Raises the last failure of the two."""
    hedge = course.plan.route.hedge
    assert hedge is not None
    patience, is_stream = call.in_force.patience[course.plan.route.name], call.exchange.is_stream
    began = call.now
    racers = [asyncio.ensure_future(ask(first))]
    winner: asyncio.Task[S] | None = None
    try:
        await asyncio.wait(racers, timeout=patience.wait_s(hedge, is_stream=is_stream))
        second = None if racers[0].done() else _another(call, course, wish)
        if second is not None:
            racers.append(asyncio.ensure_future(ask(second)))
        winner = await _first_to_answer(racers)
    finally:
        for racer in racers:
            if racer is not winner:
                await _dismiss(call, racer)
    sent = winner.result()
    # Where the second one won, the first would have taken longer than that: the least that can be said of it.
    patience.observe(call.now - began, is_stream=is_stream)
    _settle_up(call, sent)
    return sent


def _another(call: Call, course: Course, wish: Wish) -> Target | None:
    """Whom to ask beside the first, if the route's budget allows it."""
    wish.now = call.now
    target = course.beside(wish)
    if target is None or not call.in_force.budgets[course.plan.route.name].spend():
        return None
    course.note(target)
    return target


async def _first_to_answer(racers: Sequence["asyncio.Task[S]"]) -> "asyncio.Task[S]":
    """The first that has not failed; where all fail, the one that did last."""
    running = set(racers)
    while True:
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for racer in racers:
            if racer in done and (racer.exception() is None or not running):
                return racer


async def _dismiss(call: Call, racer: "asyncio.Task[S]") -> None:
    racer.cancel()
    await asyncio.wait([racer])
    if racer.cancelled() or racer.exception() is not None:
        return
    sent = racer.result()  # it had content in the same moment
    sent.reply.attempt.result = LOST
    sent.reply.attempt.output_tokens = sent.reply.reader.usage.output_tokens
    if not sent.reply.is_over:
        sent.connection.cancel()
    sent.leave(call.now)


def _settle_up(call: Call, sent: Sent) -> None:
    """The winner is what the exchange goes on with; what lost has been paid for as far as it came."""
    exchange = call.exchange
    call.reply = sent.reply
    exchange.served_version = sent.target.version.name
    for attempt in exchange.attempts:
        if attempt.result == "pending":
            attempt.result = LOST
        if attempt.result == LOST and attempt.connected is not None:
            attempt.input_tokens = estimate_tokens(exchange.request_bytes)
            attempt.output_tokens = attempt.output_tokens or 0
