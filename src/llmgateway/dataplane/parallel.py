"""A backend that is asked while judges still look at the request: what they refuse, it need not answer any more."""

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any

from llmgateway.dataplane.attempt import Dispatched
from llmgateway.dataplane.call import Call
from llmgateway.domain.errors import GatewayError


async def unless_refused(call: Call, dispatching: Coroutine[Any, Any, Dispatched]) -> Dispatched:
    """Give what `dispatching` does, errors too; GatewayError as `guard_request` where that refuses it before."""
    verdict = call.verdict
    if verdict is None:
        return await dispatching
    asking = asyncio.ensure_future(dispatching)
    try:
        either: list[asyncio.Future[Any]] = [asking, verdict]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if verdict.done() and not asking.done():
            await verdict
        return await asking
    except BaseException as error:
        await _dismiss(call, asking)
        if isinstance(error, GatewayError):
            _note_ends(call, error)
        raise


async def _dismiss(call: Call, asking: "asyncio.Task[Dispatched]") -> None:
    """Nobody wants the answer any more; also if it has come in the same moment."""
    asking.cancel()
    asking.add_done_callback(partial(_drop, call))  # also where the caller leaves before it has ended
    await asyncio.wait([asking])


def _drop(call: Call, asking: "asyncio.Task[Dispatched]") -> None:
    if not asking.cancelled() and asking.exception() is None:
        sent = asking.result()
        if not sent.reply.is_over:
            sent.connection.cancel()
        sent.leave(call.now)


def _note_ends(call: Call, error: GatewayError) -> None:
    for each in call.exchange.attempts:
        if each.result == "pending":
            each.result = error.code
