"""Ask backends until one gives an answer worth relaying, within the plan, the deadlines and the retry budget."""

import asyncio
from dataclasses import dataclass, replace
from typing import Final

from llmgateway.config.snapshot import Priority
from llmgateway.dataplane.call import Call, Errand, Request
from llmgateway.dataplane.hedge import hedged
from llmgateway.dataplane.inforce import Upstream
from llmgateway.dataplane.phases import HOP_HEADER, MAX_HOPS
from llmgateway.dataplane.reply import Reply, Way
from llmgateway.dataplane.settle import MAX_DETAIL, record_admitted
from llmgateway.dataplane.turns import take_place
from llmgateway.dataplane.upgrade import Opening, offer_tunnel
from llmgateway.dataplane.upload import Upload
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.exchange import Attempt, AttemptKind, Phase
from llmgateway.domain.operation import BodyKind
from llmgateway.http.client import Parts
from llmgateway.http.client import Upload as Pieces
from llmgateway.http.connection import Connection
from llmgateway.http.messages import block
from llmgateway.routing.affinity import affinity
from llmgateway.routing.balance import Wish
from llmgateway.routing.course import Course
from llmgateway.routing.health import IN
from llmgateway.routing.hedging import may_hedge
from llmgateway.routing.places import RANK, Places
from llmgateway.routing.plan import Plan, Target, after_failure
from llmgateway.routing.standing import Standing
from llmgateway.wire.jsonscan import splice, splice_large
from llmgateway.wire.retry_after import retry_after_s

_HOPS: Final = tuple(block([(HOP_HEADER, b"%d" % hop)]) for hop in range(MAX_HOPS + 1))


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
        if is_writable:
            self.connection.resume()
        else:
            self.connection.pause()

    def leave(self, now: float, *, is_copy: bool = False) -> None:
        """The exchange is over: give back its place, and count what went wrong after the content had begun.

        What befalls a copy says nothing of the backend: it may be the shadow's own parameters.
        """
        standing, reply = self.target.standing, self.reply
        standing.in_flight -= 1
        if self.places is not None:
            self.places.leave(now - reply.attempt.started, now)
        if is_copy:
            return
        if reply.fault is not None:
            standing.broke_off(reply.fault.code, self.faults_before, now)
        elif reply.reader.error is not None:
            standing.broke_off("upstream_error", self.faults_before, now)


async def dispatch(call: Call, plan: Plan, request: Request) -> Dispatched:
    """Attempt after attempt until a reply can be relayed; raises the last attempt's GatewayError when none can."""
    exchange = call.exchange
    exchange.phase = Phase.DISPATCH
    pending = record_admitted(call)
    if pending is not None:
        await pending
    exchange.dispatched = call.now
    budget = call.in_force.budgets[plan.route.name]
    budget.request()
    target = plan.only
    if target is not None and target.standing.is_open and plan.route.hedge is None:
        try:
            return await attempt(call, target, request)
        except GatewayError as error:
            failed: GatewayError | None = error
    else:
        target = failed = None
    return await _go_on(call, plan, request, target, failed)


async def _go_on(
    call: Call, plan: Plan, request: Request, asked: Target | None, failed: GatewayError | None
) -> Dispatched:
    """Choose backends and ask them, one after the other, after `asked` has `failed` (or from the start)."""
    course = Course(plan, call.in_force.standings)
    if asked is not None:
        course.note(asked)
    wish = Wish(call.now, call.gateway.draw, lambda: affinity(request.document), may_try=_is_repeatable(call, request))
    operation, method = call.exchange.operation, call.incoming.method
    is_hedged = plan.route.hedge is not None and wish.may_try and may_hedge(operation, method)
    while True:
        if failed is not None:
            await _pause(call, course, course.asked, failed, wish)
        wish.now = call.now
        target = course.next(wish)
        if target is None:
            raise failed or GatewayError("no_healthy_upstream")
        try:
            if is_hedged and failed is None:
                return await hedged(call, course, wish, target, lambda each: attempt(call, each, request))
            return await attempt(call, target, request)
        except GatewayError as error:
            failed = error


async def _pause(call: Call, course: Course, tried: int, error: GatewayError, wish: Wish) -> None:
    """Wait until the next attempt is due; raises what the caller is told where there is none."""
    is_over = course.is_over(call.now)
    course.rounds += is_over
    wait_s = after_failure(
        course.plan,
        tried,
        error,
        rounds=course.rounds if is_over else None,
        repeatable=wish.may_try,
        jitter=call.gateway.draw(),
    )
    was_sent = error.code != "overloaded"  # else no backend has had any trouble yet
    if wait_s is None or (was_sent and not call.in_force.budgets[course.plan.route.name].spend()):
        raise course.outcome(error, call.now)
    if is_over:
        course.again()
    if wait_s > 0:
        await asyncio.sleep(wait_s)


