"""A refusal as a normal answer, for applications that can't handle an error: the operator's words where a model's were.

What it looks like is the dialect's affair, and within a stream that has begun the provider's.
"""

from typing import Final

from llmgateway.dataplane.answers import JSON_TYPE, error_head, own_head
from llmgateway.dataplane.call import Call
from llmgateway.dataplane.guardedflow import GuardedFlow
from llmgateway.dataplane.reply import Reply
from llmgateway.domain.errors import GatewayError
from llmgateway.ports.dialect import Refusal, Wanted

_EVENTS_TYPE: Final = b"content-type: text/event-stream\r\ncache-control: no-cache\r\n"
_MARK: Final = b"x-llmgateway-guardrail: blocked\r\n"  # for programs: nothing else of it is unlike a model's answer


def refused(call: Call, error: GatewayError) -> Refusal | None:
    """The words for this error, in the caller's dialect; None where it is told as the error it is."""
    make = getattr(call.dialect, "refusal", None)
    if error.refusal is None or make is None:
        return None
    exchange, request = call.exchange, call.request
    wanted = Wanted(
        operation=exchange.operation.name,
        model=exchange.request_model or exchange.route or "",
        exchange_id=exchange.id,
        created=int(exchange.received_at),
        is_stream=exchange.is_stream,
        document=(request.document if request is not None else None) or {},
    )
    made: Refusal | None = make(error.refusal, wanted)
    return made


def answer(call: Call, error: GatewayError) -> None:
    """Send what is told of an error before anything else was sent; `call.refusal` are the words for it, if any."""
    refusal = call.refusal
    if refusal is None:
        body = call.dialect.error_body(error, call.exchange.id)
        call.incoming.respond(error.status, own_head(call) + error_head(error), body)
    elif refusal.events is None:
        call.incoming.respond(200, own_head(call) + _MARK + JSON_TYPE, refusal.document)
    else:
        call.incoming.respond(200, own_head(call) + _MARK + _EVENTS_TYPE, refusal.events)


def last_words(call: Call, reply: Reply, error: GatewayError) -> bytes | None:
    """The end of a blocked stream that has begun; None where it ends with an error.

    Before the exchange is settled: what is said here is a part of what the caller got.
    """
    if error.refusal is None or not isinstance(reply.flow, GuardedFlow):
        return None
    words = reply.flow.farewell(error.refusal)
    if words != b"":
        return words
    call.refusal = refused(call, error)  # its head has gone on, and nothing else: there is room for a whole answer
    return call.refusal.events if call.refusal is not None else None
