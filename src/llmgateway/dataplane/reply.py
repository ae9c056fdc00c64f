"""One backend's answer on its way to the caller.

A reply is gathered until it can be judged, then released. JSON is judged whole; a stream when its first content has
come; anything else with its head. Before the release another attempt may follow; after it, bytes go from the backend's
socket to the caller's as they come, and only the last piece waits, for the journal.
"""

import asyncio
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Final, Protocol

from llmgateway.dataplane.eventflow import EventFlow
from llmgateway.domain.clock import Clock
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.exchange import Attempt
from llmgateway.http.messages import first
from llmgateway.ports.reader import ReplyReader
from llmgateway.wire.inflate import Inflater

MAX_WHOLE: Final = 8 * 1024 * 1024  # a longer JSON reply is passed on unjudged
MAX_ERROR: Final = 64 * 1024
MAX_HELD: Final = 64 * 1024  # of a stream before its first content
HOLD_S: Final = 5.0  # a stream without content is let go after this long
HEARTBEAT_S: Final = 15.0
_OF_ENCODED: Final = frozenset({b"content-encoding", b"content-length"})
BODILESS: Final = frozenset({204, 205})  # of these nothing at all is an answer
HEARTBEAT: Final = b": keepalive\n\n"


class Way(Enum):
    """How a reply travels."""

    WHOLE = auto()
    EVENTS = auto()
    PIECES = auto()
    TUNNEL = auto()  # a WebSocket: see dataplane.upgrade and dataplane.tunnel


# Naming a member of an enumeration costs ten times what naming a constant does, and this is asked for each chunk.
_WHOLE: Final = Way.WHOLE
_EVENTS: Final = Way.EVENTS
_PIECES: Final = Way.PIECES


class Outlet(Protocol):
    """Where released bytes go: the caller's side (http.incoming.Incoming)."""

    def write(self, piece: bytes) -> None: ...


def resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def way_of(media: bytes) -> Way:
    if media == b"text/event-stream":
        return _EVENTS
    if media.endswith(b"json") or media in {b"", b"text/plain", b"text/html"}:
        return _WHOLE
    return _PIECES


class Flow(Protocol):
    """A stream's events on their way through; see EventFlow, whose docstrings say what each member does."""

    is_parted: bool
    raw: list[bytes]

    @property
    def may_interject(self) -> bool: ...
    @property
    def is_read(self) -> bool: ...
    def feed(self, piece: bytes) -> bytes: ...
    def defer(self, piece: bytes) -> bool: ...
    def catch_up(self) -> None: ...
    def finish(self) -> bytes: ...


Headers = list[tuple[bytes, bytes]]


