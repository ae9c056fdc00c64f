"""What the journal gets of bodies that guardrails care about, and what they have found."""

import logging
import re
from functools import partial
from typing import Final

from llmgateway.config.snapshot import Bodies
from llmgateway.dataplane.bodies import QUICK, asked_aside
from llmgateway.dataplane.call import Errand, Request
from llmgateway.dataplane.guardedreply import UNREADABLE, GuardedReply
from llmgateway.dataplane.reply import Reply, Way
from llmgateway.domain.exchange import Exchange
from llmgateway.domain.pseudonyms import mark_of
from llmgateway.domain.verdict import Stage
from llmgateway.guarding.body import Sieve
from llmgateway.guarding.guards import Guard, as_text, sifted
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import NO_PLACEHOLDERS
from llmgateway.wire.jsoncodec import encode
from llmgateway.wire.query import readings

logger = logging.getLogger(__name__)

MAX_DETAIL: Final = 500
_FACTS: Final = ("idempotency_key", "caller_request_id", "user_agent", "request_model")
_NAMES: Final = ("user", "session")
_OF_REPLIES: Final = ("response_id", "response_model", "fingerprint", "finish_reason")
# What almost every reply is called: each another name, and not worth the time that a look takes.
_USUAL_ID: Final = re.compile(r"(?:chatcmpl|cmpl|resp|msg|gen)[-_][A-Za-z0-9-]{1,64}")
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
    guard = call.in_force.guards.of_route(call.exchange.route) or call.in_force.guards.unrouted
    must_mask = policy is Bodies.REDACTED or (guard is not None and bool(guard.request.enforced))
    if request.is_judged or not must_mask:
        return request.body
    if guard is None or len(request.body) > MAX_MASKED:
        return _TOO_LONG
    if request.document is not None:
        return guard.masked(request.body)
    if b"\\u" in request.body:
        return _ESCAPED
    return as_text(guard.masked_text, request.body)  # it was not to be parsed, so it is not parsed here either


def mask_facts(call: Errand, guard: Guard | None = None) -> None:
    """What else a request says is recorded beside its body: its path, headers, user, tags. It raises nothing.

    Without a `guard` it is the route's own, and only where bodies are stored redacted, or less of them.
    """
    if guard is None:
        route = call.exchange.route or (call.route.name if call.route is not None else None)
        guard = call.in_force.guards.of_route(route) or call.in_force.guards.unrouted
        if guard is None or not guard.masks:
            guard = _keeper(call)
        if guard is None:
            return
    try:
        _mask_facts(call.exchange, guard)
    except Exception:
        logger.exception("facts could not be redacted", extra={"exchange": call.exchange.id})
        for name in (*_FACTS, *_NAMES):
            setattr(call.exchange, name, None)
        call.exchange.path, call.exchange.tags = "", {}


def _keeper(call: Errand) -> Guard | None:
    """Who redacts what is recorded beside a body of which a hash is kept, or nothing: a route need not have anybody."""
    bodies = call.route.bodies if call.route is not None else call.in_force.snapshot.journal.bodies
    return call.in_force.guards.strictest if bodies is not Bodies.FULL else None


def _mask_facts(exchange: Exchange, guard: Guard) -> None:
    for name in _FACTS:
        value = getattr(exchange, name)
        if value is not None:
            setattr(exchange, name, _masked(guard, value))
    for name in _NAMES:
        value = getattr(exchange, name)
        if value is not None and not guard.is_clean(value):
            setattr(exchange, name, pseudonym(guard, value))
    exchange.path = _masked(guard, exchange.path)
    if exchange.tags:
        exchange.tags = {guard.masked_text(name): guard.masked_text(value) for name, value in exchange.tags.items()}


def _masked(guard: Guard, text: str) -> str:
    """A text that may be percent-encoded, as it may be stored."""
    odd = [each for each in readings(text) if not guard.is_clean(each)]
    return guard.masked_text(odd[-1]) if odd else text


def pseudonym(guard: Guard, name: str) -> str:
    """A masked name, and a part of its hash, so that masked users can be told apart."""
    return f"{guard.masked_text(name)}{mark_of(name)}"


