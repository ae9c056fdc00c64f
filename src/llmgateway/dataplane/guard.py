"""The guardrails' part in the story: the request before it is routed, and what judges each attempt's reply."""

import hashlib
from dataclasses import replace

from llmgateway.dataplane.bodies import LARGE, asked_aside, judged_aside, understand
from llmgateway.dataplane.call import Call, Errand, Request
from llmgateway.dataplane.guardedflow import blocked
from llmgateway.dataplane.guardedreply import ReplyGuard
from llmgateway.dataplane.inforce import Upstream
from llmgateway.dataplane.phases import find_route, note_declared
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.exchange import Phase
from llmgateway.domain.operation import BodyKind
from llmgateway.domain.verdict import Stage
from llmgateway.guarding.body import Sieve
from llmgateway.guarding.guards import Guard
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.judging import ask
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.wire.jsoncodec import decode


async def guard_request(call: Call, request: Request) -> Request:
    """Check the prompt; what this returns is all that later phases see. GatewayError guardrail_blocked."""
    call.exchange.phase = Phase.GUARD_REQUEST
    if not call.in_force.guards.by_route:
        return request
    guard = _guard(call, request)
    if guard is None:
        return request
    if request.kind is not BodyKind.JSON:
        _refuse_unseen(guard, request)
        return request
    notes = call.notes = Notes()
    if guard.restores:
        call.placeholders = Placeholders(request.body.decode("utf-8", "replace"))
    sieve = Sieve(guard.request, Stage.REQUEST, notes, call.placeholders)
    try:
        if guard.judges:
            await asked_aside(len(request.body), ask, guard.judges, request.document or {}, notes)
        body = await judged_aside(sieve.json, request.body)
    except Blocked as verdict:
        request.stored = await judged_aside(guard.masked, request.body)
        raise blocked(verdict) from None
    finally:
        call.exchange.verdicts = notes.rows()  # it may end before there is a reply
    call.placeholders.is_closed = True
    guarded = request if body is request.body else await _anew(call, request, body)
    if notes.has_found:
        if guard.masks or guard.request.enforced:
            _mask_facts(call, guard)
        if guard.masks:
            guarded.stored = await judged_aside(guard.masked, body)
    call.request = guarded
    return guarded


def _guard(call: Call, request: Request) -> Guard | None:
    """The guard of the route that is asked for; None where there is none: `route` says what is wrong with it."""
    try:
        found = find_route(call, request)
    except GatewayError:
        return None
    return call.in_force.guards.of_route(found.name)


def _refuse_unseen(guard: Guard, request: Request) -> None:
    """Forms, files and sessions pass piece by piece, which no guardrail can look into."""
    is_session = request.upgrade is not None
    if (guard.request.enforced and (request.kind is BodyKind.STREAM or is_session)) or (guard.reply and is_session):
        raise GatewayError("guardrail_unsupported")


async def _anew(call: Call, request: Request, body: bytes) -> Request:
    """The request with another body."""
    made = replace(request, body=body, members=None, sha256=None)
    if len(body) > LARGE:
        await understand(made, call.in_force.snapshot)
    else:
        made.document = decode(body)
    made.declared = call.dialect.declared(made.document or {})
    note_declared(call, made.declared)
    return made


def _mask_facts(call: Call, guard: Guard) -> None:
    """What the body says of its caller stands in the log too. Masked users are told apart by a part of their hash."""
    exchange = call.exchange
    declared = call.request.declared if call.request is not None else None
    exchange.user = _pseudonym(guard, declared.user if declared is not None else exchange.user)
    exchange.session = _pseudonym(guard, declared.session if declared is not None else exchange.session)
    exchange.tags = {name: guard.masked_text(value) for name, value in exchange.tags.items()}
    if exchange.idempotency_key is not None:
        exchange.idempotency_key = guard.masked_text(exchange.idempotency_key)
    if exchange.caller_request_id is not None:
        exchange.caller_request_id = guard.masked_text(exchange.caller_request_id)


def _pseudonym(guard: Guard, name: str | None) -> str | None:
    if name is None:
        return None
    masked = guard.masked_text(name)
    return name if masked == name else f"{masked}~{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def reply_guard(call: Errand, upstream: Upstream) -> ReplyGuard | None:
    """What judges the reply of an attempt; None where nothing does. Copies' replies reach nobody."""
    guard = call.in_force.guards.of_route(call.exchange.route)
    if guard is None or call.exchange.shadow_of is not None:
        return None
    if not guard.reply and not call.placeholders.values:
        return None
    return ReplyGuard(
        chain=guard.reply,
        mask=guard.masked,
        shape=upstream.provider.shape(call.exchange.operation),
        notes=Notes(),
        placeholders=call.placeholders,
        hold_s=call.in_force.snapshot.guarding.hold_s,
    )
