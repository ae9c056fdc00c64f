"""Bring a judged reply to its caller. After the first byte no other attempt follows: a fault is told, not hidden."""

import asyncio
from typing import Final

from llmgateway.dataplane.answers import own_head
from llmgateway.dataplane.attempt import Dispatched
from llmgateway.dataplane.call import Call
from llmgateway.dataplane.gate import judged
from llmgateway.dataplane.guardedflow import GuardedFlow
from llmgateway.dataplane.guardedreply import GuardedReply
from llmgateway.dataplane.guardedtunnel import tunnel_of
from llmgateway.dataplane.linger import Linger
from llmgateway.dataplane.masking import look_ahead
from llmgateway.dataplane.opinions import opinion_of
from llmgateway.dataplane.refusing import last_words
from llmgateway.dataplane.reply import Reply, Way
from llmgateway.dataplane.settle import settle
from llmgateway.dataplane.tunnel import tunnel
from llmgateway.domain.errors import OF_GUARDRAILS, Fault, GatewayError
from llmgateway.domain.exchange import End, Phase
from llmgateway.http.messages import lines

UPSTREAM_ID: Final = b"x-llmgateway-upstream-request-id"
MAX_ID: Final = 200
_ENDS: Final = {
    "upstream_timeout": End.TIMEOUT,
    "upstream_truncated": End.TRUNCATED,
    "stream_cut": End.GATEWAY_ERROR,
}


def end_of(error: GatewayError) -> End:
    """How an exchange ended that a fault ended; a caller whose upload broke off may be at fault, too."""
    if error.kind.fault is Fault.CALLER:
        return End.REFUSED
    return _ENDS.get(error.code, End.UPSTREAM_ERROR)


async def relay(call: Call, sent: Dispatched) -> None:
    """Send the reply; returns when the caller has all of it, or has been told that it broke off.

    GatewayError as `guard_request`, where that was still looking at the request: the caller has got nothing then.
    """
    call.exchange.phase = Phase.RELAY
    if call.verdict is not None:
        await _passed(call.verdict, sent)
    if sent.reply.way is Way.WHOLE:
        await _whole(call, sent)
    elif sent.reply.way is Way.TUNNEL:
        await tunnel(call, sent, tunnel_of(call, sent))
    else:
        await _streamed(call, sent)


async def _passed(verdict: "asyncio.Future[None]", sent: Dispatched) -> None:
    """Wait for those who look at the request while the backend is asked already."""
    if not verdict.done() and not sent.reply.is_over:
        sent.writable(False)
    await verdict
    if not sent.reply.is_over:
        sent.writable(True)


def _head(call: Call, sent: Dispatched) -> bytes:
    """Our own headers, and the backend's by allow-list (row U30); of those none that guardrails forbid."""
    provider = sent.upstream.provider
    may_say = sent.reply.may_say if isinstance(sent.reply, GuardedReply) else None
    allowed, prefixes, their_id = provider.returned, provider.returned_prefixes, provider.request_id_header
    returned = []
    for name, value in sent.reply.headers:
        if name in allowed or name.startswith(prefixes):
            returned.append((name, value))
        elif name == their_id:
            returned.append((UPSTREAM_ID, value[:MAX_ID]))
    if may_say is not None:
        returned = [(name, value) for name, value in returned if may_say(value)]
    return own_head(call) + sent.reply.masked(lines(returned))


async def _whole(call: Call, sent: Dispatched) -> None:
    reply, exchange = sent.reply, call.exchange
    guarded = reply if isinstance(reply, GuardedReply) else None
    if guarded is not None:
        await guarded.judge()
    opinion = opinion_of(call, reply)
    if opinion is not None:
        await opinion.whole(reply)
    body = await guarded.given() if guarded is not None else reply.body()
    exchange.status = reply.status
    exchange.end = End.COMPLETED
    if reply.reader.error is not None:
        _note_fault(call, GatewayError("upstream_error"), reply.complaint)
    await look_ahead(call, reply)
    durable = settle(call)
    if durable is not None:
        await durable
    call.incoming.respond(reply.status, _head(call, sent), body)


