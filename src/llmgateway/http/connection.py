"""One connection to a backend: writes a request, pushes the reply to its receiver, tells its owner when it is free.

An exchange on it ends in exactly one way: `on_end`, `on_fault`, or `cancel` (silence). After anything but a clean end
the socket is closed at once. What a reply means, retries and redirects must never enter here.
"""

import asyncio
import select
import socket
from functools import partial
from math import inf
from typing import Final, Protocol, cast

from llmgateway.domain.clock import Clock
from llmgateway.domain.errors import GatewayError
from llmgateway.http.client import SWITCH, Body, Parts, Receiver, Timeouts, Upload
from llmgateway.http.client_reply import ReplyParser
from llmgateway.http.deadlines import Sweeper

WRITE_BUFFER_BYTES: Final = 64 * 1024  # an upload is told to wait above it
TLS_READ_BUFFER_BYTES: Final = 16 * 1024
_JOIN_BYTES: Final = 16 * 1024  # below it, copying head and body together is cheaper than two writes
_NO_TIMEOUTS: Final = Timeouts(0.0, 0.0, 0.0)
_ENDLESS: Final = Timeouts(inf, inf, inf)


class Owner(Protocol):
    """Who keeps connections between exchanges: the pool."""

    def release(self, connection: "Connection") -> None:
        """Take a connection back that may carry another exchange."""
        ...

    def forget(self, connection: "Connection") -> None:
        """Drop a connection that is closed."""
        ...


