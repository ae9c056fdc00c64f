"""The story of an exchange. A feature that wants an `if` in here needs a phase or a plug-in instead."""

import asyncio
import logging
from collections.abc import Awaitable

from llmgateway.dataplane.call import Call
from llmgateway.dataplane.dispatch import dispatch
from llmgateway.dataplane.guard import guard_request
from llmgateway.dataplane.parallel import unless_refused
from llmgateway.dataplane.phases import admit, authenticate, route
from llmgateway.dataplane.refusing import answer, refused
from llmgateway.dataplane.relay import end_of, relay
from llmgateway.dataplane.settle import settle
from llmgateway.domain.errors import Fault, GatewayError
from llmgateway.domain.exchange import End

logger = logging.getLogger(__name__)


async def serve(call: Call) -> None:
    """Carry one exchange from its caller to a model and back; settles it once, however it ends."""
    try:
        key = authenticate(call)
        request = await admit(call)
        guarded = await guard_request(call, request)
        plan = route(call, key, guarded)
        _count_in(call, plan.route.name)
        sent = await unless_refused(call, dispatch(call, plan, guarded))
        try:
            await relay(call, sent)
        except BaseException:
            if not sent.reply.is_over:  # else the connection is another exchange's by now
                sent.connection.cancel()
            raise
        finally:
            sent.leave(call.now)
    except GatewayError as error:
        await refuse(call, error)
    except asyncio.CancelledError:
        _left(call)
        raise
    except Exception:
        logger.exception("exchange failed", extra={"exchange": call.exchange.id, "phase": call.exchange.phase})
        await refuse(call, GatewayError("internal_error"))
    finally:
        _close(call)


async def refuse(call: Call, error: GatewayError) -> None:
    """Tell the caller in its dialect what went wrong, once it is written down."""
    exchange, incoming = call.exchange, call.incoming
    call.refusal = None if incoming.is_begun else refused(call, error)
    exchange.error_code = error.code
    exchange.status = error.status if call.refusal is None else 200
    exchange.end = _end(error)
    if exchange.key is None:
        call.gateway.gauges.refused[error.code] += 1
    durable = _settle(call)
    if durable is not None:
        await durable
    if incoming.is_begun:
        incoming.abort()
    else:
        answer(call, error)


def _end(error: GatewayError) -> End:
    if error.kind.fault is Fault.UPSTREAM:
        return end_of(error)
    return End.GATEWAY_ERROR if error.code == "internal_error" else End.REFUSED


def _left(call: Call) -> None:
    """The caller is gone; what is known so far is written down."""
    exchange = call.exchange
    reason = call.incoming.left
    stalled = reason is not None and reason.code == "client_stalled"
    exchange.end = End.CLIENT_STALLED if stalled else End.CLIENT_CLOSED
    exchange.error_code = exchange.end.value
    exchange.status = 499


def _count_in(call: Call, route_name: str) -> None:
    call.gateway.gauges.in_flight[route_name] += 1
    call.counted_for = route_name


def _close(call: Call) -> None:
    _settle(call)
    call.gateway.bodies.held -= call.held
    if call.verdict is not None:
        call.verdict.cancel()
    if call.counted_for is not None:
        call.gateway.gauges.in_flight[call.counted_for] -= 1
    if call.request is not None:
        call.request.close()


def _settle(call: Call) -> Awaitable[None] | None:
    try:
        return settle(call)
    except GatewayError:
        if call.exchange.is_admitted:
            # The journal is full beyond its reserve. The `admitted` record is there: the store will say `interrupted`.
            logger.exception("exchange could not be settled", extra={"exchange": call.exchange.id})
        return None  # a refusal is merely counted, by the journal: a log line for each would help nobody
