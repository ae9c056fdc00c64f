"""What the journal gets of bodies that guardrails care about, and what they have found."""

import logging
from typing import Final

from llmgateway.config.snapshot import Bodies
from llmgateway.dataplane.bodies import QUICK, asked_aside
from llmgateway.dataplane.call import Errand, Request
from llmgateway.dataplane.guardedreply import GuardedReply
from llmgateway.dataplane.reply import Reply, Way
from llmgateway.domain.verdict import Stage
from llmgateway.guarding.body import Sieve
from llmgateway.guarding.guards import Guard, as_text, sifted
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import NO_PLACEHOLDERS
from llmgateway.wire.jsoncodec import encode

logger = logging.getLogger(__name__)

MAX_MASKED: Final = 256 * 1024  # of what is masked at the last moment, on the event loop: some ten milliseconds
_TOO_LONG: Final = encode({"not_stored": "too long to be redacted when the exchange ended"})
_FAILED: Final = encode({"not_stored": "a guardrail failed"})
_ESCAPED: Final = encode({"not_stored": "no JSON, and what its escapes say is not known"})


def storable(call: Errand, request: Request, policy: Bodies) -> bytes:
    """A request's body for the journal, also where it was refused before its guardrails saw it."""
    try:
        return _storable(call, request, policy)
    except Exception:
        logger.exception("a body could not be redacted", extra={"exchange": call.exchange.id})
        return _FAILED


def _storable(call: Errand, request: Request, policy: Bodies) -> bytes:
    if request.stored is not None:
        return request.stored
    if policy is not Bodies.REDACTED or call.notes is not None or call.exchange.shadow_of is not None:
        return request.body
    guard = call.in_force.guards.of_route(call.exchange.route) or call.in_force.guards.unrouted
    if guard is None or len(request.body) > MAX_MASKED:
        return _TOO_LONG
    if request.document is not None:
        return guard.masked(request.body)
    if b"\\u" in request.body:
        return _ESCAPED
    return as_text(guard.masked_text, request.body)  # it was not to be parsed, so it is not parsed here either


def guarded_message(call: Errand, reply: Reply | None, message: bytes | None) -> bytes | None:
    """Note what was found in an exchange, and give its answer as it may be stored. It raises nothing: see `settle`."""
    try:
        return _guarded_message(call, reply, message)
    except Exception:
        logger.exception("an answer could not be redacted", extra={"exchange": call.exchange.id})
        return _FAILED


def _guarded_message(call: Errand, reply: Reply | None, message: bytes | None) -> bytes | None:
    guard = call.in_force.guards.of_route(call.exchange.route)
    if guard is None:
        return message
    notes = call.notes = call.notes or Notes()
    if isinstance(reply, GuardedReply):
        notes.take(reply.guard.notes)
    if call.said is not None:
        message = call.said
    elif message is not None:
        message = _watched(guard, notes, message) if len(message) <= MAX_MASKED or not guard.masks else _TOO_LONG
    call.exchange.verdicts = notes.rows()
    if notes.has_found:
        _mask_details(call, guard)
    return message


async def look_ahead(call: Errand, reply: Reply) -> None:
    """Redact a long answer beside the event loop, before the exchange is settled on it."""
    guard = call.in_force.guards.of_route(call.exchange.route)
    if guard is None or not guard.watching or reply.size <= QUICK:
        return
    message = reply.reader.message() if reply.way is Way.EVENTS else reply.body() if reply.way is Way.WHOLE else None
    if message is not None:
        notes = call.notes = call.notes or Notes()
        call.said = await asked_aside(len(message), _watched, guard, notes, message)


def _watched(guard: Guard, notes: Notes, message: bytes) -> bytes:
    """Let those have a look who only look, and take out what must not be stored."""
    if not guard.watching:
        return message
    seen = Notes()
    sifted(Sieve(guard.watching, Stage.REPLY, seen, NO_PLACEHOLDERS), message)
    notes.take(seen)
    return guard.masked(message) if guard.masks and seen.has_found else message


def _mask_details(call: Errand, guard: Guard) -> None:
    """Backends quote what they were asked in what they complain about."""
    exchange = call.exchange
    if exchange.error_detail:
        exchange.error_detail = guard.masked_text(exchange.error_detail)
    for attempt in exchange.attempts:
        if attempt.detail:
            attempt.detail = guard.masked_text(attempt.detail)
