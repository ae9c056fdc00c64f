"""A stream on its way through: its bytes as they came, cut only between events, read as they pass or a moment later."""

from collections.abc import Sequence
from typing import Final

from llmgateway.domain.errors import GatewayError
from llmgateway.ports.reader import ReplyReader
from llmgateway.wire.sse import SseDecoder

FREE_LINES: Final = 10_000
MIN_BYTES_A_LINE: Final = 7  # "data: [DONE]" and its blank line have as much on average; hardly anything is shorter
MAX_TAIL: Final = 64 * 1024  # an event longer than this goes on in parts
BATCH: Final = 8 * 1024  # events that go on unread are read by so many bytes: once, with warm caches
_USUAL: Final = frozenset({b"data: ", b"event:"})  # how a piece begins that is events from end to end


class EventFlow:
    """Feeds a reader, and says which bytes may go on to the caller.

    Half an event stays behind, so that nothing is ever glued to it; comments between events go on at once. `raw` keeps
    the bytes as they came, up to `keep` of them. `is_parted`: an event was too long to wait for, and its beginning
    has gone on.

    Once content has come, whole events in which nothing is urgent go on before they are read. `urgent`: what makes an
    event urgent beside the reader's own words for it.
    """

    __slots__ = (
        "_decoder",
        "_is_prompt",
        "_keep",
        "_kept",
        "_lines",
        "_reader",
        "_size",
        "_tail",
        "_unread",
        "_unread_bytes",
        "_urgent",
        "is_parted",
        "raw",
    )

    def __init__(self, reader: ReplyReader, keep: int, urgent: Sequence[bytes] = ()) -> None:
        self._decoder = SseDecoder()
        self._reader = reader
        self._tail = b""
        self._keep = keep
        self._kept = 0
        self._lines = 0
        self._size = 0
        self._unread: list[bytes] = []
        self._unread_bytes = 0
        self._urgent = (*reader.urgent, *urgent)
        self._is_prompt = bool(keep) or not reader.urgent
        self.is_parted = False
        self.raw: list[bytes] = []

    @property
    def may_interject(self) -> bool:
        """Whether a comment could be put in here: between events, in a stream without ids (SDKs trip over it there)."""
        self.catch_up()
        return not self._decoder.has_ids and self._decoder.pending is None and not self._tail

    @property
    def is_read(self) -> bool:
        """Whether every event was short enough to be looked into."""
        return not self._decoder.overlong

    def feed(self, piece: bytes) -> bytes:
        """Take the next bytes; give what may go on. Behind the event that ends the stream nothing does.

        Raises GatewayError upstream_protocol for a flood of tiny lines: reading them costs far more than sending them.
        """
        self.catch_up()
        self._count(piece)
        if self._lines > FREE_LINES and self._size < self._lines * MIN_BYTES_A_LINE:
            raise GatewayError("upstream_protocol", "The backend's stream comes in too many tiny lines.")
        reader = self._reader
        end = 0
        for name, data, end in self._decoder.feed(piece):
            reader.event(name, data)
            if reader.is_finished:
                piece = piece[:end]
                break
        else:
            if end != len(piece) and not self._decoder.closing:
                end = len(piece)
        if self._kept < self._keep:
            self._kept += len(piece)
            self.raw.append(piece)
        self.is_parted = self.is_parted and not end
        if end != len(piece) or self._tail:
            piece = self._cut(piece, end)
        return piece + b"\n" if reader.is_finished and piece.endswith(b"\r\n\r") else piece

    def defer(self, piece: bytes) -> bool:
        """Take a piece that may go on as it is and be read later; False: it may not, `feed` it.

        It must be events from end to end, none of which ends the stream or tells of a fault. What hides from this
        look (a name written with escapes) is noticed when the batch is read.
        """
        if self._is_prompt or self._tail or self.is_parted or not self._reader.has_content:
            return False
        size = len(piece)
        if piece[:6] not in _USUAL or piece[-2:] != b"\n\n" or b"\r" in piece or self._unread_bytes + size > BATCH:
            return False
        for word in self._urgent:
            if word in piece:
                return False
        self._unread.append(piece)
        self._unread_bytes += size
        return True

    def catch_up(self) -> None:
        """Read what has gone on unread: before anybody asks the reader."""
        if self._unread:
            passed = b"".join(self._unread)
            self._unread.clear()
            self._unread_bytes = 0
            self._count(passed)
            for name, data, _ in self._decoder.feed(passed):
                self._reader.event(name, data)

    def _count(self, piece: bytes) -> None:
        self._size += len(piece)
        self._lines += max(piece.count(b"\n"), piece.count(b"\r"))

    def _cut(self, piece: bytes, end: int) -> bytes:
        ready = self._tail + piece[:end] if end else b""
        self._tail = piece[end:] if end else self._tail + piece
        if len(self._tail) > MAX_TAIL:
            ready, self._tail = ready + self._tail, b""
            self.is_parted = True
        return ready

    def finish(self) -> bytes:
        """The backend has closed its stream; give what is left, ended as an event must be (rows U9, U10).

        Half an event is left out, as the standard has it: an SDK would stumble over it.
        """
        self.catch_up()
        rest = self._tail + self._decoder.closing
        pending = self._decoder.finish()
        if pending is None or not pending[1]:
            return b""
        errors = self._reader.parse_errors
        self._reader.event(pending[0], pending[1])
        return rest if self._reader.parse_errors == errors else b""
