"""WebSocket messages whole, for who must look into them: frames put together, unmasked, control frames beside them.

Takes what a `FrameFlow` has let through, so frames are in order and messages of bounded length.
"""

from typing import Final, NamedTuple

from llmgateway.wire.websocket import CLOSE, CONTINUATION, masked

_FIN: Final = 0x80
_MASK: Final = 4


class Message(NamedTuple):
    """`opcode`: TEXT or BINARY for a whole message, PING or PONG for a control frame. `payload`: unmasked."""

    opcode: int
    payload: bytes


class MessageFlow:
    """One direction's messages. Holds no more than one message and one frame."""

    __slots__ = ("_has_begun", "_is_masked", "_opcode", "_parts", "_rest", "_wanted")

    def __init__(self, *, is_masked: bool) -> None:
        self._is_masked = is_masked
        self._rest = bytearray()  # of a frame that is not here whole
        self._wanted = 2  # so many bytes of it must be here before there is anything to do
        self._opcode = 0
        self._parts = bytearray()  # of a message in several frames: a byte kept for itself takes forty
        self._has_begun = False

    @property
    def held(self) -> int:
        """Bytes that wait for the rest of their message."""
        return len(self._rest) + len(self._parts)

    def feed(self, ready: bytes) -> list[Message]:
        """Take the next bytes, cut anywhere; give what is whole, in order."""
        rest = self._rest
        if rest:
            rest += ready
            if len(rest) < self._wanted:
                return []
            ready = bytes(rest)
            rest.clear()
        found: list[Message] = []
        at = 0
        while (span := self._span(ready, at)) is not None:
            first, start, end = ready[at], *span
            payload = ready[start:end]
            if self._is_masked:
                payload = masked(payload, ready[start - _MASK : start])
            self._take(first, payload, found)
            at = end
        rest += ready[at:]
        return found

    def _span(self, data: bytes, at: int) -> tuple[int, int] | None:
        """Where the payload lies of the frame at `at`; None if that is not whole."""
        if len(data) - at < 2:
            self._wanted = 2
            return None
        length = data[at + 1] & 0x7F
        start = at + 2 + (0 if length < 126 else 2 if length == 126 else 8)
        body = start + (_MASK if self._is_masked else 0)
        if body > len(data):
            self._wanted = body - at
            return None
        if length >= 126:
            length = int.from_bytes(data[at + 2 : start], "big")
        end = body + length
        if end > len(data):
            self._wanted = end - at
            return None
        return body, end

    def _take(self, first: int, payload: bytes, found: list[Message]) -> None:
        opcode = first & 0x0F
        if opcode >= CLOSE:
            found.append(Message(opcode, payload))
            return
        if opcode != CONTINUATION:
            self._opcode = opcode
        if not first & _FIN:
            self._parts += payload
            self._has_begun = True
        elif self._has_begun:
            self._parts += payload
            found.append(Message(self._opcode, bytes(self._parts)))
            self._parts, self._has_begun = bytearray(), False
        else:
            found.append(Message(self._opcode, payload))
