"""Header fields as both sides hold them: a list of pairs, names in lower case, values without outer blanks.

Plain functions on lists of a dozen entries. A mapping would lose repeated fields; who asks often for the first of a
name makes one (see `RequestHead.fields`).
Nothing that opens a socket or knows a product header belongs here.
"""

import re
from collections.abc import Iterable
from typing import Final

Headers = list[tuple[bytes, bytes]]

CRLF: Final = b"\r\n"
_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, section 5.6.2
_HARMFUL: Final = re.compile(rb"[\r\n\0]")


def first(headers: Headers, name: bytes) -> bytes | None:
    """Return the first value of `name` (lower case), or None."""
    for known, value in headers:
        if known == name:
            return value
    return None


def every(headers: Headers, name: bytes) -> list[bytes]:
    """Return all values of `name` (lower case), in the order sent."""
    return [value for known, value in headers if known == name]


def tokens(headers: Headers, name: bytes) -> list[bytes]:
    """Return the comma-separated members of all fields `name`, in lower case (Connection, Transfer-Encoding, …)."""
    members = b",".join(every(headers, name)).lower().split(b",")
    return [member for part in members if (member := part.strip(b" \t"))]


def is_safe_value(value: bytes) -> bool:
    """Tell whether `value` can be sent without ending its line or the message."""
    return _HARMFUL.search(value) is None


def line(name: bytes, value: bytes) -> bytes:
    """Render one header line. ValueError where name or value would break the message (and without quoting either)."""
    if _TOKEN.fullmatch(name) is None:
        raise ValueError("a header's name is not a token")
    if not is_safe_value(value):
        raise ValueError("a header's value holds CR, LF or NUL")
    return name + b": " + value + CRLF


def block(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Render header lines, each checked as `line` does; the empty line that ends a head is not added."""
    return b"".join([line(name, value) for name, value in headers])


def lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Render header lines unchecked: only for fields as this package's parsers found them, which `block` would pass."""
    return b"".join([b"%b: %b\r\n" % pair for pair in headers])


def check_block(head: bytes) -> None:
    """Raise ValueError unless `head` is empty or whole lines: no lone CR or LF, no NUL, no empty line.

    The last net before the wire: it can't see a header smuggled in as a line of its own, which `line` refuses.
    """
    parts = head.splitlines()  # at CR, LF and CRLF
    if len(parts) != head.count(CRLF) or b"" in parts or 0 in head:
        raise ValueError("a reply's head is not whole header lines")
