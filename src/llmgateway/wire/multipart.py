"""Find one text field of a multipart/form-data body while it streams past (RFC 7578, RFC 2046).

The backend reads the same bytes with a parser of its own, and what it takes for the field must be what was found here:
else a caller is checked for one value and served another. So there is one spelling of everything that decides where a
part begins and what it is called, the one that HTTP clients write, and whatever else the standards or lenient parsers
let pass is refused. The content of files is looked through for the boundary and nothing else.
"""

import re
from enum import Enum, auto
from typing import Final
from urllib.parse import unquote_to_bytes

from llmgateway.domain.errors import GatewayError

MAX_BOUNDARY: Final = 70  # RFC 2046
MAX_PART_HEADERS: Final = 8 * 1024
MAX_FIELD: Final = 1024
MAX_PARTS: Final = 1_000

_FORM: Final = re.compile(
    rb"multipart/form-data[ \t]*;[ \t]*"
    rb"""boundary=(?:"([0-9A-Za-z'()+_,\-./:=? ]*[0-9A-Za-z'()+_,\-./:=?])"|([0-9A-Za-z'+_\-.]+))"""
    rb"(?:[ \t]*;[ \t]*charset=utf-?8)?",
    re.IGNORECASE,
)
_LINE: Final = re.compile(rb"([0-9A-Za-z\-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_DISPOSITION: Final = re.compile(
    rb"form-data((?:[ \t]*;[ \t]*(?:name|filename\*?)=(?:\"[^\"]*\"|[^\s;\"\\,]+))+)", re.IGNORECASE
)
_PARAMETER: Final = re.compile(rb";[ \t]*(name|filename\*?)=(?:\"([^\"]*)\"|([^\s;\"\\,]+))", re.IGNORECASE)
_CONFUSING: Final = re.compile(rb"\\\"|;[ \t]*name|\\$", re.IGNORECASE)  # a quoted end, or a name, to some
PLAIN: Final = frozenset({b"7bit", b"8bit", b"binary"})
_CRLF: Final = b"\r\n"


def boundary(content_type: bytes) -> bytes:
    """The boundary a Content-Type names; GatewayError invalid_multipart unless it is all that stands there."""
    found = _FORM.fullmatch(content_type.strip())
    value = (found.group(1) or found.group(2)) if found else b""
    if not value or len(value) > MAX_BOUNDARY:
        raise GatewayError("invalid_multipart", "The multipart boundary is missing or malformed.")
    return value


class _State(Enum):
    SEEK = auto()  # before the first boundary, or in a part's content
    HEADERS = auto()
    FIELD = auto()  # in the wanted field's content
    END = auto()


