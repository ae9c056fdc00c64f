"""One caller's bytes in, requests out: llhttp does the parsing, this class keeps it to one message at a time.

llhttp can't be stopped inside a feed, and gives no offsets. So nothing is fed across a place where a message may end:
the empty line of a head, the last byte a Content-Length announces, each empty line in a chunked body. What follows
stays with the caller of `feed`, unparsed, until `next_request`. A request behind a refused one is thereby never looked
at, and the pipeline's queue is a queue of bytes. A head that llhttp has passed before (see `repeat`), and the body of
known length behind it, go past llhttp, which stands between two messages meanwhile. No I/O, no clock.
"""

from typing import Any, Final

import httptools

from llmgateway.domain.errors import GatewayError
from llmgateway.http.heads import HEAD_END, RequestHead, judge, request_line
from llmgateway.http.limits import Limits
from llmgateway.http.messages import Headers
from llmgateway.http.repeat import RepeatedHead

_SLICE: Final = 64 * 1024
_ENDLESS: Final = 1 << 62
_COPIED_BYTES: Final = 8 * 1024  # below it a copy costs less than a view
_CHUNKED_SLICE: Final = 16 * 1024  # at most 2,700 chunks between two looks at the flood rule
_FREE_CHUNKS: Final = 2_000
_MIN_BYTES_A_CHUNK: Final = 16
_OVERHEAD_A_CHUNK: Final = 16  # size in hex and two line ends
_OVERHEAD_BYTES: Final = 16 * 1024  # of extensions and trailer fields
_MAX_EMPTY_LINES: Final = 64  # bytes of them before a request
_MAX_CUTS: Final = 256  # empty lines in one chunked body that still let another request be found behind it
_MAX_STRANGERS: Final = 8  # heads unlike the one before, until none is kept any more: costs more than it saves
_CODES: Final = {"Invalid HTTP version": "http_version", "Pause on PRI/Upgrade": "http_version"}


class _BehindError(Exception):
    """Another request began in the feed that ended this one."""