def guarded_message(call: Errand, reply: Reply | None, message: bytes | None) -> bytes | None:
    """Note what was found in an exchange, and give its answer as it may be stored. It raises nothing: see `settle`."""
    try:
        return _guarded_message(call, reply, message)
    except Exception:
        logger.exception("an answer could not be redacted", extra={"exchange": call.exchange.id})
        return _FAILED


def _guarded_message(call: Errand, reply: Reply | None, message: bytes | None) -> bytes | None:
    guard = call.guard
    if guard is None:
        keeper = _keeper(call)
        if keeper is not None:
            _mask_details(call.exchange, keeper)
        _shorten(call.exchange)
        return message
    notes = call.notes = call.notes or Notes()
    is_guarded = isinstance(reply, GuardedReply)
    if isinstance(reply, GuardedReply):
        notes.take(reply.guard.notes)
        if message is not None and not reply.is_judged:  # the caller left before, or a guardrail failed
            message = guard.masked(message) if len(message) <= MAX_MASKED else _TOO_LONG
    if call.said is not None:
        message = call.said
    elif message is not None and len(message) > MAX_MASKED and _masks(guard, is_guarded=is_guarded):
        message = _TOO_LONG
    elif message is not None:
        message = _watched(guard, notes, message, is_guarded=is_guarded)
    call.exchange.verdicts = notes.rows()
    is_odd = _mask_details(call.exchange, guard)
    if is_odd and message is not None and _masks(guard, is_guarded=is_guarded):
        message = guard.masked(message) if len(message) <= MAX_MASKED else _TOO_LONG
    _shorten(call.exchange)
    return message


async def look_ahead(call: Errand, reply: Reply) -> None:
    """Redact a long answer beside the event loop, before the exchange is settled on it."""
    guard = call.guard
    if guard is None or not guard.observing or reply.size <= QUICK:
        return
    message = reply.reader.message() if reply.way is Way.EVENTS else reply.body() if reply.way is Way.WHOLE else None
    if message is not None:
        notes = call.notes = call.notes or Notes()
        watched = partial(_watched, is_guarded=isinstance(reply, GuardedReply))
        call.said = await asked_aside(len(message), watched, guard, notes, message)


def _masks(guard: Guard, *, is_guarded: bool) -> bool:
    return guard.masks or (not is_guarded and bool(guard.reply))


def _watched(guard: Guard, notes: Notes, message: bytes, *, is_guarded: bool) -> bytes:
    """Let those have a look who only look, and take out what must not be stored.

    Copies' replies reach nobody, so nobody else has looked at them: to their guardrails they are only to be looked at.
    """
    watching = guard.watching if is_guarded else guard.observing
    if not watching:
        return message
    masks = _masks(guard, is_guarded=is_guarded)
    if masks and b"\0" in message:
        return UNREADABLE
    seen = Notes()
    sifted(Sieve(watching, Stage.REPLY, seen, NO_PLACEHOLDERS), message, only_looks=True)
    notes.take(seen)
    return guard.masked(message) if seen.has_found and masks else message


def _mask_details(exchange: Exchange, guard: Guard) -> bool:
    """Backends quote what they were asked in what they complain about, and say more of themselves than they should.

    True: there is something in what a reply says of itself.
    """
    if exchange.error_detail:
        exchange.error_detail = guard.masked_text(exchange.error_detail)
    for attempt in exchange.attempts:
        if attempt.detail:
            attempt.detail = guard.masked_text(attempt.detail)
    is_odd = False
    for name in _OF_REPLIES:
        value = getattr(exchange, name)
        if value is not None and not _USUAL_ID.fullmatch(value) and not guard.is_clean(value):
            setattr(exchange, name, guard.masked_text(value))
            is_odd = True
    return is_odd


def _shorten(exchange: Exchange) -> None:
    """Cut after masking: half a secret is none that anybody would find."""
    for attempt in exchange.attempts:
        if attempt.detail:
            attempt.detail = attempt.detail[:MAX_DETAIL]
