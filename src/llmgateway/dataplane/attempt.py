"""One try at one backend: a place there, a connection, the request, and a reply that can be judged.

Which backend, and what follows a failure, is decided in `dispatch`; it may run beside another attempt of the same call.
"""

import asyncio
from dataclasses import dataclass, replace

from llmgateway.config.snapshot import Bodies, Priority
from llmgateway.dataplane.call import Errand, Request
from llmgateway.dataplane.causes import of_dialling, of_reply
from llmgateway.dataplane.guard import reply_guard
from llmgateway.dataplane.guardedreply import GuardedReply
from llmgateway.dataplane.inforce import Upstream
from llmgateway.dataplane.masking import MAX_DETAIL
from llmgateway.dataplane.reply import BODILESS, Reply, Way
from llmgateway.dataplane.sending import send
from llmgateway.dataplane.turns import take_place
from llmgateway.dataplane.upgrade import GuardedOpening, Opening
from llmgateway.domain.errors import OF_GUARDRAILS, GatewayError
from llmgateway.domain.exchange import Attempt, AttemptKind
from llmgateway.http.connection import Connection
from llmgateway.routing.health import IN
from llmgateway.routing.places import RANK, Places
from llmgateway.routing.plan import Target
from llmgateway.routing.standing import Standing
from llmgateway.wire.retry_after import retry_after_s


@dataclass(slots=True)
class Dispatched:
    """A reply that will be relayed, and the connection it comes over. `leave` follows, however the relay ends."""

    reply: Reply
    upstream: Upstream
    connection: Connection
    target: Target
    places: Places | None = None  # where it has one of them
    faults_before: int = 0  # in a row

    def writable(self, is_writable: bool) -> None:  # noqa: FBT001 - the transport's callback
        """Back-pressure: the caller reads slowly, so the backend is read slowly."""
        if isinstance(self.reply, GuardedReply):
            self.reply.held_up(is_paused=not is_writable)
        if is_writable:
            self.connection.resume()
        else:
            self.connection.pause()

    def give_up_place(self, now: float) -> None:
        """The backend has done its work for it. Does no harm twice."""
        if self.places is not None:
            self.places.leave(now - self.reply.attempt.started, now)
            self.places = None

    def leave(self, now: float, *, is_copy: bool = False) -> None:
        """The exchange is over: give back its place, and count what went wrong after the content had begun.

        What befalls a copy says nothing of the backend: it may be the shadow's own parameters.
        """
        standing, reply = self.target.standing, self.reply
        standing.in_flight -= 1
        self.give_up_place(now)
        if is_copy:
            return
        if reply.fault is not None:
            standing.broke_off(reply.fault.code, self.faults_before, now)
        elif reply.reader.error is not None:
            standing.broke_off("upstream_error", self.faults_before, now)


async def attempt(call: Errand, target: Target, request: Request) -> Dispatched:
    """One try at one backend, with a place there, and counted there. May run beside another one of the same call.

    A pooled connection that turns out to be dead costs a second, fresh one (row U6).
    """
    standing, places = target.standing, target.standing.places
    if places is not None:
        await _take_place(call, target, places)
    standing.in_flight += 1
    began = call.now
    try:
        connection = call.in_force.upstreams[standing.backend.name].pool.idle()
        if connection is not None:
            sent = await _ask(call, target, request, connection)
            if sent.reply.is_stale and sent.reply.fault is not None and request.upload is None:
                _close_attempt(sent.reply.attempt, sent.reply.fault)
                sent = await _ask(call, replace(target, kind=AttemptKind.RETRY), request, None)
        else:
            sent = await _ask(call, target, request, None)
        sent.places = places
        return _judged(call, target, sent)
    except BaseException as error:
        now = call.now
        standing.in_flight -= 1
        if places is not None:
            places.leave(None, now)
        if call.exchange.shadow_of is None:  # a copy is no evidence
            _note_end(call, target, error, began)
        raise


def _note_end(call: Errand, target: Target, error: BaseException, began: float) -> None:
    """What an attempt that gave no reply says of its backend."""
    standing, standings, now = target.standing, call.in_force.standings, call.now
    if isinstance(error, GatewayError) and error.code not in OF_GUARDRAILS:
        standings.report_failure(standing, error, now, is_trial=target.is_trial)
        return
    standing.was_left(began, now)  # it has answered, the caller has left, or another attempt was quicker
    if target.is_trial and isinstance(error, GatewayError):
        standings.passed(standing, began, now)
    elif target.is_trial:
        standing.is_probing = False  # somebody else may find out


def _still_wanted(standing: Standing, places: Places, now: float, *, was_in: bool) -> None:
    """Give the place back, and raise, where the backend was taken out while somebody waited for it."""
    if standing.is_gone(now) or (was_in and standing.health.state is not IN):
        places.leave(None, now)
        raise GatewayError("overloaded", "The backend was taken out meanwhile.")


