"""The guardrails' part in the story: the request before it is routed, and what judges each attempt's reply."""

from typing import Any, Final

from llmgateway.dataplane.bodies import asked_aside, judged_aside
from llmgateway.dataplane.call import Call, Errand, Request
from llmgateway.dataplane.forms import guard_upload
from llmgateway.dataplane.guardedflow import blocked
from llmgateway.dataplane.guardedreply import ReplyGuard
from llmgateway.dataplane.inforce import Upstream
from llmgateway.dataplane.masking import mask_facts
from llmgateway.dataplane.outside import check_outside
from llmgateway.dataplane.phases import find_route
from llmgateway.dataplane.slow import anew, consult
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
from llmgateway.guarding.tokens import refuse_tokens
from llmgateway.wire.jsontexts import is_repetitive

_NO_STREAMS: Final = "The route has guardrails that redact replies and need the whole of them (%s): ask without stream."


async def guard_request(call: Call, request: Request) -> Request:
    """Check the prompt; what this returns is all that later phases see. GatewayError guardrail_blocked."""
    call.exchange.phase = Phase.GUARD_REQUEST
    if not call.in_force.guards.by_route:
        return request
    guard = _guard(call, request)
    if guard is None:
        return request
    check_outside(call, guard)
    _refuse_stream(guard, request)
    if request.kind is BodyKind.JSON:
        guarded = await _sifted(call, guard, request)
        guarded.is_judged = True
        document = guarded.document or {}
    elif request.upload is not None and _must_see(guard):
        guarded, document = await guard_upload(call, guard, request, request.upload)
    else:
        _open_session(call, guard, request)
        if request.upgrade is None:  # what a session says is still to come
            await _bound(call, guard, request)
        return request
    call.request = guarded
    if guard.slow:
        guarded = await consult(call, guard, guarded, document)
    await _bound(call, guard, guarded)
    return guarded


def _refuse_stream(guard: Guard, request: Request) -> None:
    """A stream can't wait for who must have the whole of a reply to redact it, and be one."""
    if request.declared.is_stream and guard.whole_replies:
        raise GatewayError("guardrail_unsupported", _NO_STREAMS % ", ".join(guard.whole_replies))


async def _bound(call: Call, guard: Guard, request: Request) -> None:
    """Bind to the exchange what must know what was asked."""
    if guard.binders:
        call.bound = await asked_aside(len(request.body), guard.bound, request.document or {})


async def _sifted(call: Call, guard: Guard, request: Request) -> Request:
    """The request as it may go on, and be stored."""
    notes = call.notes = Notes()
    if _must_see(guard):
        await asked_aside(len(request.body), refuse_tokens, request.document or {}, request.body)
    if guard.restores:
        call.placeholders = Placeholders(request.body.decode("utf-8", "replace"))
    sieve = Sieve(guard.request, Stage.REQUEST, notes, call.placeholders, is_strict=True)
    try:
        if guard.holds_requests:
            await asked_aside(len(request.body), _refuse_repetitive, request.body, request.document)
        if guard.judges:
            await asked_aside(len(request.body), ask, guard.judges, request.document or {}, notes)
        body = await judged_aside(sieve.json, request.body)
    except Blocked as verdict:
        mask_facts(call, guard)
        request.stored = await judged_aside(guard.masked, request.body)
        raise blocked(verdict) from None
    finally:
        call.exchange.verdicts = notes.rows()  # it may end before there is a reply
    call.placeholders.is_closed = True
    guarded = request if body is request.body else await anew(call, request, body)
    if notes.has_found and (guard.masks or guard.request.enforced):
        mask_facts(call, guard)
    if notes.has_found and guard.masks:
        guarded.stored = await judged_aside(guard.masked, body)
    return guarded


def _guard(call: Call, request: Request) -> Guard | None:
    """The guard of the route that is asked for; None where there is none: `route` says what is wrong with it."""
    try:
        found = find_route(call, request)
    except GatewayError:
        return None
    return call.in_force.guards.of_route(found.name)


def _must_see(guard: Guard) -> bool:
    """Whether somebody must have looked into a request before it goes on."""
    return bool(guard.request.enforced) or guard.holds_requests


def _refuse_repetitive(body: bytes, document: Any) -> None:
    """A judge sees one of two members with the same name, and nobody knows which one the backend reads."""
    if is_repetitive(body, document):
        raise GatewayError("duplicate_key")


def _open_session(call: Call, guard: Guard, request: Request) -> None:
    """Make a session ready to be judged."""
    if request.upgrade is not None and guard.restores and _guards_sessions(guard):
        call.placeholders = Placeholders()


def _guards_sessions(guard: Guard) -> bool:
    """Whether a session's messages must be judged; where guardrails only flag, it is a tunnel like any other."""
    return bool(guard.reply) or guard.holds_replies or _must_see(guard)


def reply_guard(call: Errand, upstream: Upstream) -> ReplyGuard | None:
    """What judges the reply of an attempt; None where nothing does. Copies' replies reach nobody."""
    guard = call.guard
    if guard is None or call.exchange.shadow_of is not None:
        return None
    is_session = call.request is not None and call.request.upgrade is not None
    if is_session and not _guards_sessions(guard):
        return None
    if not is_session and not guard.reply and not call.placeholders.values and not guard.holds_replies:
        return None
    return ReplyGuard(
        chain=guard.reply,
        mask=guard.masked,
        shape=upstream.provider.shape(call.exchange.operation),
        notes=Notes(),
        placeholders=call.placeholders,
        hold_s=call.in_force.snapshot.guarding.hold_s,
        gathers=bool(guard.reply_judges),
    )
