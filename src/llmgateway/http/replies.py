"""How replies look on the wire: status lines, framing and chunks, as bytes. Plain functions; nothing is sent here."""

from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from llmgateway.domain.clock import Clock
from llmgateway.http.messages import check_block

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
SWITCHING: Final = b"HTTP/1.1 101 Switching Protocols\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"
WITHOUT_BODY: Final = frozenset({204, 304})  # RFC 9110, section 15
_CHUNKED: Final = b"transfer-encoding: chunked\r\n"
_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus if status >= 200
}


class DateLine:
    """The Date header, written once a second (RFC 9110, section 6.6.1 asks for it)."""

    __slots__ = ("_clock", "_line", "_second")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = -1
        self._line = b""

    def __call__(self) -> bytes:
        second = int(self._clock.time())
        if second != self._second:
            self._second = second
            self._line = b"date: " + formatdate(second, usegmt=True).encode() + b"\r\n"
        return self._line


def status_line(status: int) -> bytes:
    """Return the first line of a final reply; ValueError unless `status` is 200 to 999."""
    known = _STATUS_LINES.get(status)
    if known is not None:
        return known
    if not 200 <= status <= 999:
        raise ValueError(f"{status} is not the status of a final reply")
    return b"HTTP/1.1 %d \r\n" % status


def connection_line(*, is_http11: bool, is_kept: bool) -> bytes:
    """Return the Connection header where the version's default is not what will happen."""
    if is_kept:
        return b"" if is_http11 else b"connection: keep-alive\r\n"
    return b"connection: close\r\n"


def framing_line(status: int, length: int | None, *, is_http11: bool) -> bytes:
    """Return the header that says where the body ends; a 204 or 304 has none (it would speak of another message).

    `length` None: it ends with its last chunk, or for HTTP/1.0 with the connection.
    """
    if status in WITHOUT_BODY:
        return b""
    if length is None:
        return _CHUNKED if is_http11 else b""
    return b"content-length: %d\r\n" % length


def refusal(status: int, head: bytes, body: bytes, *, is_bodiless: bool) -> bytes:
    """Return a whole reply after which the connection closes; ValueError if `head` is not whole lines."""
    check_block(head)
    lines = status_line(status) + head + framing_line(status, len(body), is_http11=True) + b"connection: close\r\n\r\n"
    return lines if is_bodiless else lines + body


def chunk(piece: bytes) -> bytes:
    """Frame a piece; an empty one is no chunk, since an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
