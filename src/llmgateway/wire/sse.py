"""Server-sent events out of bytes, by the WHATWG rules (html.spec.whatwg.org, section 9.2.6).

Works on bytes from end to end: only LF, CR and CRLF end a line, so U+2028 or U+0085 inside JSON stay where they are.
Nothing here decodes text, parses JSON or knows a provider.
"""

import re
from typing import Final

Event = tuple[bytes, bytes, int]
"""`(name, data, end)`: `name` is b"" where the stream gave none, `data` the data lines joined with LF, and `end`
the offset in the chunk just fed behind the event's blank line, where the stream may be cut."""

MAX_EVENT_BYTES: Final = 8 * 1024 * 1024
_LINE_COST: Final = 48  # what a held line takes beside its content, so that a million empty ones count too
_BOM: Final = b"\xef\xbb\xbf"
_LINE_END: Final = re.compile(rb"[\r\n]")
_LF: Final = 10
_CR: Final = 13


class SseDecoder:
    """Turn the chunks of one stream into events. Holds at most one unfinished event, of about `limit` bytes.

    A longer event is not kept: it comes out with empty data, and `overlong` counts it.
    `has_ids`: the stream has used `id:` lines; some SDKs then read a lone comment block as an event.
    """

    __slots__ = (
        "_after_cr",
        "_data",
        "_in_block",
        "_is_cut",
        "_limit",
        "_line",
        "_name",
        "_size",
        "_start",
        "has_ids",
        "overlong",
    )

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        self._limit = limit
        self._start: bytes | None = b""  # what has come of a byte order mark; None once that question is settled
        self._line = bytearray()  # the line that has not ended yet
        self._data: list[bytes] = []  # the data lines of the event that has not ended yet
        self._name = b""
        self._size = 0  # what _data holds
        self._in_block = False  # something has come since the last blank line
        self._after_cr = False  # the last byte was a CR: an LF now belongs to it
        self._is_cut = False  # the event is over the limit: its bytes are being dropped
        self.has_ids = False
        self.overlong = 0

    @property
    def pending(self) -> bytes | None:
        """The data so far of an event that has not ended; None between events."""
        if not self._in_block:
            return None
        name, value = _field(bytes(self._line))
        return b"\n".join([*self._data, value] if name == b"data" else self._data)

    @property
    def closing(self) -> bytes:
        """What must follow the bytes fed so far to end the pending event; b"" between events."""
        if not self._in_block:
            return b""
        return b"\n\n" if self._line or self._after_cr else b"\n"

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes; give the events that they complete, in order."""
        events: list[Event] = []
        at = self._settle_start(chunk) if self._start is not None else 0
        size = len(chunk)
        has_cr = b"\r" in chunk
        is_plain = size <= self._limit
        while at < size:
            if is_plain and not self._in_block and not self._after_cr:
                at = _crlf_events(chunk, at, events) if has_cr else _lf_events(chunk, at, events)
                is_plain = not has_cr  # a second look for CRLFs could cost the square of the chunk's length
                if at == size:
                    break
            at = self._block(chunk, at, events, has_cr=has_cr)
        return events

    def finish(self) -> Event | None:
        """Tell that the stream is over. Gives the event that lacked no more than its blank line, with `end` 0."""
        end = self.closing
        events = self.feed(end) if end else []
        return (events[0][0], events[0][1], 0) if events else None

    def _settle_start(self, chunk: bytes) -> int:
        """Skip the byte order mark that a stream may begin with; gives where its text begins."""
        seen = self._start or b""
        head = seen + chunk[: 3 - len(seen)]
        if head != _BOM and _BOM.startswith(head):
            self._start = head
            return len(chunk)
        self._start = None
        if head == _BOM:
            return 3 - len(seen)
        if seen:
            self._hold(seen)
        return 0

    def _block(self, chunk: bytes, at: int, events: list[Event], *, has_cr: bool) -> int:
        """Read lines up to the end of a block or of the chunk, by the rules in full; gives where it stopped."""
        if self._after_cr:
            self._after_cr = False
            if chunk[at] == _LF:
                return at + 1
        size = len(chunk)
        while at < size:
            stop = _line_end(chunk, at, has_cr=has_cr)
            if stop < 0:
                self._hold(chunk[at:])
                return size
            piece = chunk[at:stop]
            at = stop + 1
            if chunk[stop] == _CR:
                self._after_cr = at == size
                at += chunk[at : at + 1] == b"\n"
            if not piece and not self._line:
                self._dispatch(events, at)
                return at
            self._end_line(piece)
        return size

    def _hold(self, piece: bytes) -> None:
        """Keep a part of a line."""
        self._in_block = True
        if self._is_cut:
            self._line[:] = b":"  # that there is a line is all that still matters
        else:
            self._line += piece
            if self._size + len(self._line) > self._limit:
                self._cut()

    def _cut(self) -> None:
        """Give up on the event: drop its bytes up to its blank line."""
        self._is_cut = True
        self._data.clear()
        self._size = 0
        if self._line:
            self._line = bytearray(b":")

    def _end_line(self, piece: bytes) -> None:
        """Take a line that is not blank; `piece` is its last part."""
        line = piece
        if self._line:
            line = bytes(self._line + piece)
            self._line.clear()
        self._in_block = True
        name, value = _field(line)
        if name == b"data":
            self._size += len(value) + _LINE_COST
            if self._size > self._limit:
                self._cut()
            elif not self._is_cut:
                self._data.append(value)
        elif name == b"event":
            self._name = value
        elif name == b"id":
            self.has_ids = True

    def _dispatch(self, events: list[Event], end: int) -> None:
        """Take a blank line: it ends the event, if there is one."""
        if self._is_cut:
            self.overlong += 1
            events.append((self._name, b"", end))
        elif self._data:
            events.append((self._name, b"\n".join(self._data), end))
        self._data.clear()
        self._name = b""
        self._size = 0
        self._in_block = self._is_cut = False


def _line_end(chunk: bytes, at: int, *, has_cr: bool) -> int:
    if not has_cr:
        return chunk.find(b"\n", at)
    found = _LINE_END.search(chunk, at)
    return found.start() if found is not None else -1


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name, value[1:] if value[:1] == b" " else value


def _lf_events(chunk: bytes, at: int, events: list[Event]) -> int:
    """Take events of the usual form, `data: …` or `event: …` and `data: …`, as long as they come whole.

    Gives the offset of the first block that needs the rules in full.
    """
    size = len(chunk)
    while at < size:
        name, line = b"", at
        if chunk.startswith(b"event: ", at):
            line = chunk.find(b"\n", at) + 1
            name = chunk[at + 7 : line - 1]
        if line < at or not chunk.startswith(b"data: ", line):
            break
        stop = chunk.find(b"\n", line)
        if stop < 0 or chunk[stop + 1 : stop + 2] != b"\n":
            break
        at = stop + 2
        events.append((name, chunk[line + 6 : stop], at))
    return at


def _crlf_events(chunk: bytes, at: int, events: list[Event]) -> int:
    """The same where lines end with CRLF."""
    size = len(chunk)
    while at < size:
        name, line = b"", at
        if chunk.startswith(b"event: ", at):
            line = chunk.find(b"\r\n", at) + 2
            name = chunk[at + 7 : line - 2]
        if line < at or b"\n" in name or b"\r" in name or not chunk.startswith(b"data: ", line):
            break
        stop = chunk.find(b"\r", line)
        if stop < 0 or chunk[stop : stop + 4] != b"\r\n\r\n" or chunk.find(b"\n", line, stop) >= 0:
            break
        at = stop + 4
        events.append((name, chunk[line + 6 : stop], at))
    return at
