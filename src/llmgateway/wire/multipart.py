"""Find one text field of a multipart/form-data body while it streams past (RFC 7578, RFC 2046).

Only the part headers are understood; the content of files is looked through for the boundary and nothing else.
"""

import re
from enum import Enum, auto
from typing import Final

from llmgateway.domain.errors import GatewayError

MAX_BOUNDARY: Final = 70  # RFC 2046
MAX_PART_HEADERS: Final = 8 * 1024
MAX_FIELD: Final = 1024
MAX_PARTS: Final = 1_000

_BOUNDARY: Final = re.compile(rb'boundary=(?:"([^"]*)"|([^\s;]+))', re.IGNORECASE)
_BOUNDARY_BYTES: Final = re.compile(rb"[0-9A-Za-z'()+_,\-./:=? ]*[0-9A-Za-z'()+_,\-./:=?]")
_NAME: Final = re.compile(rb'[;\s]name=(?:"([^"]*)"|([^\s;"]+))', re.IGNORECASE)
_DISPOSITION: Final = re.compile(rb"^content-disposition:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


def boundary(content_type: bytes) -> bytes:
    """The boundary a Content-Type names; GatewayError invalid_multipart if it is absent, too long or malformed."""
    found = _BOUNDARY.search(content_type)
    value = (found.group(1) or found.group(2) or b"") if found else b""
    if not value or len(value) > MAX_BOUNDARY or not _BOUNDARY_BYTES.fullmatch(value):
        raise GatewayError("invalid_multipart", "The multipart boundary is missing or malformed.")
    return value


class _State(Enum):
    SEEK = auto()  # in a part's content (or the preamble), looking for the next boundary
    HEADERS = auto()
    FIELD = auto()  # in the wanted field's content
    END = auto()


class FieldScanner:
    """Feed a body in pieces; `value` and `span` (offsets in the whole body) are set once the field is complete.

    Raises GatewayError duplicate_key when the field comes twice, invalid_multipart when a bound is passed.
    """

    __slots__ = ("_buffer", "_delimiter", "_field_start", "_name", "_offset", "_parts", "_state", "span", "value")

    def __init__(self, boundary: bytes, name: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._name = name
        self._buffer = bytearray(b"\r\n")  # so that a boundary in the first line looks like every other
        self._offset = -2  # where the buffer begins in the body
        self._state = _State.SEEK
        self._parts = 0
        self._field_start = 0
        self.value: bytes | None = None
        self.span: tuple[int, int] | None = None

    @property
    def is_over(self) -> bool:
        return self._state is _State.END

    def feed(self, piece: bytes) -> None:
        self._buffer += piece
        while self._step():
            pass

    def _step(self) -> bool:
        if self._state is _State.SEEK:
            return self._seek()
        if self._state is _State.HEADERS:
            return self._headers()
        if self._state is _State.FIELD:
            return self._field()
        self._buffer.clear()
        return False

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._offset += count

    def _seek(self) -> bool:
        at = self._buffer.find(self._delimiter)
        if at < 0:
            self._drop(max(0, len(self._buffer) - len(self._delimiter)))
            return False
        end = at + len(self._delimiter)
        if len(self._buffer) < end + 2:
            self._drop(at)
            return False
        if self._buffer[end : end + 2] == b"--":
            self._state = _State.END
            return True
        self._drop(end)
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise GatewayError("invalid_multipart", "The multipart body has too many parts.")
        self._state = _State.HEADERS
        return True

    def _headers(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or end > MAX_PART_HEADERS:
            if len(self._buffer) > MAX_PART_HEADERS:
                raise GatewayError("invalid_multipart", "A part's headers are too long.")
            return False
        is_wanted = _field_name(bytes(self._buffer[:end])) == self._name
        self._drop(end + 2)  # keep one line end: the content may be empty
        if is_wanted and self.value is not None:
            raise GatewayError("duplicate_key", param=self._name.decode("ascii", "replace"))
        self._field_start = self._offset + 2
        self._state = _State.FIELD if is_wanted else _State.SEEK
        return True

    def _field(self) -> bool:
        at = self._buffer.find(self._delimiter)
        if (at if at >= 0 else len(self._buffer) - len(self._delimiter)) > MAX_FIELD + 2:
            raise GatewayError("invalid_value", param=self._name.decode("ascii", "replace"))
        if at < 0:
            return False
        self.value = bytes(self._buffer[2:at]) if at >= 2 else b""
        self.span = (self._field_start, self._field_start + len(self.value))
        self._state = _State.SEEK
        return True


def _field_name(headers: bytes) -> bytes | None:
    disposition = _DISPOSITION.search(headers.lstrip(b"\r\n"))
    found = _NAME.search(disposition.group(1)) if disposition else None
    return (found.group(1) if found.group(1) is not None else found.group(2)) if found else None
