"""One request as the gateway sees it: its head, its body on demand, and the one reply it may be given.

Knows HTTP and nothing of models, keys or routes. What it can't send any more, because the caller has gone, it drops.
"""

import sys
from collections.abc import Callable
from typing import Protocol

from llmgateway.domain.errors import GatewayError
from llmgateway.http.body import Body, BodySink
from llmgateway.http.heads import RequestHead
from llmgateway.http.messages import Headers, check_block
from llmgateway.http.replies import (
    LAST_CHUNK,
    SWITCHING,
    WITHOUT_BODY,
    chunk,
    connection_line,
    framing_line,
    status_line,
)


class Line(Protocol):
    """What a request needs of the connection it came over."""

    @property
    def is_writable(self) -> bool: ...
    @property
    def date_line(self) -> Callable[[], bytes]: ...
    @property
    def switch(self) -> Callable[[], None]:
        """What comes behind this request is no HTTP, but goes to its body as it is."""
        ...

    def send(self, piece: bytes) -> None: ...
    def close_after_reply(self) -> None:
        """The reply is out (or given up), and no other may follow it on this connection."""
        ...

    def want_body(self) -> None:
        """Somebody waits for the body now: let the caller send it, and hurry."""
        ...

    def body_flow_changed(self) -> None: ...
    def may_keep(self) -> bool: ...


