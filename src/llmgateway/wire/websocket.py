"""WebSocket frames (RFC 6455) as a tunnel needs them: found in one direction's bytes, checked, counted, passed on.

Nothing is altered. Frames go on whole, so that a close frame can follow at any moment; one longer than `MAX_HELD`
goes on in parts. No extension is understood here, so no reserved bit may be set.
"""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha1
from typing import Final, NamedTuple

MAX_HELD: Final = 64 * 1024  # a longer frame is not waited for
MAX_READ: Final = 1024 * 1024  # a longer text message is passed on unread
MAX_REASON: Final = 123  # bytes of a close frame's reason
FREE_FRAMES: Final = 10_000
MIN_BYTES_A_FRAME: Final = 16  # on average, once the free ones are used up: reading costs far more than sending

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
POLICY: Final = 1008
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011
SERVICE_RESTART: Final = 1012

_FIN: Final = 0x80
_RESERVED: Final = 0x70
_MASKED: Final = 0x80
_DATA: Final = frozenset({TEXT, BINARY})
_CONTROL: Final = frozenset({CLOSE, PING, PONG})
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


def accept(key: bytes) -> bytes:
    """The Sec-WebSocket-Accept that answers a Sec-WebSocket-Key."""
    return b64encode(sha1(key + _GUID, usedforsecurity=False).digest())


def frame(opcode: int, payload: bytes = b"", *, mask: bytes | None = None, is_last: bool = True) -> bytes:
    """Write one frame. `mask`: four bytes, for what a client sends."""
    size, bit = len(payload), _MASKED if mask is not None else 0
    if size < 126:
        head = bytes((opcode | (_FIN if is_last else 0), size | bit))
    elif size < 1 << 16:
        head = bytes((opcode | (_FIN if is_last else 0), 126 | bit)) + size.to_bytes(2, "big")
    else:
        head = bytes((opcode | (_FIN if is_last else 0), 127 | bit)) + size.to_bytes(8, "big")
    return head + payload if mask is None else head + mask + masked(payload, mask)


def close_frame(code: int, reason: str = "", *, mask: bytes | None = None) -> bytes:
    """Write a close frame; a long reason is cut between characters."""
    text = reason.encode("utf-8", "replace")[:MAX_REASON].decode("utf-8", "ignore").encode()
    return frame(CLOSE, code.to_bytes(2, "big") + text, mask=mask)


def masked(payload: bytes, mask: bytes) -> bytes:
    """Mask a payload, or unmask it."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


@dataclass(frozen=True, slots=True)
class FrameFault:
    """What is wrong with a stream of frames: the close code that says so, and words for a log."""

    code: int
    reason: str


class _FaultError(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.fault = FrameFault(code, reason)


class _Head(NamedTuple):
    """A frame's header. `start`, `end`: where its payload lies in the bytes at hand; `end` may lie beyond them."""

    opcode: int
    is_last: bool
    start: int
    end: int


