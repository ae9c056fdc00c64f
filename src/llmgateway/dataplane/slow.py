"""A request before the judges that take their time: those that redact first, so that the others see what goes on."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from llmgateway.dataplane.bodies import LARGE, asked_aside, judged_aside, read_aside, understand
from llmgateway.dataplane.call import Call, Request, Subject
from llmgateway.dataplane.guardedflow import blocked
from llmgateway.dataplane.masking import mask_facts
from llmgateway.dataplane.phases import note_declared
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.verdict import Stage
from llmgateway.guarding.guards import Guard
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.judging import JudgeLink
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.pieces import pieces_of
from llmgateway.guarding.places import NOT_STORED, Places
from llmgateway.wire.jsoncodec import decode


async def consult(call: Call, guard: Guard, request: Request, document: Mapping[str, Any]) -> Request:
    """Ask them about what goes on, and give it without what they redact. Those that don't are asked while it already
    goes, where the route says so.

    `document`: of a form, its texts. GatewayError guardrail_blocked or guardrail_unavailable.
    """
    redacting = [link for link in guard.slow if link.redacts]
    others = [link for link in guard.slow if not link.redacts]
    if redacting:
        request = call.request = await _redacted(call, guard, redacting, request, document)
    if not others:
        return request
    looking = _looked_into(call, guard, others, request, request.document or document)
    if call.route is None or not call.route.is_parallel:
        await looking
        return request
    call.verdict = asyncio.ensure_future(looking)
    call.verdict.add_done_callback(lambda verdict: verdict.cancelled() or verdict.exception())
    return request


async def _redacted(
    call: Call, guard: Guard, links: Sequence[JudgeLink], request: Request, document: Mapping[str, Any]
) -> Request:
    """The request without what these find. A form is not written anew for them: what they find refuses it."""
    places = await _looked_into(call, guard, links, request, document)
    if not places:
        return request
    mask_facts(call, guard)
    call.placeholders.is_closed = False
    request.stored = NOT_STORED  # unless it can be redacted
    body = await judged_aside(partial(places.redacted, placeholders=call.placeholders), request.body)
    call.placeholders.is_closed = True
    made = await anew(call, request, body)
    made.stored = await judged_aside(guard.masked, body) if guard.masks else None
    return made


async def _looked_into(
    call: Call, guard: Guard, links: Sequence[JudgeLink], request: Request, document: Mapping[str, Any]
) -> Places:
    """What they have found that has a place. GatewayError guardrail_blocked or guardrail_unavailable."""
    notes = call.notes = call.notes or Notes()
    if call.gateway.consulting is None:
        raise GatewayError("guardrail_unavailable")
    pieces = await read_aside(await asked_aside(call.exchange.request_bytes, pieces_of, document))
    places = Places(Stage.REQUEST)
    subject = Subject(Stage.REQUEST, pieces, places=None if request.document is None else places)
    is_blocked = False
    try:
        await call.gateway.consulting.consult(call, links, subject, notes)
    except Blocked as verdict:
        is_blocked = True
        mask_facts(call, guard)
        raise blocked(verdict) from None
    finally:
        call.exchange.verdicts = notes.rows()
        if is_blocked or (places and guard.masks):
            masked = await judged_aside(partial(places.masked, placeholders=call.placeholders), request.body)
            request.stored = await judged_aside(guard.masked, masked)
    return places


async def anew(call: Call, request: Request, body: bytes) -> Request:
    """The request with another body."""
    made = replace(request, body=body, members=None, sha256=None)
    if len(body) > LARGE:
        await understand(made, call.in_force.snapshot)
    else:
        made.document = decode(body)
    made.declared = call.dialect.declared(made.document or {})
    note_declared(call, made.declared)
    return made