class Connection(asyncio.Protocol):
    """A connected transport, its parser and the exchange on it, if any. Also the sweeper's `Timed`."""

    __slots__ = (
        "_ends_by",
        "_has_answered",
        "_is_announced",
        "_is_paused",
        "_left",
        "_now",
        "_owner",
        "_readable",
        "_receiver",
        "_reply",
        "_sweeper",
        "_timeouts",
        "_transport",
        "_upload",
        "deadline",
        "is_reused",
    )

    def __init__(self, owner: Owner, clock: Clock, sweeper: Sweeper, sock: socket.socket | None = None) -> None:
        """`sock`: the plain socket under the transport, to look for unasked bytes; None under TLS."""
        self._owner = owner
        self._now = clock.monotonic
        self._sweeper = sweeper
        self._readable = _watch(sock) if sock is not None else None
        self._transport: asyncio.Transport | None = None
        self._reply = ReplyParser()
        self._receiver: Receiver | None = None
        self._timeouts = _NO_TIMEOUTS
        self._ends_by = 0.0
        self._upload: Upload | None = None  # while pieces are due
        self._left: int | None = None  # bytes of a sized upload still due
        self._has_answered = False
        self._is_announced = False
        self._is_paused = False
        self.deadline: float | None = None
        self.is_reused = False

    def __repr__(self) -> str:
        state = "closed" if self._transport is None else "idle" if self._receiver is None else "busy"
        return f"<Connection {state}{' reused' if self.is_reused else ''}>"

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    def is_quiet(self) -> bool:
        """Tell whether an idle connection still is what it was: no end, and no byte that nobody asked for."""
        return self._readable is None or not self._readable.poll(0)

    # --- the exchange, called by the data plane ---

    def send(self, head: bytes, body: Body, receiver: Receiver, timeouts: Timeouts) -> None:
        """Write a request. `head` is complete (see `build_head`); an `Upload` is followed by `send_piece`.

        The receiver hears of a connection that is already gone, too, but never before this call has returned.
        """
        if self._receiver is not None:
            raise RuntimeError("a connection carries one exchange at a time")
        transport = self._transport
        if transport is None:
            fault = partial(receiver.on_fault, _no_answer(), reusable_retry=self.is_reused)
            asyncio.get_running_loop().call_soon(fault)
            return
        self._receiver = receiver
        self._reply.begin(is_head=head.startswith(b"HEAD "))
        self._has_answered = self._is_announced = False
        self._timeouts = timeouts
        self._ends_by = self._now() + timeouts.total_s
        self._await_more(timeouts.first_byte_s)
        if not body:
            transport.write(head)
        elif isinstance(body, Upload):
            self._upload, self._left = body, body.length
            self._reply.may_switch = body is SWITCH
            transport.write(head)
        elif isinstance(body, bytes) and len(body) < _JOIN_BYTES:
            transport.write(head + body)
        else:
            transport.writelines((head, *(body.parts if isinstance(body, Parts) else (body,))))

    def send_piece(self, piece: bytes) -> None:
        """Send the next bytes of an upload. Nothing happens once the exchange is over or after `finish_upload`.

        ValueError if the upload would be longer than it declared: the exchange has then been cancelled.
        """
        transport = self._transport
        if transport is None or self._upload is None or not piece:
            return
        if self._left is None:
            transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        else:
            self._left -= len(piece)
            if self._left < 0:
                self.cancel()
                raise ValueError("an upload is longer than it declared")
            transport.write(piece)
        self._await_answer()

    def finish_upload(self) -> None:
        """Mark the upload's end. ValueError if it is shorter than declared: the exchange has then been cancelled."""
        transport = self._transport
        if transport is None or self._upload is None:
            return
        if self._left:
            self.cancel()
            raise ValueError("an upload is shorter than it declared")
        if self._left is None:
            transport.write(b"0\r\n\r\n")
        self._upload = None
        self._await_answer()

    def switch(self) -> None:
        """The backend has answered 101 to a `SWITCH`: `send_piece` sends bytes as they are, and deadlines rest."""
        self._timeouts = _ENDLESS
        self._ends_by = inf
        self.deadline = None

    def pause(self) -> None:
        """Stop reading until `resume`; the idle timeout rests meanwhile."""
        if self._transport is not None and self._receiver is not None and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
            self.deadline = self._ends_by

    def resume(self) -> None:
        if self._transport is not None and self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
            if self._receiver is not None:
                self._await_more(self._timeouts.idle_s)

    def cancel(self) -> None:
        """Drop the exchange: the socket closes at once, the receiver hears nothing more. Does no harm twice."""
        transport, self._transport = self._transport, None
        self._receiver = self._upload = self._readable = self.deadline = None
        if transport is not None:
            self._sweeper.forget(self)
            self._owner.forget(self)
            self._reply.close()
            transport.abort()

    # --- the sweeper ---

    def expire(self) -> None:
        """Close an idle connection, or end the exchange on it with `upstream_timeout`."""
        if self._receiver is None:
            self.cancel()
        elif self._now() >= self._ends_by:
            self._fail(GatewayError("upstream_timeout", "The backend took too long in all."))
        elif self._has_answered:
            self._fail(GatewayError("upstream_timeout", "The backend stopped in the middle of its answer."))
        else:
            self._fail(GatewayError("upstream_timeout"))

    # --- the transport ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are no subclasses
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        limit_reading = getattr(transport, "set_read_buffer_limits", None)
        if limit_reading is not None:  # TLS: the event loop decrypts ahead of a paused reader, by 256 KiB if left alone
            limit_reading(high=TLS_READ_BUFFER_BYTES)
        self._sweeper.watch(self)

    def data_received(self, data: bytes) -> None:
        receiver = self._receiver
        if receiver is None:
            self.cancel()  # nobody asked: whatever it is, it must not become the next exchange's reply
            return
        reply = self._reply
        reply.feed(data)
        self._has_answered = True
        if reply.has_begun and not self._is_paused:  # _await_more without its call: this runs for each piece
            due = self._now() + self._timeouts.idle_s
            self.deadline = due if due < self._ends_by else self._ends_by  # noqa: FURB136 - min() costs five times that
        if not self._is_announced and reply.is_head_complete:
            self._is_announced = True
            receiver.on_head(reply.status, reply.headers)
        body = reply.body
        if body and self._receiver is not None:
            piece = body[0] if len(body) == 1 else b"".join(body)
            body.clear()
            receiver.on_data(piece)
        if self._receiver is None:
            return  # cancelled by its receiver
        if reply.is_complete:
            self._finish()
        elif reply.fault is not None:
            self._fail(reply.fault)

    def eof_received(self) -> None:
        self._end_of_input(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_of_input(exc)

    def pause_writing(self) -> None:
        if self._upload is not None and self._receiver is not None:
            self._receiver.on_upload_writable(is_writable=False)

    def resume_writing(self) -> None:
        if self._upload is not None and self._receiver is not None:
            self._receiver.on_upload_writable(is_writable=True)

    # --- ends ---

    def _finish(self) -> None:
        """The reply is whole. Free the connection first, so that its receiver can already use it again."""
        receiver, self._receiver = cast("Receiver", self._receiver), None
        transport = cast("asyncio.Transport", self._transport)
        if self._reply.is_reusable and self._upload is None and not transport.get_write_buffer_size():
            if self._is_paused:
                self.resume()
            self.is_reused = True
            self._owner.release(self)
        else:
            self.cancel()
        receiver.on_end(is_delimited=True)

    def _end_of_input(self, error: Exception | None) -> None:
        receiver, reply = self._receiver, self._reply
        if receiver is None:
            self.cancel()
        elif error is None and reply.is_head_complete and not reply.is_delimited:
            self.cancel()
            receiver.on_end(is_delimited=False)
        elif self._has_answered:
            self._fail(GatewayError("upstream_truncated"))
        else:
            self._fail(_no_answer(), reusable_retry=self.is_reused)

    def _fail(self, error: GatewayError, *, reusable_retry: bool = False) -> None:
        receiver = cast("Receiver", self._receiver)
        self.cancel()
        receiver.on_fault(error, reusable_retry=reusable_retry)

    # --- deadlines ---

    def _await_answer(self) -> None:
        """The request has moved on: the wait for the answer's first byte begins anew."""
        if not self._has_answered:
            self._await_more(self._timeouts.first_byte_s)

    def _await_more(self, seconds: float) -> None:
        if not self._is_paused:
            self.deadline = min(self._now() + seconds, self._ends_by)


def _watch(sock: socket.socket) -> select.poll:
    """Ask the kernel about one socket, for a third of what trying to read from it would cost."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return poll


def _no_answer() -> GatewayError:
    return GatewayError("upstream_error", "The backend closed the connection without an answer.")