class FrameFlow:
    """Takes the bytes of one direction in any pieces, and says which may go on.

    `close`: the raw close frame, which does not go on by itself; nothing behind it is looked at. `fault`: what is wrong
    with the first frame that breaks the rules, which does not go on either. `on_text` gets each text message of at most
    `MAX_READ` bytes, only where frames are not masked; `unread` counts the longer ones. `messages` counts those of data
    that are whole, `size` all bytes.
    """

    __slots__ = (
        "_frames",
        "_is_last",
        "_is_masked",
        "_is_text",
        "_left",
        "_max_message",
        "_message_size",
        "_need",
        "_on_text",
        "_parts",
        "_tail",
        "close",
        "close_code",
        "fault",
        "is_in_message",
        "messages",
        "size",
        "unread",
    )

    def __init__(self, *, is_masked: bool, max_message: int, on_text: Callable[[bytes], None] | None = None) -> None:
        self._is_masked = is_masked
        self._max_message = max_message
        self._on_text = on_text
        self._tail = bytearray()  # the beginning of a frame that waits for its rest
        self._need = 2  # so many bytes of it must be here before there is anything to decide
        self._left = 0  # bytes still to come of a frame that goes on in parts
        self._is_last = True  # that frame ends its message
        self._frames = 0
        self._is_text = False
        self._message_size = 0
        self._parts = bytearray()  # of a text message in several frames or parts
        self.is_in_message = False  # one has begun and is not whole: no other may come between
        self.size = self.messages = self.unread = 0
        self.close: bytes | None = None
        self.close_code: int | None = None  # None: the close frame has none
        self.fault: FrameFault | None = None

    @property
    def is_between(self) -> bool:
        """Whether what has gone on ends with a whole frame, so that another frame may follow it."""
        return not self._left

    @property
    def is_over(self) -> bool:
        return self.close is not None or self.fault is not None

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; give those that may go on, b"" if there are none yet. Raises nothing: see `fault`."""
        self.size += len(data)
        if self.is_over:
            return b""
        if not self._left:
            return self._frames_of(data)
        part, data = data[: self._left], data[self._left :]
        self._take_part(part)
        return part + self._frames_of(data) if data else part

    def _frames_of(self, data: bytes) -> bytes:
        tail = self._tail
        if tail:
            tail += data
            if len(tail) < self._need:
                return b""
            data = bytes(tail)
            tail.clear()
        at = self._walk(data)
        if not (self.is_over or self._left):
            tail += data[at:]
        return data if at == len(data) else data[:at]

    def _walk(self, data: bytes) -> int:
        """Look at frame after frame; return where those end that may go on."""
        at = 0
        try:
            while (head := self._head(data, at)) is not None:
                if head.end > len(data):
                    if head.end - at <= MAX_HELD:
                        self._need = head.end - at
                        return at
                    self._begin_parts(head, data)
                    return len(data)
                self._take(head, data)
                if head.opcode == CLOSE:
                    self._take_close(data[at : head.end], data[head.start : head.end])
                    return at
                at = head.end
        except _FaultError as error:
            self.fault = error.fault
        return at

    def _head(self, data: bytes, at: int) -> _Head | None:
        """Read a frame's header; None if it is not whole, and `_need` says how much of it must be here."""
        size = len(data)
        if size - at < 2:
            self._need = 2
            return None
        first, second = data[at], data[at + 1]
        length = second & 0x7F
        self._check(first, second, length)
        start = at + 2 + (0 if length < 126 else 2 if length == 126 else 8)
        body = start + (4 if self._is_masked else 0)
        if body > size:
            self._need = body - at
            return None
        if length >= 126:
            length = int.from_bytes(data[at + 2 : start], "big")
            if length < (126 if start - at == 4 else 1 << 16):
                raise _FaultError(PROTOCOL_ERROR, "a frame's length is not written in its shortest form")
        opcode = first & 0x0F
        if opcode < CLOSE:
            self._check_size(opcode, length)
        return _Head(opcode, bool(first & _FIN), body, body + length)

    def _check(self, first: int, second: int, length: int) -> None:
        opcode = first & 0x0F
        if first & _RESERVED:
            raise _FaultError(PROTOCOL_ERROR, "a frame uses an extension that was not agreed on")
        if bool(second & _MASKED) is not self._is_masked:
            raise _FaultError(PROTOCOL_ERROR, "a frame is masked and must not be, or the other way round")
        if opcode in _CONTROL:
            if length > 125 or not first & _FIN:
                raise _FaultError(PROTOCOL_ERROR, "a control frame is too long or in parts")
        elif opcode not in _DATA and opcode != CONTINUATION:
            raise _FaultError(PROTOCOL_ERROR, "a frame is of no known kind")
        elif self.is_in_message is not (opcode == CONTINUATION):
            raise _FaultError(PROTOCOL_ERROR, "a message begins within another, or goes on without having begun")

    def _check_size(self, opcode: int, length: int) -> None:
        before = self._message_size if opcode == CONTINUATION else 0
        if before + length > self._max_message:
            raise _FaultError(TOO_BIG, "a message is longer than allowed")

    def _count(self) -> None:
        self._frames += 1
        if self._frames > FREE_FRAMES and self.size < self._frames * MIN_BYTES_A_FRAME:
            raise _FaultError(POLICY, "too many tiny frames")

    def _take(self, head: _Head, data: bytes) -> None:
        """Note a whole frame."""
        self._count()
        if head.opcode >= CLOSE:
            return
        if head.opcode == TEXT and head.is_last:  # nearly all
            self.messages += 1
            self._tell(data[head.start : head.end] if self._on_text is not None else b"")
            return
        self._begin(head)
        self._keep(data[head.start : head.end])
        self._frame_ended()

    def _take_close(self, frame: bytes, payload: bytes) -> None:
        if self._is_masked and payload:
            start = len(frame) - len(payload)
            payload = masked(payload, frame[start - 4 : start])
        self.close = frame
        self.close_code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else None

    # --- messages in several frames, frames in several parts

    def _begin_parts(self, head: _Head, data: bytes) -> None:
        self._count()
        self._left = head.end - len(data)
        self._begin(head)
        self._keep(data[head.start :])

    def _begin(self, head: _Head) -> None:
        if head.opcode != CONTINUATION:
            self._is_text = head.opcode == TEXT
            self._message_size = 0
        self._message_size += head.end - head.start
        self._is_last = head.is_last
        self.is_in_message = True

    def _take_part(self, part: bytes) -> None:
        self._left -= len(part)
        self._keep(part)
        if not self._left:
            self._frame_ended()

    def _keep(self, payload: bytes) -> None:
        if self._is_text and self._on_text is not None and len(self._parts) <= MAX_READ:
            self._parts += payload

    def _frame_ended(self) -> None:
        if not self._is_last:
            return
        self.is_in_message = False
        self.messages += 1
        if self._is_text:
            message = bytes(self._parts)
            self._parts.clear()
            self._tell(message)

    def _tell(self, message: bytes) -> None:
        if self._on_text is None:
            return
        if len(message) > MAX_READ:
            self.unread += 1
        else:
            self._on_text(message)