def _is_repeatable(call: Call, request: Request) -> bool:
    if request.kind is BodyKind.STREAM:
        return False
    return call.exchange.operation.is_repeatable or call.incoming.method in {"GET", "HEAD"}


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
        if call.exchange.shadow_of is not None:
            pass  # a copy is no evidence
        elif isinstance(error, GatewayError):
            call.in_force.standings.report_failure(standing, error, now, is_trial=target.is_trial)
        else:  # the caller has left, or another attempt was quicker
            standing.was_left(began, now)
            if target.is_trial:
                standing.is_probing = False  # somebody else may find out
        raise


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
        _close_attempt(attempt, error, ended=call.now)
        raise
    attempt.connected = call.now
    route = call.route
    limit = call.in_force.snapshot.journal.max_record_bytes if route is not None and route.raw_events else 0
    reader = upstream.provider.reader(call.exchange.operation)
    answer = Reply if request.upgrade is None else Opening
    call.reply = reply = answer(attempt, reader, call.gateway.clock, secrets=upstream.secrets, events_limit=limit)
    try:
        _send(call, target, request, connection, reply)
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


def _send(call: Errand, target: Target, request: Request, connection: Connection, reply: Reply) -> None:
    upstream = call.in_force.upstreams[target.backend.name]
    if request.upgrade is not None:
        offer_tunnel(call, target, connection, _hop(call))
        return
    method, incoming = call.incoming.method, call.incoming
    origin = upstream.origin
    path = upstream.provider.target(upstream.base_path, incoming.path) + incoming.query.decode("ascii", "replace")
    render, headers, hop = upstream.template.render, incoming.headers, _hop(call)
    if request.upload is not None:
        model = _form_model(target, request)
        pieces = Pieces(request.upload.length(incoming.content_length, model))
        head = render(method, path, headers, pieces, hop)
        connection.send(head, pieces, reply, origin.timeouts)
        _attach(request.upload, connection, reply, model)
        return
    body = _body(call, target, request) or None
    head = render(method, path, headers, body, hop)
    connection.send(head, body, reply, origin.timeouts)


def _attach(upload: Upload, connection: Connection, reply: Reply, model: bytes | None) -> None:
    """Let the caller's pieces flow to the backend. If they stop making sense, the attempt is over."""

    def look() -> None:
        if upload.error is not None:
            connection.cancel()
            reply.on_fault(upload.error, reusable_retry=False)

    upload.on_change = look
    reply.on_upload = upload.writable
    upload.attach(connection.send_piece, connection.finish_upload, model=model)
    look()  # it may have failed while it waited


def _form_model(target: Target, request: Request) -> bytes | None:
    model = target.version.model
    return model.encode() if model is not None and request.model is not None else None


def _body(call: Errand, target: Target, request: Request) -> bytes | Parts:
    """The caller's own bytes, with the version's model and parameters spliced in."""
    if request.document is None:
        return request.body
    changes = call.in_force.changes[(call.exchange.route or "", target.version.name)]
    if call.exchange.operation.is_stateful:  # such bodies take no parameters, and a model only where one stands
        changes = {name: value for name, value in changes.items() if name == "model" and request.model is not None}
    if not changes:
        return request.body
    if request.members is not None:
        return Parts(splice_large(request.body, request.document, changes, request.members))
    return splice(request.body, request.document, changes)


def _hop(call: Errand) -> bytes:
    """The line that tells the next gateway how many there were before it."""
    value = call.incoming.header(HOP_HEADER)
    hops = int(value) if value is not None and value.isdigit() and len(value) < 4 else 0
    return _HOPS[min(hops + 1, MAX_HOPS)]


def _judged(call: Errand, target: Target, sent: Dispatched) -> Dispatched:
    """Accept the reply, or raise what is wrong with it while another attempt may still follow."""
    error = _fault(sent, call.gateway.clock.time())
    if error is not None:
        call.reply = None
        _close_attempt(sent.reply.attempt, error, detail=_detail(sent), ended=call.now)
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
    if reply.way is Way.WHOLE and reply.size and not reply.reader.is_complete:
        return GatewayError("upstream_truncated")
    return None


def _detail(sent: Dispatched) -> str | None:
    return (sent.reply.complaint or "")[:MAX_DETAIL] or None


def _close_attempt(
    attempt: Attempt, error: GatewayError, *, detail: str | None = None, ended: float | None = None
) -> None:
    attempt.result = error.code
    attempt.detail = detail
    if attempt.ended is None:
        attempt.ended = ended