class Reply:
    """Receives one reply (http.connection.Receiver) and keeps what the phases ask about it.

    `ready` resolves once the reply can be judged, `done` once its last byte has come or never will. Read `fault` then.
    """

    _way_of = staticmethod(way_of)
    __slots__ = (
        "_clock",
        "_held",
        "_held_size",
        "_inflater",
        "_keep",
        "_outlet",
        "_passed",
        "_secrets",
        "attempt",
        "deadline",
        "done",
        "fault",
        "first_token",
        "flow",
        "headers",
        "is_over",
        "is_stale",
        "last",
        "on_upload",
        "reader",
        "ready",
        "size",
        "status",
        "way",
    )

    def __init__(
        self,
        attempt: Attempt,
        reader: ReplyReader,
        clock: Clock,
        *,
        secrets: Sequence[bytes] = (),
        events_limit: int = 0,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.attempt = attempt
        self.reader = reader
        self.ready: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()
        self.deadline: float | None = None
        self.status = self.size = 0
        self.headers: Headers = []
        self.way: Way = _WHOLE
        self.flow: Flow | None = None  # of a stream
        self.fault: GatewayError | None = None
        self.is_stale = self.is_over = False  # over: the connection is done with it; the answer may have been whole
        self.first_token: float | None = None
        self.last = b""  # the piece that waits for the journal
        self.on_upload: Callable[[bool], None] | None = None
        self._clock = clock
        self._secrets = secrets  # of the backend: masked where its words are shown or stored
        self._keep = events_limit  # how much of a stream is kept as it came, where the route asks for it
        self._passed = 0.0  # when something last went to the caller
        self._held: list[bytes] = []
        self._held_size = 0
        self._outlet: Outlet | None = None
        self._inflater: Inflater | None = None

    def __repr__(self) -> str:
        state = "done" if self.done.done() else "released" if self._outlet else "held"
        return f"<Reply {self.status or '-'} {self.way.name.lower()} {state} {self.size} B fault={self.fault}>"

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300

    def header(self, name: bytes) -> bytes | None:
        return first(self.headers, name)

    def body(self) -> bytes:
        """What was gathered, in one piece; a refusal that quotes our credential has it masked (row U33)."""
        body = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        return body if self.is_ok else self.masked(body)

    @property
    def complaint(self) -> str | None:
        """What the backend said went wrong, our credential masked."""
        if self.reader.error is not None:
            return self.masked(self.reader.error.encode("utf-8", "replace")).decode()
        return None if self.is_ok else self.body().decode("utf-8", "replace")

    def masked(self, text: bytes) -> bytes:
        """Hide our own credential where a backend quotes it."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, b"***")
        return text

    # --- the backend's side

    def on_head(self, status: int, headers: Headers) -> None:
        self.attempt.first_byte = self._clock.monotonic()
        self.attempt.status = self.status = status
        self.headers = headers
        media = (self.header(b"content-type") or b"").partition(b";")[0].strip().lower()
        self.way = self._way_of(media) if self.is_ok else _WHOLE
        encoding = self.header(b"content-encoding")
        if encoding is not None and encoding.strip().lower() not in {b"", b"identity"}:
            self._decode(encoding)
        if self.way is _EVENTS:
            self.flow = self._new_flow()
            self.deadline = self._clock.monotonic() + HOLD_S
        elif self.way is _PIECES:
            resolve(self.ready)

    def on_data(self, piece: bytes) -> None:
        if self.done.done():
            return
        flow, outlet = self.flow, self._outlet
        if outlet is not None and flow is not None and flow.defer(piece):
            # What nearly every piece of a stream comes by: nothing in it concerns anybody but the caller.
            self.size += len(piece)
            self._passed = self._clock.monotonic()
            outlet.write(piece)
            return
        try:
            self._take(self._inflater.feed(piece) if self._inflater is not None else piece)
        except GatewayError as error:  # an encoding or a stream that makes no sense
            self.fail(error)

    def _take(self, piece: bytes) -> None:
        if self.way is _EVENTS:
            self._events(piece)
        elif self.way is _PIECES:
            self._pieces(piece)
        else:
            self._gather(piece)

    def on_end(self, *, is_delimited: bool) -> None:  # noqa: ARG002 - what it says is judged by its content
        self.is_over = True
        if self.done.done():
            return
        if self._inflater is not None and not self._inflater.is_complete:
            self.fail(GatewayError("upstream_truncated"))
        elif self.way is _EVENTS:
            self._events_ended()
        elif self.way is _WHOLE:
            self._whole()
        else:
            self._finish()

    def on_fault(self, error: GatewayError, *, reusable_retry: bool) -> None:
        self.is_over = True
        self.is_stale = reusable_retry
        self.fail(error)

    def on_upload_writable(self, *, is_writable: bool) -> None:
        if self.on_upload is not None:
            self.on_upload(is_writable)

    def expire(self) -> None:
        """A stream has been silent: let its head go, or tell the caller that it still lives."""
        if self.done.done() or self.way is not _EVENTS:
            return
        now = self._clock.monotonic()
        self.deadline = now + HEARTBEAT_S
        if self._outlet is None:
            resolve(self.ready)
        elif now - self._passed < HEARTBEAT_S:
            self.deadline = self._passed + HEARTBEAT_S
        elif self.flow is not None and self.flow.may_interject:
            self._outlet.write(HEARTBEAT)

    # --- the caller's side

    def release(self, outlet: Outlet) -> None:
        """Hand over what was held, and from now on each piece as it comes."""
        self._outlet = outlet
        held, self._held = self._held, []
        if held:
            outlet.write(held[0] if len(held) == 1 else b"".join(held))

    # --- how each kind of reply is taken in

    def _decode(self, encoding: bytes) -> None:
        try:
            self._inflater = Inflater(encoding)
        except GatewayError as error:
            self.fail(error)
            return
        self.headers = [pair for pair in self.headers if pair[0] not in _OF_ENCODED]

    def _gather(self, piece: bytes) -> None:
        if not self.is_ok and self.size + len(piece) > MAX_ERROR:  # the beginning is enough to judge it by
            piece = piece[: MAX_ERROR - self.size]
            resolve(self.ready)
        self.size += len(piece)
        self._held.append(piece)
        if self.is_ok and self.size > MAX_WHOLE:
            self._too_long()

    def _whole(self) -> None:
        self.attempt.ended = self._clock.monotonic()
        if self.is_ok:
            body = self.body()
            self._held = [body]
            if body or self.status not in BODILESS:
                self.reader.whole(body)
        self._finish()

    def _pieces(self, piece: bytes) -> None:
        """One piece stays behind: which is the last one is known only at the end."""
        self.size += len(piece)
        piece, self.last = self.last, piece
        if piece:
            self._pass(piece)

    def _events(self, piece: bytes) -> None:
        assert self.flow is not None
        reader = self.reader
        self.size += len(piece)
        piece = self.flow.feed(piece)
        if self.first_token is None and reader.has_content:
            self.first_token = self._clock.monotonic()
        if reader.error is not None:
            piece = self.masked(piece)
        if reader.is_finished:
            self.last = piece
            self._finish()
        elif piece:
            self._pass(piece)

    def _pass(self, piece: bytes) -> None:
        if self._outlet is not None:
            self._outlet.write(piece)
            self._passed = self._clock.monotonic()
            return
        self._held.append(piece)
        self._held_size += len(piece)
        if self.way is _EVENTS and (self.reader.has_content or self._held_size > MAX_HELD):
            resolve(self.ready)

    def _events_ended(self) -> None:
        """The backend closed its stream, perhaps without the last blank line, perhaps without its last event."""
        assert self.flow is not None
        self.last = self.flow.finish()
        if self.reader.is_finished or self.reader.is_complete or self.reader.error is not None:
            self._finish()
        else:
            self.fail(GatewayError("upstream_truncated"))

    def _finish(self) -> None:
        self.attempt.ended = self.attempt.ended or self._clock.monotonic()
        self.deadline = None
        resolve(self.ready)
        resolve(self.done)

    def fail(self, error: GatewayError) -> None:
        """Somebody else has found a fault in it: it ends here, unless it has ended."""
        if not self.done.done():
            self.fault = error
            self._finish()

    def _new_flow(self) -> Flow:
        return EventFlow(self.reader, self._keep, self._secrets)

    def _too_long(self) -> None:  # from here on it passes in pieces
        self.way = _PIECES
        self.last = b""
        resolve(self.ready)