async def _streamed(call: Call, sent: Dispatched) -> None:
    reply, exchange = sent.reply, call.exchange
    exchange.status = reply.status
    fault = await _carried(call, sent)
    if fault is not None:
        if not reply.is_over:
            sent.connection.cancel()  # what made no sense goes on, and nobody wants the rest
        await _broken(call, reply, fault)
        return
    exchange.end = End.COMPLETED
    is_told = reply.reader.error is not None  # the backend's own error event goes through, and no clean end follows it
    if is_told:
        _note_fault(call, GatewayError("upstream_error"), reply.complaint)
    await look_ahead(call, reply)
    durable = settle(call)
    if durable is not None:
        await durable
    if is_told and reply.way is Way.EVENTS:
        call.incoming.write(reply.last)
        call.incoming.abort()
    else:
        call.incoming.end(reply.last)
    if not reply.is_over:
        Linger(reply, sent.connection, call.gateway.sweeper, call.gateway.clock)


async def _carried(call: Call, sent: Dispatched) -> GatewayError | None:
    """Let a stream through to its end, but for the last piece; gives what has ended it before.

    GatewayError where it may not pass and the caller has got nothing of it yet.
    """
    reply, incoming, gateway = sent.reply, call.incoming, call.gateway
    route = call.exchange.route or "other"
    incoming.on_writable = sent.writable
    opinion = opinion_of(call, reply)

    def begin() -> None:
        incoming.begin(reply.status, _head(call, sent), _length(reply) if opinion is None else None)

    gateway.gauges.open_streams[route] += 1
    if reply.way is Way.EVENTS:
        gateway.sweeper.watch(reply)
        gateway.overload.streams[reply] = sent.connection
    try:
        if opinion is None:
            begin()
            reply.release(incoming)
            await reply.done
        else:
            await judged(call, sent, opinion, begin)
    except GatewayError as error:
        if not incoming.is_begun:
            raise
        error.refusal = None  # the caller has less of the stream than what could end it well has seen
        return error
    finally:
        incoming.on_writable = None  # the reply writes to it: together they would wait for the collector
        gateway.gauges.open_streams[route] -= 1
        gateway.sweeper.forget(reply)
        gateway.overload.streams.pop(reply, None)
    is_told = reply.reader.error is not None and (reply.fault is None or reply.fault.code not in OF_GUARDRAILS)
    return None if is_told else reply.fault  # the backend has said itself what went wrong


def _length(reply: Reply) -> int | None:
    """Pass the backend's Content-Length on where every byte goes through unaltered."""
    value = reply.header(b"content-length")
    return int(value) if value is not None and value.isdigit() and reply.way is Way.PIECES else None


async def _broken(call: Call, reply: Reply, error: GatewayError) -> None:
    """Rule F: an error event, no clean end, unless an operator wishes that a blocked stream ends well."""
    _note_fault(call, error, None)
    call.exchange.end = end_of(error)
    words = last_words(call, reply, error)
    durable = settle(call)
    if durable is not None:
        await durable
    if isinstance(reply.flow, GuardedFlow) and error is reply.fault:  # else judges have kept it back
        call.incoming.write(reply.flow.unsent)
    if words is not None:
        call.incoming.end(words)
        return
    if reply.way is Way.EVENTS:
        if reply.flow is not None and reply.flow.is_parted:
            call.incoming.write(b"\n\n")
        call.incoming.write(call.dialect.error_event(error, call.exchange.id))
    call.incoming.abort()


def _note_fault(call: Call, error: GatewayError, detail: str | None) -> None:
    call.exchange.error_code = error.code
    call.exchange.error_detail = detail
    call.exchange.end = End.UPSTREAM_ERROR
