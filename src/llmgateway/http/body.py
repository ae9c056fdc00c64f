"""The body of one request on its way to whoever asked for it: kept whole, or pushed on piece by piece.

Holds no socket. The connection feeds it, and asks it whether to go on.
"""

import asyncio
from typing import Final, Protocol

from llmgateway.domain.errors import GatewayError
from llmgateway.http.heads import RequestHead
from llmgateway.http.limits import READ_AHEAD_BYTES

_SMALL_PIECE: Final = 16 * 1024  # smaller ones are joined: a byte kept for itself takes forty


class BodySink(Protocol):
    """Takes a request's body as it comes. After `end` or `fail` nothing more is said.

    Neither is called when the caller leaves: the request's task is cancelled then.
    """

    def data(self, piece: bytes) -> None: ...
    def end(self) -> None: ...
    def fail(self, error: GatewayError) -> None: ...


class Body:
    """Collects or passes on what the parser finds. `size` counts the bytes so far."""

    __slots__ = (
        "_fault",
        "_head",
        "_is_told",
        "_limit",
        "_pieces",
        "_sink",
        "_waiter",
        "is_paused",
        "is_whole",
        "size",
    )

    def __init__(self, head: RequestHead) -> None:
        self._head = head
        self._pieces: list[bytes] = []
        self._limit: int | None = None  # None: nobody has asked yet
        self._sink: BodySink | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._fault: GatewayError | None = None
        self._is_told = False
        self.is_paused = False
        self.is_whole = False
        self.size = 0

    @property
    def is_wanted(self) -> bool:
        """Whether somebody has asked for it."""
        return self._limit is not None

    @property
    def wants_more(self) -> bool:
        """Whether the connection should parse on."""
        if self.is_whole or self.is_paused or self._fault is not None:
            return False
        return self._limit is not None or self.size < READ_AHEAD_BYTES

    # ── the asking side

    def open(self, limit: int) -> None:
        """Ask for the body. Raises GatewayError: unsupported_encoding, payload_too_large, or what went wrong so far."""
        if self._limit is not None:
            raise RuntimeError("a request's body can be asked for once")
        self._limit = limit
        if self._fault is None:
            head = self._head
            if head.encoding is not None and head.has_body:
                self._fault = GatewayError("unsupported_encoding")
            elif self.size > limit or (head.content_length or 0) > limit:
                self._fault = _too_large(limit)
        if self._fault is not None:
            raise self._fault

    def whole(self) -> bytes:
        """Return everything; raises what went wrong on the way, and means nothing before `ended`."""
        if self._fault is not None:
            raise self._fault
        pieces = self._pieces
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def ended(self) -> None:
        """Wait until the body is whole or has failed."""
        if not self.is_whole and self._fault is None:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def push_to(self, sink: BodySink) -> None:
        """Hand over what is here and, from now on, what comes."""
        while self._pieces:  # a sink that resumes in the middle of it lets more come in
            piece = b"".join(self._pieces)
            self._pieces.clear()
            sink.data(piece)
        self._sink = sink
        self._tell_end()

    # ── the feeding side

    def receive(self, piece: bytes) -> None:
        """Take the next bytes."""
        self.size += len(piece)
        if self._limit is not None and self.size > self._limit:
            self.fail(_too_large(self._limit))
        elif self._sink is not None:
            self._sink.data(piece)
        elif self._pieces and len(self._pieces[-1]) < _SMALL_PIECE:
            self._pieces[-1] += piece
        else:
            self._pieces.append(piece)

    def finish(self) -> None:
        """There is no more."""
        if self._fault is None:
            self.is_whole = True
            if self._waiter is not None:
                self._wake()
            if self._sink is not None:
                self._tell_end()

    def fail(self, error: GatewayError) -> None:
        """The rest will not come, or is not wanted."""
        if self._fault is not None or self.is_whole:
            return
        self._fault = error
        self._pieces.clear()
        self._wake()
        self._tell_end()

    def _tell_end(self) -> None:
        if self._sink is None or self._is_told:
            return
        if self._fault is not None:
            self._is_told = True
            self._sink.fail(self._fault)
        elif self.is_whole:
            self._is_told = True
            self._sink.end()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _too_large(limit: int) -> GatewayError:
    return GatewayError("payload_too_large", f"The request's body is larger than the {limit:,} bytes that are allowed.")