class RequestParser:
    """Parses the requests of one connection, one after the other.

    Feed until `head` is there, take body pieces with `take`, and when `is_complete` call `next_request` before feeding
    on. After a GatewayError, or when `is_spoiled`, the connection can carry no further request.
    """

    __slots__ = (
        "_body_bytes",
        "_chunks",
        "_cuts",
        "_feed_data",
        "_has_begun",
        "_headers",
        "_http",
        "_is_head_complete",
        "_is_known",
        "_is_persistent",
        "_left",
        "_limits",
        "_overhead",
        "_pieces",
        "_raw",
        "_repeated",
        "_seam",
        "_strangers",
        "head",
        "is_complete",
        "is_spoiled",
        "on_body",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append  # llhttp's callback, without a Python frame
        self._http: Any
        self._feed_data: Any
        self._begin_parsing()
        self.is_spoiled = False
        self._repeated: RepeatedHead | None = None
        self._strangers = 0
        self._chunks = self._cuts = self._body_bytes = self._overhead = 0
        self._is_persistent = False
        self.next_request()

    def next_request(self) -> None:
        """Make ready for the next head."""
        self.head: RequestHead | None = None
        self.is_complete = False
        self._raw = b""
        self._seam = b""
        self._headers: Headers = []
        self._left = 0
        self._has_begun = self._is_head_complete = False
        self._is_known = False  # the head is one that llhttp has passed before, so it sees neither head nor body

    def feed(self, data: bytes, at: int) -> int:
        """Parse `data` from `at` up to the next place where a message may end; return where that is.

        Raises GatewayError: bad_request, http_version, method_not_allowed, uri_too_long, headers_too_large,
        expectation_failed, chunk_flood.
        """
        head = self.head
        if head is None:
            return self._feed_head(data, at)
        if head.is_chunked:
            return self._feed_chunks(data, at)
        return self._feed_length(data, at)

    def take(self) -> bytes:
        """Hand over the body bytes that came since the last call; b"" if none did."""
        pieces = self._pieces
        if not pieces:
            return b""
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        return piece

    def switch(self) -> None:
        """Take whatever comes from now on for body: the request's reply is 101, and the rest is no HTTP."""
        self._is_known = True
        self._left = _ENDLESS
        self.is_complete = False

    def close(self) -> None:
        """Let go of llhttp, which holds this object: together they would wait for the collector. Feed nothing more."""
        self._http = self._feed_data = None

    @property
    def has_input(self) -> bool:
        """Whether a request has begun to arrive."""
        return bool(self._raw)

    @property
    def line(self) -> bytes:
        """The request line as far as it is here; for a refusal's shape, not for decisions."""
        return request_line(self._raw)

    # ── heads

    def _feed_head(self, data: bytes, at: int) -> int:
        before, limits = self._raw, self._limits
        stop = _end_of_part(before[-3:], data, at, len(data))
        part = data[at:stop]
        raw = self._raw = before + part if before else part
        if len(raw) > limits.max_header_bytes:
            too_long = len(self.line) > limits.max_target_bytes
            raise GatewayError("uri_too_long" if too_long else "headers_too_large")
        if self._repeated is not None and not before and (known := self._repeated.match(raw)) is not None:
            self._recall(known)
        else:
            self._execute(part)
            if self._is_head_complete:
                self._judge(raw)
            elif len(raw) > _MAX_EMPTY_LINES and raw.endswith(HEAD_END):  # an empty line that ends no head
                raise GatewayError("bad_request")
        if self._left and stop < len(data):
            return self._feed_length(data, stop)
        return stop

    def _recall(self, head: RequestHead) -> None:
        """Take a head that this connection has sent before; llhttp goes on after its request."""
        self.head = head
        self._is_known = True
        self._strangers = 0
        self._left = head.content_length or 0
        self.is_complete = not self._left

    def _judge(self, raw: bytes) -> None:
        before = self._repeated.head.line if self._repeated is not None else None
        head = self.head = judge(raw, self._headers, self._limits, is_persistent=self._is_persistent, before=before)
        self._begin_body(head)
        if self._strangers < _MAX_STRANGERS:
            self._strangers += 1
            self._repeated = RepeatedHead.of(raw, head)

    def _begin_body(self, head: RequestHead) -> None:
        self._left = head.content_length or 0
        self._headers = []  # trailer fields go here and no further; _check_chunks bounds them
        if head.is_chunked:
            self._chunks = self._cuts = self._body_bytes = self._overhead = 0
        if self._http.should_upgrade():
            self._start_over(head)
        if self.is_complete == head.has_body:
            raise GatewayError("bad_request")  # two readings of the same framing

    def _start_over(self, head: RequestHead) -> None:
        """Go on without the upgrade (RFC 9110, section 7.8: it may be ignored).

        llhttp takes an upgrade for granted and the body for another protocol's bytes. Some clients offer h2c with
        every request, so a fresh parser gets the body, behind a head that says nothing but its framing.
        Behind an offer of WebSocket no request is looked for: what stands in between may take it for granted, too.
        """
        self._begin_parsing()
        if head.fields.get(b"upgrade", b"").lower() == b"websocket":
            self.is_spoiled = True
        if not head.has_body:
            return
        framing = b"transfer-encoding: chunked" if head.is_chunked else b"content-length: %d" % self._left
        self._has_begun = self.is_complete = False
        self._execute(b"POST / HTTP/1.1\r\n" + framing + HEAD_END)

    # ── bodies

    def _feed_length(self, data: bytes, at: int) -> int:
        left = self._left
        stop = at + left
        if left > _SLICE or stop > len(data):
            stop = min(len(data), stop, at + _SLICE)
        self._left = left = left - (stop - at)
        if self._is_known:
            self._pieces.append(data[at:stop])
            self.is_complete = not left
            return stop
        self._execute(data[at:stop] if stop - at < _COPIED_BYTES else _part(data, at, stop))
        if self.is_complete != (left == 0):
            raise GatewayError("bad_request")  # two readings of the same framing
        return stop

    def _feed_chunks(self, data: bytes, at: int) -> int:
        stop = end = min(len(data), at + _CHUNKED_SLICE)
        if self._cuts < _MAX_CUTS:
            stop = _end_of_part(self._seam, data, at, end)
            self._seam = (self._seam + data[max(at, stop - 3) : stop])[-3:]
            self._cuts += stop < end
        known = len(self._pieces)
        self._execute(data[at:stop] if stop - at < _COPIED_BYTES else _part(data, at, stop))
        fresh = sum(map(len, self._pieces[known:]))
        self._body_bytes += fresh
        self._overhead += stop - at - fresh
        self._check_chunks()
        return stop

    def _check_chunks(self) -> None:
        if self._chunks > _FREE_CHUNKS and self._body_bytes < (self._chunks - 1) * _MIN_BYTES_A_CHUNK:
            raise GatewayError("chunk_flood")
        if self._overhead > _OVERHEAD_BYTES + self._chunks * _OVERHEAD_A_CHUNK and not self.is_spoiled:
            raise GatewayError("bad_request")

    # ── llhttp

    def _begin_parsing(self) -> None:
        self._http = httptools.HttpRequestParser(self)
        self._feed_data = self._http.feed_data

    def _execute(self, part: bytes | memoryview) -> None:
        try:
            self._feed_data(part)
        except httptools.HttpParserUpgrade:
            pass  # the head is whole: _begin_body sees to it
        except httptools.HttpParserError as error:
            self.is_spoiled = True
            if self.is_complete and isinstance(error.__context__, _BehindError):
                return  # this request is whole; the one behind it can't be found again
            raise GatewayError(_CODES.get(str(error), "bad_request")) from None

    def on_message_begin(self) -> None:
        if self._has_begun:
            raise _BehindError
        self._has_begun = True

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value.rstrip()))  # llhttp leaves blanks behind values

    def on_headers_complete(self) -> None:
        self._is_head_complete = True
        self._is_persistent = self._http.should_keep_alive()

    def on_chunk_header(self) -> None:
        self._chunks += 1

    def on_message_complete(self) -> None:
        self.is_complete = True


def _end_of_part(seam: bytes, data: bytes, at: int, end: int) -> int:
    """Return where the first empty line ends in `data[at:end]`, which may begin in `seam`; `end` if there is none."""
    if seam:
        found = (seam + data[at : min(end, at + 3)]).find(HEAD_END)
        if found >= 0:
            return at + found + 4 - len(seam)
    found = data.find(HEAD_END, at, end)
    return end if found < 0 else found + 4


def _part(data: bytes, at: int, stop: int) -> bytes | memoryview:
    return data if at == 0 and stop == len(data) else memoryview(data)[at:stop]
