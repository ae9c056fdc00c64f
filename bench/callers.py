"""The callers' side of the load generator: one connection, one request at a time, as few instructions as will do.

Both kinds check what they get: a reply that is not 200, or a stream that ends without `[DONE]`, is an error.
"""

import asyncio
import re
from collections.abc import Callable
from time import monotonic
from typing import Final

from bench import payload
from bench.spread import Histogram

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_LAST_CHUNK: Final = b"0\r\n\r\n"
_FRAMING: Final = re.compile(rb"\r\n[0-9a-f]+\r\n")  # between chunks, which proxies cut where they like
_TAIL: Final = 64
_MAX_COMPLAINTS: Final = 3


class Tally:
    """What all callers of a run have seen. Times in seconds."""

    def __init__(self) -> None:
        self.sent = 0
        self.done = 0
        self.errors = 0
        self.complaints: list[str] = []
        self.latencies: list[float] = []  # from the due time to the last byte
        self.first: list[float] = []  # from the due time to the first token
        self.transit = Histogram()  # a chunk's way from the backend
        self.stall = 0.0  # the longest gap between chunks, less the gap that the backend made
        self.stalls = 0  # gaps of more than 100 ms beyond the backend's own

    def complain(self, what: str) -> None:
        self.errors += 1
        if len(self.complaints) < _MAX_COMPLAINTS:
            self.complaints.append(what[:300])


class Caller(asyncio.Protocol):
    """A connection that is free or has one request under way. `on_free` hears when it is free again."""

    def __init__(self, request: bytes, tally: Tally, on_free: Callable[["Caller"], None]) -> None:
        self.request = request
        self._tally = tally
        self._on_free = on_free
        self._due = 0.0
        self._got = b""
        self.is_busy = False
        self.is_open = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's transports are no subclasses
        self.is_open = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self.is_busy:
            self._tally.complain(f"the connection closed in the middle of a reply: {exc}")
            self._free()

    def go(self, due: float) -> None:
        """Send the request that was due at this time."""
        self._due = due
        self._got = b""
        self.is_busy = True
        self._tally.sent += 1
        self._transport.write(self.request)

    def close(self) -> None:
        self.is_busy = False
        if self.is_open:
            self._transport.abort()

    def _over(self) -> None:
        self._tally.done += 1
        self._tally.latencies.append(monotonic() - self._due)
        self._free()

    def _failed(self, what: str) -> None:
        self._tally.complain(what)
        self.is_open = False
        self._transport.abort()
        self._free()

    def _free(self) -> None:
        self.is_busy = False
        self._on_free(self)


class WholeCaller(Caller):
    """Asks for whole answers."""

    def data_received(self, data: bytes) -> None:
        got = self._got = self._got + data if self._got else data
        end = got.find(b"\r\n\r\n")
        if end < 0:
            return
        if not got.startswith(b"HTTP/1.1 200 "):
            self._failed(got.decode("utf-8", "replace"))
            return
        length = _LENGTH.search(got, 0, end + 2)
        if len(got) >= end + 4 + int(length[1]) if length is not None else got.endswith(_LAST_CHUNK):
            self._over()


class StreamCaller(Caller):
    """Asks for streams, and watches the gaps in them."""

    LIMIT_S = 0.1

    def go(self, due: float) -> None:
        self._has_head = False
        self._first: float | None = None
        self._seen = 0.0  # when the last chunk came …
        self._sent = 0.0  # … and when the backend had sent it
        super().go(due)

    def data_received(self, data: bytes) -> None:
        now = monotonic()
        if not self._has_head and not self._head(data):
            return
        sent = payload.first_stamp(data)
        if sent is not None:
            self._watch(now, sent)
            self._sent = payload.last_stamp(data) or sent
            self._seen = now
        if self._tail(data):
            self._tally.first.append((self._first or now) - self._due)
            self._over()

    def _head(self, data: bytes) -> bool:
        got = self._got = self._got + data
        if b"\r\n\r\n" not in got:
            return False
        if not got.startswith(b"HTTP/1.1 200 "):
            self._failed(got.decode("utf-8", "replace"))
            return False
        self._got = b""
        self._has_head = True
        return True

    def _watch(self, now: float, sent: float) -> None:
        tally = self._tally
        tally.transit.add(now - sent)
        if self._first is None:
            self._first = now
            return
        stall = (now - self._seen) - (sent - self._sent)
        if stall > tally.stall:
            tally.stall = stall
        if stall > self.LIMIT_S:
            tally.stalls += 1

    def _tail(self, data: bytes) -> bool:
        """Tell whether the stream is over, keeping as much of it as its end may be cut into."""
        end = self._got + data if len(data) < _TAIL else data
        self._got = end[-_TAIL:]
        if not end.endswith(_LAST_CHUNK):
            return False
        if b"[DONE]" not in _FRAMING.sub(b"", self._got):
            self._tally.complain("a stream ended without [DONE]")
        return True
