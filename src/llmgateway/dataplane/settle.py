"""Write down how an exchange ended: exactly once, however it ends, before the caller has the last byte."""

from collections.abc import Awaitable
from typing import Final

from llmgateway.config.snapshot import Bodies
from llmgateway.dataplane.call import Errand
from llmgateway.dataplane.masking import guarded_message, mask_facts, storable
from llmgateway.dataplane.phases import system_place
from llmgateway.dataplane.reply import Reply, Way
from llmgateway.dataplane.upgrade import Tunnelled
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.exchange import Phase
from llmgateway.domain.usage import estimate_tokens
from llmgateway.journal import records
from llmgateway.journal.records import Body, Kept, kept, stored

_COUNTED: Final = frozenset({"chat.completions", "completions", "responses", "messages", "embeddings"})


def record_admitted(call: Errand) -> Awaitable[None] | None:
    """Put the facts into the journal; no backend may be asked before. GatewayError log_store_full refuses the call."""
    mask_facts(call)
    buffers = records.admitted(call.exchange, _request_body(call))
    try:
        pending = call.gateway.journal.append(buffers, may_use_reserve=False)
    except GatewayError:
        if not call.in_force.snapshot.journal.serve_unlogged:
            raise
        call.gateway.gauges.unlogged += 1
        call.exchange.is_settled = True  # nothing to settle: the store never hears of it
        return None
    call.exchange.is_admitted = True
    return pending


def settle(call: Errand) -> Awaitable[None] | None:
    """Put the outcome into the journal, once. Await what this returns before the last byte goes."""
    exchange = call.exchange
    if exchange.is_settled or exchange.key is None:  # a caller without a key is counted, not recorded
        return None
    exchange.is_settled = True
    journal = call.gateway.journal
    if not exchange.is_admitted:
        mask_facts(call)
        buffers = records.refused(exchange, call.now, _request_body(call), _kept(call, _in_words(call, None)))
        return journal.append(buffers, may_use_reserve=False)  # it is kept for exchanges that run
    reply = call.reply
    message = _observe(call, reply)
    exchange.phase = Phase.SETTLE if exchange.error_code is None else exchange.phase
    said = _kept(call, _in_words(call, guarded_message(call, reply, message)))
    return journal.append(records.settled(exchange, call.now, said, _raw(call, reply)), may_use_reserve=True)


def _kept(call: Errand, message: bytes | None) -> Kept:
    limit = call.in_force.snapshot.journal.max_record_bytes
    return kept(message, _policy(call), limit) if message is not None else None


def _raw(call: Errand, reply: Reply | None) -> Body | None:
    policy = _policy(call)
    if reply is None or reply.flow is None or not reply.flow.raw or policy is Bodies.REDACTED:
        return None  # a value may be cut in two there
    limit = call.in_force.snapshot.journal.max_record_bytes
    return stored(b"".join(reply.flow.raw), policy, limit, "text/event-stream")


def _policy(call: Errand) -> Bodies:
    return call.route.bodies if call.route is not None else call.in_force.snapshot.journal.bodies


def _request_body(call: Errand) -> Kept:
    if call.request is None or not call.request.body:
        return None
    policy = _policy(call)
    limit = call.in_force.snapshot.journal.max_record_bytes
    return kept(storable(call, call.request, policy), policy, limit, sha256=call.request.sha256)


def _in_words(call: Errand, message: bytes | None) -> bytes | None:
    """What the caller got: the words that took an answer's place, if there are any, or else the answer."""
    if call.refusal is None:
        return message
    call.exchange.finish_reason = call.refusal.reason
    return call.refusal.document


def _observe(call: Errand, reply: Reply | None) -> bytes | None:
    """Take over what the reader saw, and return what the answer adds up to."""
    if reply is None:
        return None
    exchange, reader = call.exchange, reply.reader
    if reply.flow is not None:
        reply.flow.catch_up()
    exchange.usage = reader.usage
    exchange.finish_reason = reader.finish_reason
    exchange.response_model = reader.response_model
    exchange.response_id = reader.response_id
    exchange.fingerprint = reader.fingerprint
    exchange.parse_errors = reader.parse_errors
    exchange.first_token = reply.first_token
    exchange.upstream_ended = reply.attempt.ended
    exchange.reply_bytes = reply.size
    is_cut = exchange.error_code == "stream_cut"  # for want of memory: putting its answer together would take more
    message = None if is_cut else _message(reply)
    if reply.flow is not None and not reply.flow.is_read:
        exchange.usage.is_estimated = True  # an event too long to look into may have held the count
    if exchange.usage.is_empty and exchange.operation.name in _COUNTED and reply.is_ok:
        exchange.usage.input_tokens = estimate_tokens(exchange.request_bytes + _prompt_bytes(call))
        exchange.usage.output_tokens = estimate_tokens(len(message or b""))
        exchange.usage.is_estimated = True
    return message


def _prompt_bytes(call: Errand) -> int:
    """How long the prompt was that went in front of the request."""
    exchange, prefixes = call.exchange, call.in_force.prefixes
    prefix = prefixes.get((exchange.route or "", exchange.served_version or "")) if prefixes else None
    return len(prefix.string) if prefix is not None and system_place(call.dialect, exchange.operation) else 0


def _message(reply: Reply) -> bytes | None:
    if reply.way is Way.EVENTS:
        return reply.reader.message()
    if isinstance(reply, Tunnelled) and reply.is_ok:
        return reply.session()
    return reply.body() if reply.way is Way.WHOLE else None