async def _take_place(call: Errand, target: Target, places: Places) -> None:
    """Have a place at the target's backend. To have got none is an attempt that ended before it began."""
    gateway, now, standing = call.gateway, call.now, target.standing
    was_in = standing.health.state is IN
    rank = RANK[call.key.priority] if call.key is not None else RANK[Priority.NORMAL]
    try:
        has_waited = await take_place(places, rank, gateway.clock, gateway.gauges.waited)
        if has_waited:
            _still_wanted(standing, places, call.now, was_in=was_in)
    except GatewayError as error:
        failed = Attempt(target.backend.name, target.version.name, target.kind, now)
        _close_attempt(failed, error, ended=call.now)
        call.exchange.attempts.append(failed)
        standing.is_probing = standing.is_probing and not target.is_trial
        raise
    except asyncio.CancelledError:
        standing.is_probing = standing.is_probing and not target.is_trial
        raise


async def _ask(call: Errand, target: Target, request: Request, pooled: Connection | None) -> Dispatched:
    upstream = call.in_force.upstreams[target.backend.name]
    attempt = Attempt(target.backend.name, target.version.name, target.kind, call.now, is_reused=pooled is not None)
    call.exchange.attempts.append(attempt)
    try:
        connection = pooled if pooled is not None else await upstream.pool.dial()
    except GatewayError as error:
        _close_attempt(attempt, error, detail=of_dialling(error), ended=call.now)
        raise
    attempt.connected = call.now
    route = call.route
    is_kept = route is not None and route.raw_events and route.bodies is not Bodies.REDACTED
    limit = call.in_force.snapshot.journal.max_record_bytes if is_kept else 0
    reader = upstream.provider.reader(call.exchange.operation)
    guard = reply_guard(call, upstream) if call.in_force.guards.by_route else None
    if guard is not None:
        guarded = GuardedReply if request.upgrade is None else GuardedOpening
        reply: Reply = guarded(attempt, reader, call.gateway.clock, guard, upstream.secrets)
    else:
        answer = Reply if request.upgrade is None else Opening
        reply = answer(attempt, reader, call.gateway.clock, secrets=upstream.secrets, events_limit=limit)
    call.reply = reply
    try:
        send(call, target, request, connection, reply)
        is_copied = route is not None and route.shadow is not None and request.upgrade is None  # never a session
        if is_copied and call.gateway.shadowing is not None:
            call.gateway.shadowing.sent(call, request)
        await _ready(call, reply)
    except BaseException:
        connection.cancel()
        attempt.ended = call.now
        raise
    return Dispatched(reply, upstream, connection, target)


async def _ready(call: Errand, reply: Reply) -> None:
    """Wait until the reply can be judged. A silent stream is let go after a while, so the sweeper looks at it."""
    if reply.ready.done():
        return
    if call.exchange.is_stream:
        call.gateway.sweeper.watch(reply)
    try:
        await reply.ready
    finally:
        if call.exchange.is_stream:
            call.gateway.sweeper.forget(reply)


def _judged(call: Errand, target: Target, sent: Dispatched) -> Dispatched:
    """Accept the reply, or raise what is wrong with it while another attempt may still follow."""
    error = _fault(sent, call.gateway.clock.time())
    if error is not None:
        if error.code not in OF_GUARDRAILS:
            call.reply = None
        _close_attempt(sent.reply.attempt, error, detail=of_reply(sent.reply, error), ended=call.now)
        if not sent.reply.is_over:
            sent.connection.cancel()
        raise error
    if sent.reply.way is Way.WHOLE and not sent.reply.is_over:
        sent.connection.cancel()  # a refusal that is longer than anybody reads
    if (sent.reply.is_ok or target.is_trial) and call.exchange.shadow_of is None:
        standing, began, now = target.standing, sent.reply.attempt.started, call.now
        sent.faults_before = standing.record.consecutive
        standing.ok(began, now)
        if target.is_trial:
            call.in_force.standings.passed(standing, began, now)
    sent.reply.attempt.result = "ok"
    call.exchange.served_version = target.version.name
    return sent


def _fault(sent: Dispatched, now: float) -> GatewayError | None:
    reply = sent.reply
    if reply.fault is not None:
        return reply.fault
    if not reply.is_ok:
        error = sent.upstream.provider.fault(reply.status, reply.body())
        if error is not None and error.retry_after_s is None:
            error.retry_after_s = retry_after_s(reply.headers, now)
        return error
    if reply.reader.error is not None and not reply.reader.has_content:
        return GatewayError("upstream_error")
    is_said = bool(reply.size) or reply.status not in BODILESS
    if reply.way is Way.WHOLE and is_said and not reply.reader.is_complete:
        return GatewayError("upstream_truncated", "The backend's answer broke off, or is none of its API.")
    return None


def _close_attempt(
    attempt: Attempt, error: GatewayError, *, detail: str | None = None, ended: float | None = None
) -> None:
    attempt.result = error.code
    attempt.detail = (detail or "")[: 2 * MAX_DETAIL] or None  # cut again once it is masked
    if attempt.ended is None:
        attempt.ended = ended
