"""One caller's connection: bytes from the socket to the parser, one request at a time to the handler, replies back.

    IDLE ──► HEAD ──► ACTIVE ──► IDLE            (kept alive)
      └────────┴─────────┴──► LINGER ──► CLOSING ──► CLOSED
LINGER: the last reply is out and our side is shut; what the caller still sends is read and thrown away for a moment,
because closing on unread bytes would reset the connection and take the reply with it (RFC 9112, section 9.6).
"""

import asyncio
import logging
from typing import cast

from llmgateway.domain.errors import GatewayError
from llmgateway.http.heads import RequestHead
from llmgateway.http.incoming import Incoming
from llmgateway.http.pace import BodyPace, SendProgress
from llmgateway.http.parsing import RequestParser
from llmgateway.http.replies import CONTINUE, refusal
from llmgateway.http.service import Service, State

_WRITE_HIGH_WATER = 4 * 1024  # each piece that waits costs a kilobyte beside its bytes; the kernel's buffer is larger
_IDLE, _ACTIVE, _LINGER = State.IDLE, State.ACTIVE, State.LINGER  # for each read and write: naming a member is slow
_log = logging.getLogger(__name__)


class CallerConnection(asyncio.Protocol):
    """Protocol of one accepted socket; also the `Line` its requests answer over, and `Timed` for the sweeper."""

    __slots__ = (
        "_at",
        "_backlog",
        "_create_task",
        "_current",
        "_discarded",
        "_is_advancing",
        "_is_reading",
        "_is_tls",
        "_now",
        "_pace",
        "_parser",
        "_peer",
        "_progress",
        "_service",
        "_state",
        "_task",
        "_transport",
        "_written",
        "date_line",
        "deadline",
        "is_writable",
        "switch",
    )

    def __init__(self, service: Service) -> None:
        limits = service.limits
        self._service = service
        self._now = service.clock.monotonic
        self.date_line = service.date_line
        self._parser = RequestParser(limits)
        self.switch = self._parser.switch
        self._pace = BodyPace(limits.body_grace_s, limits.body_min_rate)
        self._progress = SendProgress(limits.write_stall_s)
        self._state = State.CLOSED
        self._current: Incoming | None = None
        self._task: asyncio.Task[None] | None = None
        self._backlog = b""  # what came and is not parsed yet starts at _at
        self._at = 0
        self._written = 0
        self._discarded = 0
        self._is_advancing = False
        self._is_reading = True
        self._is_tls = False
        self._peer = ""
        self.is_writable = True
        self.deadline: float | None = None
        self._transport: asyncio.Transport

    def __repr__(self) -> str:
        return f"<CallerConnection {self._peer or 'unix'} {self._state.name.lower()} {self._current!r}>"

    # ── the transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        service = self._service
        self._transport = cast("asyncio.Transport", transport)
        self._create_task = asyncio.get_running_loop().create_task
        self._transport.set_write_buffer_limits(high=_WRITE_HIGH_WATER)
        self._is_tls = transport.get_extra_info("sslcontext") is not None
        address = transport.get_extra_info("peername")
        self._peer = str(address[0]) if isinstance(address, tuple) else ""
        self._state = State.IDLE
        self.deadline = service.clock.monotonic() + service.limits.keepalive_s
        service.sweeper.watch(self)
        refusal = service.turned_away(self._peer)
        if refusal is None:
            service.census.add(self, self._peer)
        else:
            self._refuse(refusal)
            self.close()  # no lingering: what is above the cap is not counted

    def data_received(self, data: bytes) -> None:
        if self._state is _LINGER:
            self._discard(len(data))
        elif self._state <= _ACTIVE:
            self._backlog = self._backlog[self._at :] + data if self._at < len(self._backlog) else data
            self._at = 0
            self._advance()

    def eof_received(self) -> None:
        """The caller has shut its side: it has left, also if it could still read (returning None closes)."""
        self._leave("client_closed")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names it
        self._leave("client_closed")
        self._state = State.CLOSED
        self.deadline = None
        self._backlog = b""
        self._parser.close()
        self._service.sweeper.forget(self)
        self._service.census.remove(self)
        self._service.on_gone()

    def pause_writing(self) -> None:
        self.is_writable = False
        self._progress.start(self._now(), self._flushed())
        self._arm()
        self._tell_writable(is_writable=False)

    def resume_writing(self) -> None:
        self.is_writable = True
        if self._state is not State.CLOSING:
            self._progress.stop()
        self._arm()
        self._tell_writable(is_writable=True)

    def _tell_writable(self, *, is_writable: bool) -> None:
        incoming = self._current
        if incoming is not None and incoming.on_writable is not None and not incoming.is_over:
            incoming.on_writable(is_writable)

    # ── requests in

    def _advance(self) -> None:
        """Parse as far as somebody wants the result; then say whether the socket should go on."""
        if self._is_advancing:  # a body's sink may resume in the middle of it
            return
        self._is_advancing = True
        try:
            while self._at < len(self._backlog) and self._wants_input():
                self._step()
        finally:
            self._is_advancing = False
        if self._at < len(self._backlog) or not self._is_reading:
            self._regulate()

    def _wants_input(self) -> bool:
        if self._state is _ACTIVE:
            incoming = self._current
            return incoming is not None and not incoming.is_over and incoming.body.wants_more
        return self._state <= _ACTIVE

    def _step(self) -> None:
        parser = self._parser
        try:
            self._at = parser.feed(self._backlog, self._at)
        except GatewayError as error:
            self._fault(error)
            return
        incoming = self._current
        if incoming is None:
            if parser.head is None:
                self._await_head()
                return
            incoming = self._start(parser.head)
        body = incoming.body
        piece = parser.take()
        if piece:
            body.receive(piece)
        if parser.is_complete:
            body.finish()
            self._pace.stop()

    def _await_head(self) -> None:
        if self._state is State.IDLE and self._parser.line:
            self._state = State.HEAD
            self.deadline = self._now() + self._service.limits.header_timeout_s
            self._service.census.busy(self)

    def _start(self, head: RequestHead) -> Incoming:
        service = self._service
        incoming = self._current = Incoming(head, self, self._peer, is_tls=self._is_tls)
        if self._state is _IDLE:
            service.census.busy(self)
        self._state = _ACTIVE
        self.deadline = None
        if not self.is_writable:  # the last reply is still on its way
            self._arm()
        task = self._task = self._create_task(service.handler(incoming), name="request")  # a number would cost more
        service.tasks.add(task)
        task.add_done_callback(self._task_done)
        return incoming

    def _fault(self, error: GatewayError) -> None:
        if self._current is None:
            self._refuse(error)
        else:  # whoever reads the body answers; the body is not whole, so the connection will not be kept
            self._current.body.fail(error)
            self._pace.stop()

    def _regulate(self) -> None:
        if self._state > State.ACTIVE:
            return
        incoming = self._current
        is_paused = incoming is not None and incoming.body.is_paused and not incoming.body.is_whole
        wants = not is_paused and len(self._backlog) - self._at <= self._service.limits.backlog_bytes
        if wants is not self._is_reading:
            self._is_reading = wants
            if wants:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    # ── what a request asks of its line

    def send(self, piece: bytes) -> None:
        if self._state is _ACTIVE:
            self._written += len(piece)
            self._transport.write(piece)

    def may_keep(self) -> bool:
        incoming = self._current
        return (
            incoming is not None
            and incoming.head.is_persistent
            and incoming.body.is_whole
            and not self._service.is_draining
            and not self._parser.is_spoiled
        )

    def want_body(self) -> None:
        incoming = self._current
        if incoming is None or self._state is not State.ACTIVE:
            return
        if incoming.head.expects_continue and not incoming.body.size and not incoming.is_begun:
            self.send(CONTINUE)
        self._pace.start(self._now(), is_paused=incoming.body.is_paused)
        self._advance()
        self._arm()

    def body_flow_changed(self) -> None:
        incoming = self._current
        if incoming is None or self._state is not State.ACTIVE:
            return
        tell_pace = self._pace.pause if incoming.body.is_paused else self._pace.resume
        tell_pace(self._now())
        self._advance()
        self._regulate()
        self._arm()

    def close_after_reply(self) -> None:
        incoming = self._current
        self._pace.stop()
        if self._state is State.ACTIVE and incoming is not None:
            if incoming.body.is_whole and self._at >= len(self._backlog):
                self.close()
            else:
                self._linger()

    # ── ends

    def _task_done(self, task: asyncio.Task[None]) -> None:
        incoming = self._current
        self._current = self._task = None
        self._service.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a request's handler failed with %s", type(error).__name__)
        if self._state is _ACTIVE and incoming is not None:
            if incoming.is_over:
                self._next()
            elif incoming.is_begun or task.cancelled():
                self.close()  # without the reply's proper end
            else:
                self._refuse(GatewayError("internal_error"))
        self._service.on_gone()

    def _next(self) -> None:
        service = self._service
        if service.is_draining:
            self.close()
            return
        self._parser.next_request()
        self._state = _IDLE
        self.deadline = self._now() + service.limits.keepalive_s
        service.census.idle(self)
        if self._at < len(self._backlog) or not self._is_reading:
            self._advance()

    def _refuse(self, error: GatewayError) -> None:
        """Answer instead of the handler, and read no further request."""
        line = self._parser.line.split(b" ")
        head, body = self._service.refuse(error, line[1] if len(line) > 1 else b"")
        self._state = State.ACTIVE
        self.send(refusal(error.status, self._service.date_line() + head, body, is_bodiless=line[0] == b"HEAD"))
        self._linger()

    def _linger(self) -> None:
        if not self._transport.can_write_eof():  # TLS has no half-close
            self.close()
            return
        self._state = State.LINGER
        self.deadline = self._now() + self._service.limits.linger_s
        self._discard(len(self._backlog) - self._at)
        self._backlog = b""
        self._at = 0
        if self._state is State.LINGER:
            if not self._is_reading:
                self._is_reading = True
                self._transport.resume_reading()
            self._transport.write_eof()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > self._service.limits.linger_bytes:
            self.close()

    def close(self) -> None:
        """Close once what is written has gone out, or the caller takes no more of it."""
        if self._state >= State.CLOSING:
            return
        self._state = State.CLOSING
        now = self._now()
        self._progress.start(now, self._flushed())
        self.deadline = self._progress.due(now)
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what is not sent yet is lost."""
        self._state = State.CLOSED
        self.deadline = None
        self._transport.abort()

    def drain(self) -> None:
        """Close if idle; otherwise the running request's reply is the last."""
        if self._state is State.IDLE:
            self.close()

    def _leave(self, code: str) -> None:
        incoming, task = self._current, self._task
        if incoming is None or incoming.is_over or task is None or incoming.left is not None:
            return
        incoming.left = GatewayError(code)
        task.cancel()
        self.abort()

    # ── deadlines

    def expire(self) -> None:
        """Called by the sweeper."""
        match self._state:
            case State.IDLE | State.LINGER:
                self.close()
            case State.HEAD:
                self._refuse(GatewayError("request_timeout"))
            case State.ACTIVE:
                self._expire_active()
            case State.CLOSING:
                if self._progress.is_stalled(self._now(), self._flushed()):
                    self.abort()
                else:
                    self._arm()
            case State.CLOSED:
                pass

    def _expire_active(self) -> None:
        now = self._now()
        if self._progress.is_stalled(now, self._flushed()):
            if self._current is not None and not self._current.is_over:
                self._leave("client_stalled")
            else:
                self.abort()
            return
        if self._current is not None:
            due = self._pace.due(self._current.body.size)
            if due is not None and due <= now:
                self._pace.stop()
                self._current.body.fail(GatewayError("request_timeout"))
        self._arm()

    def _arm(self) -> None:
        """Set the deadline of a state that awaits the caller's reading or its body."""
        if self._state is State.ACTIVE or self._state is State.CLOSING:
            size = self._current.body.size if self._current is not None else 0
            dues = (self._progress.due(self._now()), self._pace.due(size))
            self.deadline = min((due for due in dues if due is not None), default=None)

    def _flushed(self) -> int:
        return self._written - self._transport.get_write_buffer_size()