class Incoming:
    """One request and its reply. Either `respond`, or `begin`, any number of `write`, then `end` or `abort`.

    Runs in one task, which is cancelled when the caller leaves (a half-closed connection counts as left) or stops
    reading for too long; `left` then tells which. The connection's next request starts when that task has ended.
    """

    __slots__ = (
        "_is_bodiless",
        "_is_chunked_reply",
        "_is_http11",
        "_is_kept",
        "_left_to_send",
        "_line",
        "body",
        "has_body",
        "head",
        "header",
        "headers",
        "is_begun",
        "is_over",
        "is_tls",
        "left",
        "method",
        "on_writable",
        "path",
        "peer",
        "query",
        "status",
        "target",
    )

    def __init__(self, head: RequestHead, line: Line, peer: str, *, is_tls: bool) -> None:
        self._line = line
        self.head = head
        _, self.method, self.target, self.path, self.query, self._is_http11 = head.line
        self.headers: Headers = head.headers
        # Give the first value of a name (lower case), or None. Asked a dozen times a request, so without a frame.
        self.header: Callable[[bytes], bytes | None] = head.fields.get
        self.has_body = head.has_body
        self.peer = peer  # the socket's address; "" on a Unix socket
        self.is_tls = is_tls
        self.body = Body(head)
        self.left: GatewayError | None = None
        self.status = 0
        self.is_begun = False
        self.is_over = False
        self.on_writable: Callable[[bool], None] | None = None
        self._is_bodiless = self._is_chunked_reply = self._is_kept = False
        self._left_to_send: int | None = None

    def __repr__(self) -> str:
        state = "over" if self.is_over else "begun" if self.is_begun else "waiting"
        return f"<Incoming {self.method} {self.path!r} {state}>"

    # ── the request

    @property
    def content_length(self) -> int | None:
        return self.head.content_length

    @property
    def is_chunked(self) -> bool:
        return self.head.is_chunked

    @property
    def expects_continue(self) -> bool:
        return self.head.expects_continue

    async def read(self, limit: int) -> bytes:
        """Return the whole body; asks for it with 100 Continue if the caller waits for that.

        Raises GatewayError: payload_too_large (above `limit` bytes, before reading where it is announced),
        unsupported_encoding, request_timeout, chunk_flood, bad_request. The connection closes after the reply then.
        """
        body = self.body
        body.open(limit)
        if not body.is_whole:
            self._line.want_body()
            await body.ended()
        return body.whole()

    def stream(self, limit: int, sink: BodySink) -> None:
        """Push the body to `sink` as it comes, what is here already at once; what `read` raises goes to `sink.fail`."""
        try:
            self.body.open(limit)
        except GatewayError as error:
            sink.fail(error)
            return
        self.body.push_to(sink)
        if not self.body.is_whole:
            self._line.want_body()

    def pause(self) -> None:
        """Stop taking the body from the caller; its deadline stands still meanwhile."""
        if not self.body.is_paused:
            self.body.is_paused = True
            self._line.body_flow_changed()

    def resume(self) -> None:
        """Go on; does nothing where nothing is paused."""
        if self.body.is_paused:
            self.body.is_paused = False
            self._line.body_flow_changed()

    # ── the reply

    @property
    def is_writable(self) -> bool:
        """False while more than 4 KiB wait to be sent; `on_writable` is told when that changes."""
        return self._line.is_writable

    def respond(self, status: int, head: bytes, body: bytes) -> None:
        """Send a whole reply. `head` is lines made by `messages.block`; Date, Content-Length and Connection are added.

        ValueError if `head` is not whole lines or `status` not 200 to 999; RuntimeError after another reply.
        """
        lines = self._start(status, head, len(body))
        self._line.send(lines if self._is_bodiless else lines + body)
        self._finish()

    def begin(self, status: int, head: bytes, length: int | None) -> None:
        """Send the head of a reply whose body follows; `length` None: chunked, or for HTTP/1.0 ended by closing."""
        lines = self._start(status, head, length)
        self._left_to_send = length
        self._is_chunked_reply = length is None and self._is_http11 and not self._is_bodiless
        self._line.send(lines)

    def write(self, piece: bytes) -> None:
        """Send the next piece of the body; never blocks (mind `is_writable`). ValueError above the announced length."""
        if self._is_chunked_reply and piece and not self.is_over:  # a stream's next piece, as below but in one step
            self._line.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            return
        if not self.is_begun:
            raise RuntimeError("write comes after begin")
        if not self.is_over and (framed := self._framed(piece)):
            self._line.send(framed)

    def end(self, last: bytes = b"") -> None:
        """Send the last piece and end the reply properly. An announced length that was not reached aborts instead."""
        if not self.is_begun:
            raise RuntimeError("end comes after begin")
        if self.is_over:
            return
        framed = self._framed(last)
        if self._is_chunked_reply:
            framed += LAST_CHUNK
        if framed:
            self._line.send(framed)
        if self._left_to_send and not self._is_bodiless:
            self._is_kept = False
        self._finish()

    def abort(self) -> None:
        """End the reply visibly broken: what was written goes out, then the connection closes without a proper end."""
        if not self.is_over:
            self._is_kept = False
            self._finish()

    def switch(self, head: bytes, sink: BodySink) -> None:
        """Agree to another protocol with 101: what comes is pushed to `sink`, what is written goes out as it is.

        `pause`, `resume`, `on_writable` and `end` mean what they mean elsewhere. `head` names the protocol (Upgrade and
        Connection). For a request without a body; ValueError and RuntimeError as for `respond`.
        """
        if self.is_begun:
            raise RuntimeError("a request gets one reply")
        check_block(head)
        self.is_begun = True
        self.status = 101
        self._line.send(b"%b%b%b\r\n" % (SWITCHING, head, self._line.date_line()))
        self._line.switch()
        body = self.body = Body(self.head)
        body.open(sys.maxsize)
        body.push_to(sink)
        self._line.body_flow_changed()

    def _start(self, status: int, head: bytes, length: int | None) -> bytes:
        """Decide how the reply will end, and return its whole head."""
        if self.is_begun:
            raise RuntimeError("a request gets one reply")
        first_line = status_line(status)
        check_block(head)
        line, is_http11 = self._line, self._is_http11
        self.is_begun = True
        self.status = status
        self._is_bodiless = status in WITHOUT_BODY or self.method == "HEAD"
        self._is_kept = is_kept = (is_http11 or length is not None) and line.may_keep()
        framing = framing_line(status, length, is_http11=is_http11)
        connection = connection_line(is_http11=is_http11, is_kept=is_kept)
        return b"%b%b%b%b%b\r\n" % (first_line, head, line.date_line(), framing, connection)

    def _framed(self, piece: bytes) -> bytes:
        if self._is_bodiless:
            return b""
        if self._is_chunked_reply:
            return chunk(piece)
        if self._left_to_send is not None:
            if len(piece) > self._left_to_send:
                raise ValueError("a reply's body is longer than announced")
            self._left_to_send -= len(piece)
        return piece

    def _finish(self) -> None:
        self.is_over = True
        if not self._is_kept:
            self._line.close_after_reply()
