"""Relay, for a WebSocket: bytes both ways until one side closes, then the record, then the end.

    OPEN ──► ENDED (settling) ──► PARTING ──► parted
ENDED: what ended it is known and being written down; PARTING: both sides have been told, and get a moment to answer.
Frames pass unaltered. They are looked at for their boundaries, for close codes, and for what a backend says of usage.
Where guardrails must see what is said, see `guardedtunnel`.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable
from dataclasses import dataclass
from functools import partial
from typing import Final

from llmgateway.config.snapshot import Snapshot
from llmgateway.dataplane.answers import own_head
from llmgateway.dataplane.attempt import Dispatched
from llmgateway.dataplane.call import Call
from llmgateway.dataplane.parting import (
    ENDINGS,
    Cause,
    Ending,
    broken_by_backend,
    broken_by_caller,
    closed_by_backend,
    closed_by_caller,
    left_by_caller,
)
from llmgateway.dataplane.settle import settle
from llmgateway.dataplane.tunnels import is_stricter
from llmgateway.dataplane.upgrade import Tunnelled
from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.guards import Guard
from llmgateway.wire.websocket import TEXT, FrameFlow, close_frame, frame

logger = logging.getLogger(__name__)

CLOSE_S: Final = 5.0  # for the answer to a close frame, and for what was said before it to be taken in
PARTING_S: Final = 1.0  # the same when the worker ends; below the supervisor's patience after a drain


async def tunnel(call: Call, sent: Dispatched, pipe: "Tunnel") -> None:
    """Carry a session; returns when both sides are told that it is over. It is settled before the caller is told."""
    exchange, gateway = call.exchange, call.gateway
    exchange.status = 101
    route = exchange.route or "other"
    gateway.gauges.open_tunnels[route] += 1
    gateway.tunnels.open.add(pipe)
    try:
        pipe.reguard(gateway.in_force.snapshot)  # it may have been replaced while the backend was asked
        pipe.open()
        ending = await pipe.ended
        if not pipe.hurried.done():
            await _look_back(pipe)
        durable = _settle(call, pipe, ending)
        if durable is not None:
            await durable
        pipe.part(ending)
        await pipe.parted
    except asyncio.CancelledError:
        _settle(call, pipe, pipe.left())
        raise
    finally:
        gateway.gauges.open_tunnels[route] -= 1
        gateway.tunnels.open.discard(pipe)
        gateway.sweeper.forget(pipe)
        pipe.close()
    call.incoming.end()
    sent.connection.cancel()


async def _look_back(pipe: "Tunnel") -> None:
    """Whatever comes of it, the session is written down, and both sides are told that it is over."""
    looking = asyncio.ensure_future(pipe.look_back())
    try:
        await asyncio.wait([looking, pipe.hurried], return_when=asyncio.FIRST_COMPLETED)
    finally:
        looking.cancel()
    if looking.done() and not looking.cancelled() and (error := looking.exception()) is not None:
        logger.error("a guardrail failed", exc_info=error)


def _settle(call: Call, pipe: "Tunnel", ending: Ending) -> Awaitable[None] | None:
    exchange = call.exchange
    if exchange.is_settled:
        return None
    exchange.end = ending.end
    exchange.error_code = ending.error
    exchange.error_detail = ending.detail if ending.error is not None else None
    if call.bound is None:  # nobody has looked back: the worker ends
        call.bound = pipe.bound()
    pipe.count(ending)
    return settle(call)


@dataclass(slots=True)
class Lifetime:
    """How long a session lasts: so long after the last word, and so long in all. Monotonic seconds."""

    heard: float  # when something last came, from either side
    idle_s: float
    expires_at: float

    @property
    def ends_at(self) -> float:
        """When it ends if nothing more comes."""
        return min(self.heard + self.idle_s, self.expires_at)

    def cause(self, now: float) -> Cause | None:
        """Why it ends now; None: it does not."""
        if now >= self.expires_at:
            return Cause.EXPIRED
        return Cause.IDLE if now >= self.ends_at else None


class Tunnel:
    """Both directions of one session, and its deadlines. Sink of the caller's bytes, outlet of the backend's."""

    __slots__ = (
        "_call",
        "_clock",
        "_connection",
        "_from_backend",
        "_from_caller",
        "_is_backend_gone",
        "_life",
        "_patience_s",
        "_reply",
        "deadline",
        "ended",
        "hurried",
        "parted",
    )

    def __init__(self, call: Call, sent: Dispatched) -> None:
        assert isinstance(sent.reply, Tunnelled)
        loop, server = asyncio.get_running_loop(), call.in_force.snapshot.server
        limit = server.max_tunnel_message_bytes
        self._call = call
        self._reply = sent.reply
        self._connection = sent.connection
        self._clock = call.gateway.clock
        self._from_caller = FrameFlow(is_masked=True, max_message=limit)
        on_text = partial(sent.reply.reader.event, b"")
        self._from_backend = FrameFlow(is_masked=False, max_message=limit, on_text=on_text)
        now = self._clock.monotonic()
        self._life = Lifetime(now, server.tunnel_idle_s, now + server.tunnel_total_s)
        self._is_backend_gone = False
        self._patience_s = CLOSE_S
        self.deadline: float | None = None
        self.ended: asyncio.Future[Ending] = loop.create_future()
        self.parted: asyncio.Future[None] = loop.create_future()
        self.hurried: asyncio.Future[None] = loop.create_future()  # the worker ends, and nobody may be waited for

    def __repr__(self) -> str:
        state = "parted" if self.parted.done() else "ended" if self.ended.done() else "open"
        return f"<Tunnel {state}, {self._from_caller.messages} messages in, {self._from_backend.messages} out>"

    def open(self) -> None:
        """Tell the caller that its offer is granted, and let bytes flow."""
        call, reply = self._call, self._reply
        upgrade = call.request.upgrade if call.request is not None else None
        assert upgrade is not None
        incoming = call.incoming
        self._arm()
        call.gateway.sweeper.watch(self)
        self._connection.switch()
        reply.on_over = self._backend_over
        reply.on_upload = self._backend_writable
        incoming.on_writable = self._caller_writable
        incoming.switch(own_head(call) + upgrade.offer.answer(reply.protocol), self)
        reply.release(self)
        if reply.is_over:  # it said all it had to say in the same breath
            self._backend_over()
        elif incoming.is_writable:
            self._connection.resume()

    # --- the caller's bytes

    def data(self, piece: bytes) -> None:
        self._life.heard = self._clock.monotonic()
        flow = self._from_caller
        was_over = flow.is_over
        ready = flow.feed(piece)
        if not was_over:
            self._take_in(ready)

    def _take_in(self, ready: bytes) -> None:
        if ready and not self._is_backend_told:
            self._connection.send_piece(ready)
        self._look_at_caller()

    def _look_at_caller(self) -> None:
        flow = self._from_caller
        if flow.fault is not None:
            self._end(broken_by_caller(flow.fault))
        elif flow.close is not None:
            self._caller_closed(flow.close)

    def end(self) -> None:
        """The caller's side has no end but the connection's."""

    def fail(self, error: GatewayError) -> None:
        """Nothing limits the body of a tunnel; what limits its messages is here."""

    def _caller_closed(self, raw: bytes) -> None:
        if not self._is_backend_told:
            self._connection.send_piece(raw)
        if self.ended.done():
            self._look_parted()
        else:
            self.deadline = self._life.heard + self._patience_s

    # --- the backend's bytes

    def write(self, piece: bytes) -> None:
        self._life.heard = self._clock.monotonic()
        flow = self._from_backend
        ready = flow.feed(piece)
        if self.ended.done():
            self._look_parted()
        else:
            self._take_out(ready)

    def _take_out(self, ready: bytes) -> None:
        if ready:
            self._call.incoming.write(ready)
        self._look_at_backend()

    def _look_at_backend(self) -> None:
        flow = self._from_backend
        if flow.fault is not None:
            self._end(broken_by_backend(flow.fault))
        elif flow.close is not None:
            self._end(self._by_caller() or closed_by_backend(flow.close_code))
        elif self._is_backend_gone:
            self._end(self._by_caller() or ENDINGS[Cause.BACKEND_GONE])

    def _backend_over(self) -> None:
        self._is_backend_gone = True
        (self._look_parted if self.ended.done() else self._look_at_backend)()

    # --- back-pressure: who reads slowly is read slowly from

    def _caller_writable(self, is_writable: bool) -> None:  # noqa: FBT001 - the transport's callback
        if is_writable:
            self._connection.resume()
        else:
            self._connection.pause()

    def _backend_writable(self, is_writable: bool) -> None:  # noqa: FBT001 - the transport's callback
        if is_writable:
            self._call.incoming.resume()
        else:
            self._call.incoming.pause()

    # --- deadlines

    def expire(self) -> None:
        """Called by the sweeper."""
        now = self._clock.monotonic()
        if self.ended.done():
            self._resolve()
        elif self._from_caller.close is not None:
            self._is_backend_gone = True  # it has had its moment to answer
            self._end(closed_by_caller(self._from_caller.close_code))
        elif (cause := self._life.cause(now)) is not None:
            self._end(ENDINGS[cause])
        else:
            self._arm()

    def _arm(self) -> None:
        self.deadline = self._life.ends_at

    # --- the end

    async def look_back(self) -> None:
        """Have those look at the session who only tell of what they find, before it is written down."""

    def bound(self) -> Guard | None:
        """The guard by which what is stored is judged; None where nobody must know what was said."""
        return None

    def close(self) -> None:
        """All is over, in whatever way."""

    def go_away(self) -> None:
        """The worker ends, and so does every tunnel that is still open."""
        self._patience_s = PARTING_S
        if not self.hurried.done():
            self.hurried.set_result(None)
        if self.deadline is not None:
            self.deadline = min(self.deadline, self._clock.monotonic() + PARTING_S)
        self._end(self._by_caller() or ENDINGS[Cause.DRAINED])

    def reguard(self, after: Snapshot) -> None:
        """A guardrail that was added is nobody's to skip who began before; what waits to be judged does not pass."""
        if is_stricter(self._call.in_force.snapshot, after, self._call.exchange.route):
            self._end(ENDINGS[Cause.REGUARDED])

    def left(self) -> Ending:
        """The caller's connection is gone: an orderly end all the same if it had said so."""
        return left_by_caller(self._call.incoming.left, self._by_caller())

    def count(self, ending: Ending) -> None:
        """Hand the record what was carried."""
        reply = self._reply
        self._call.exchange.request_bytes = self._from_caller.size
        reply.messages_in, reply.messages_out = self._from_caller.messages, self._from_backend.messages
        reply.closed = ending.detail
        reply.attempt.ended = self._clock.monotonic()
        if self._from_backend.unread:
            reply.reader.usage.is_estimated = True  # a message too long to look into may have held a count

    def part(self, ending: Ending) -> None:
        """Tell both sides, where that is still possible: between two frames, and to who has not closed itself."""
        caller, backend = self._from_caller, self._from_backend
        if backend.close is not None and backend.fault is None:
            self._call.incoming.write(backend.close)
        elif ending.to_caller is not None and self._is_out_whole:
            self._call.incoming.write(_last_words(self._call, ending, is_half_said=self._is_half_said))
        if ending.to_backend is not None and self._is_in_whole and caller.close is None:
            self._connection.send_piece(close_frame(ending.to_backend, mask=os.urandom(4)))
        self.deadline = self._clock.monotonic() + self._patience_s
        self._look_parted()

    @property
    def _is_out_whole(self) -> bool:
        return self._from_backend.is_between

    @property
    def _is_in_whole(self) -> bool:
        return self._from_caller.is_between

    @property
    def _is_half_said(self) -> bool:
        return self._from_backend.is_in_message

    @property
    def _is_backend_told(self) -> bool:
        """Whether a close frame has gone to the backend, after which nothing may."""
        return self.ended.done() and self.ended.result().to_backend is not None

    def _by_caller(self) -> Ending | None:
        flow = self._from_caller
        return closed_by_caller(flow.close_code) if flow.close is not None else None

    def _end(self, ending: Ending) -> None:
        if not self.ended.done():
            self.deadline = None
            self.ended.set_result(ending)

    def _look_parted(self) -> None:
        """Both have closed: nobody has to be waited for. Not before both are told (`part` sets the deadline)."""
        have_closed = self._from_caller.is_over and (self._is_backend_gone or self._from_backend.is_over)
        if self.deadline is not None and (have_closed or not self._is_out_whole):  # in a frame nothing can be told
            self._resolve()

    def _resolve(self) -> None:
        self.deadline = None
        if not self.parted.done():
            self.parted.set_result(None)


def _last_words(call: Call, ending: Ending, *, is_half_said: bool) -> bytes:
    """A fault is told in the caller's dialect before the close frame, unless a message stands half said."""
    assert ending.to_caller is not None
    closing = close_frame(ending.to_caller, ending.reason)
    if ending.error is None or is_half_said:
        return closing
    event = call.dialect.error_event(GatewayError(ending.error), call.exchange.id)
    return frame(TEXT, event.removeprefix(b"data: ").strip()) + closing
