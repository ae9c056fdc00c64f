"""One reply after another, from bytes to facts, on llhttp. No sockets, no clock.

llhttp runs in strict mode (RFC 9112); what it lets through and we don't is refused here. Every limit on a reply's
framing is here; limits on its meaning are the caller's.
"""

from typing import Any, Final

import httptools

from llmgateway.domain.errors import GatewayError
from llmgateway.http.messages import Headers

MAX_HEAD_BYTES: Final = 32 * 1024  # all heads of one reply together, interim ones included
MAX_BARREN_BYTES: Final = 32 * 1024  # chunk sizes, chunk extensions and trailers between two pieces of body
MAX_HEADERS: Final = 256  # trailers included
MAX_INTERIM: Final = 20

_LENGTH: Final = b"content-length"
_CODING: Final = b"transfer-encoding"
_BODILESS: Final = frozenset({204, 304})


class _RefusedError(Exception):
    """Stops llhttp; the reason is already in `ReplyParser.fault`."""


class ReplyParser:
    """Reads replies off one connection: `begin`, then `feed` until `is_complete` or `fault`.

    `body` collects pieces between feeds; whoever consumes them clears it. Once the reply is complete, `is_reusable`
    says whether another may follow on the same connection. The `on_` methods are llhttp's.
    """

    __slots__ = (
        "_barren_bytes",
        "_feed_data",
        "_header_count",
        "_interim_count",
        "_is_bodiless",
        "_is_head",
        "_parser",
        "body",
        "fault",
        "has_begun",
        "headers",
        "is_complete",
        "is_delimited",
        "is_head_complete",
        "is_reusable",
        "may_switch",
        "on_body",
        "status",
    )

    def __init__(self) -> None:
        self.body: list[bytes] = []
        self.on_body = self.body.append  # llhttp's callback, without a Python frame
        self._parser: Any = httptools.HttpResponseParser(self)  # it ships no type hints that cover its callbacks
        self._feed_data: Any = self._parser.feed_data
        self.begin(is_head=False)

    def begin(self, *, is_head: bool) -> None:
        """Expect the reply to a new request. `is_head`: to HEAD, which has no body whatever its headers say."""
        self._is_head = is_head
        self._is_bodiless = False
        self._barren_bytes = 0
        self._header_count = 0
        self._interim_count = 0
        self.status = 0
        self.headers: Headers = []
        self.body.clear()
        self.fault: GatewayError | None = None
        self.has_begun = False  # some byte of a reply has come that did not turn out to be an interim one
        self.is_head_complete = False
        self.is_delimited = False  # the reply itself says where it ends
        self.is_complete = False
        self.is_reusable = False
        self.may_switch = False  # 101 has been asked for; what follows it is body, as it comes

    def feed(self, data: bytes) -> None:
        """Read on. Raises nothing: see `fault`."""
        try:
            if self.is_head_complete:
                self._feed_data(data)
                if self.body:
                    self._barren_bytes = 0
                else:
                    self._count_barren(len(data), MAX_BARREN_BYTES)
            else:
                self._feed_head(data)
        except httptools.HttpParserUpgrade as switched:
            self._switch(data[switched.args[0] :])
        except (httptools.HttpParserError, _RefusedError):
            self.is_reusable = False
            if not self.is_complete and self.fault is None:
                self.fault = GatewayError("upstream_protocol")
        if self._is_bodiless:
            self.body.clear()

    def close(self) -> None:
        """Let go of llhttp, which holds this object in turn."""
        self._parser = self._feed_data = None

    def _feed_head(self, data: bytes) -> None:
        """Hold the head to its limit exactly, however the bytes were cut."""
        room = MAX_HEAD_BYTES - self._barren_bytes
        is_long = len(data) > room
        self._feed_data(data[:room] if is_long else data)
        if self.is_head_complete:
            self._barren_bytes = 0
            if is_long:
                self._feed_data(data[room:])
        else:
            self._count_barren(len(data), MAX_HEAD_BYTES)

    def _switch(self, rest: bytes) -> None:
        """llhttp has read a 101 and reads no further."""
        self.is_complete = False
        self._feed_data = self.body.append
        if rest:
            self.body.append(rest)

    def _count_barren(self, size: int, limit: int) -> None:
        self._barren_bytes += size
        if self._barren_bytes > limit:
            self._refuse("The backend's answer has too much framing.")

    def _refuse(self, reason: str) -> None:
        self.fault = GatewayError("upstream_protocol", reason)
        raise _RefusedError

    def on_message_begin(self) -> None:
        if self.is_complete:  # bytes after the end: the rest is nobody's
            raise _RefusedError
        self.has_begun = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.is_head_complete:  # a trailer
            self._header_count += 1
            self._check_header_count()
        else:
            self.headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        self._header_count = len(self.headers)
        self._check_header_count()
        fields = dict(self.headers)
        if _CODING in fields:
            self._check_coding()
        self.is_delimited = _LENGTH in fields or _CODING in fields
        parser = self._parser
        status = parser.get_status_code()
        if status < 200:
            if status == 101 and self.may_switch:
                self.status = status
                self.is_head_complete = True
                self.is_delimited = False
            else:
                self._skip_interim(status)
            return
        if status > 599 or parser.get_http_version()[0] != "1":
            self._refuse("The backend's answer has an unknown status or HTTP version.")
        self.status = status
        self.is_head_complete = True
        self.is_reusable = parser.should_keep_alive()
        if self._is_head or status in _BODILESS:
            self._is_bodiless = True
            self.is_delimited = True
            self.is_complete = True  # llhttp would wait for the body that a reply to HEAD only announces …
            self.is_reusable = self.is_reusable and not self._is_head  # … so it is of no more use

    def on_message_complete(self) -> None:
        if self.is_head_complete:
            self.is_complete = True
        else:
            self.has_begun = False

    def _check_header_count(self) -> None:
        if self._header_count > MAX_HEADERS:
            self._refuse("The backend's answer has too many headers.")

    def _check_coding(self) -> None:
        if any(name == _CODING and value.lower() != b"chunked" for name, value in self.headers):
            self._refuse("The backend's answer has an unknown transfer encoding.")

    def _skip_interim(self, status: int) -> None:
        if status < 100 or status == 101:
            self._refuse("The backend's answer has a status that was not asked for.")
        self._interim_count += 1
        if self._interim_count > MAX_INTERIM:
            self._refuse("The backend sent too many interim replies.")
        self.headers = []
        self.is_delimited = False