class FieldScanner:
    """Feed a body in pieces; `value` and `span` (offsets in the whole body) are set once the field is complete.

    Raises GatewayError duplicate_key when the field comes twice or in another spelling, invalid_multipart when a bound
    is passed or two parsers might read the form differently.
    """

    __slots__ = (
        "_buffer",
        "_dashes",
        "_delimiter",
        "_field_start",
        "_mark",
        "_name",
        "_offset",
        "_parts",
        "_state",
        "span",
        "value",
    )

    def __init__(self, boundary: bytes, name: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._dashes = b"--" + boundary
        self._mark = re.compile(rb"[\r\n]--" + re.escape(boundary))
        self._name = name
        self._buffer = bytearray(_CRLF)  # so that the boundary in the first line looks like every other
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

    def finish(self) -> None:
        """The body is over. GatewayError invalid_multipart if a part broke off that is, or may have been, the field."""
        if self._state in {_State.HEADERS, _State.FIELD} or not self._parts:
            raise malformed("The multipart body breaks off.")

    def _step(self) -> bool:
        if self._state is _State.SEEK:
            return self._seek()
        if self._state is _State.HEADERS:
            return self._headers()
        if self._state is _State.FIELD:
            return self._field()
        if self._buffer.strip(_CRLF):
            raise malformed("Something follows the multipart body.")
        self._buffer.clear()
        return False

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._offset += count

    def _find(self) -> int:
        """Where the next delimiter begins, or -1. One that only lenient parsers would take for it is refused."""
        if self._buffer.find(self._dashes) < 0:  # far faster than the pattern
            return -1
        found = self._mark.search(self._buffer)
        at = found.start() - 1 if found else -1
        if found and (at < 0 or self._buffer[at : at + 2] != _CRLF or (at == 0) is not (self._parts == 0)):
            raise malformed("A multipart boundary does not stand in a line of its own.")
        return at

    def _seek(self) -> bool:
        at = self._find()
        if at < 0:
            if not self._parts and len(self._buffer) >= len(self._delimiter):
                raise malformed("The multipart body does not begin with its boundary.")
            if self._parts:
                self._drop(max(0, len(self._buffer) - len(self._delimiter)))
            return False
        end = at + len(self._delimiter)
        if len(self._buffer) < end + 2:
            return False
        self._begin_part(bytes(self._buffer[end : end + 2]))
        self._drop(end + 2)
        return True

    def _begin_part(self, behind: bytes) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise malformed("The multipart body has too many parts.")
        if behind not in {_CRLF, b"--"}:
            raise malformed("A multipart boundary does not stand in a line of its own.")
        self._state = _State.HEADERS if behind == _CRLF else _State.END

    def _headers(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or end > MAX_PART_HEADERS:
            if len(self._buffer) > MAX_PART_HEADERS:
                raise malformed("A part's headers are too long.")
            return False
        is_wanted = _is_field(part_fields(bytes(self._buffer[:end])), self._name)
        if is_wanted and self.value is not None:
            raise GatewayError("duplicate_key", param=self._name.decode("ascii", "replace"))
        self._drop(end + 2)  # keep one line end: a delimiter right behind it would end no content
        self._field_start = self._offset + 2
        self._state = _State.FIELD if is_wanted else _State.SEEK
        return True

    def _field(self) -> bool:
        at = self._find()
        if (at if at >= 0 else len(self._buffer) - len(self._delimiter)) > MAX_FIELD + 2:
            raise GatewayError("invalid_value", param=self._name.decode("ascii", "replace"))
        if at < 0:
            return False
        self.value = bytes(self._buffer[2:at])
        self.span = (self._field_start, self._field_start + len(self.value))
        self._state = _State.SEEK
        return True


def malformed(message: str) -> GatewayError:
    """What is said of a form that parsers might read differently."""
    return GatewayError("invalid_multipart", message)


def part_fields(block: bytes) -> dict[bytes, bytes]:
    """A part's headers by name in lower case; each once, each in one line."""
    fields: dict[bytes, bytes] = {}
    for line in block.split(_CRLF):
        found = _LINE.fullmatch(line)
        name = found.group(1).lower() if found else b""
        if found is None or name in fields:
            raise malformed("A part's headers are malformed.")
        fields[name] = found.group(2).strip()
    return fields


def _is_field(fields: dict[bytes, bytes], name: bytes) -> bool:
    """Tell whether a part is the field; GatewayError where another parser could see that differently."""
    if fields.get(b"content-type", b"").lower().startswith(b"multipart/"):
        raise malformed("A part is a multipart body itself.")
    named = parameters(fields.get(b"content-disposition", b""))
    if named[b"name"] != name:
        if folded(named[b"name"]) == name:
            raise GatewayError("duplicate_key", param=name.decode("ascii", "replace"))
        return False
    if len(named) > 1 or fields.get(b"content-transfer-encoding", b"binary").lower() not in PLAIN:
        raise GatewayError("invalid_value", param=name.decode("ascii", "replace"))
    return True


def parameters(disposition: bytes) -> dict[bytes, bytes]:
    """The parameters of a Content-Disposition, among them a name."""
    known = _DISPOSITION.fullmatch(disposition)
    found = _PARAMETER.findall(known.group(1)) if known else []
    named = {each[0].lower(): each[1] or each[2] for each in found}
    if b"name" not in named or len(named) != len(found) or b"\\" in named[b"name"]:
        raise malformed("A part's Content-Disposition is malformed.")
    if any(_CONFUSING.search(value) for value in named.values()):
        raise malformed("A part's Content-Disposition is ambiguous.")
    return named


def folded(name: bytes) -> bytes:
    """A field's name as the most lenient framework would bind it: `Model`, ` model`, `model[]`, `mo%64el`."""
    return unquote_to_bytes(name).partition(b"[")[0].strip(b" \t'").lower()
