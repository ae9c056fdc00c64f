"""Request bodies out of the ordinary: of no announced length, or so long that the event loop must not touch them whole.

Copying, parsing and hashing 32 MB take 20 to 80 ms each. That happens in a thread here, in steps that are short enough
for the loop to take its turn between them; what later phases would look for again is noted on the request.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from llmgateway.config.snapshot import Bodies, Snapshot
from llmgateway.dataplane.call import Call, Request
from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.pieces import as_read
from llmgateway.ports.judge import Piece
from llmgateway.wire.jsonscan import parse_large

T = TypeVar("T")

LARGE: Final = 256 * 1024  # from here on parsing takes a millisecond, which is worth a thread's trouble
QUICK: Final = 32 * 1024  # from here on judging a body takes milliseconds
_SMALL_PIECE: Final = 16 * 1024  # smaller ones are joined: a byte kept for itself takes forty

# One thread, not several: they would take turns with each other at the interpreter's lock, and the loop would wait
# for all of them. The thread itself starts with the first large body.
_ASIDE: Final = ThreadPoolExecutor(1, thread_name_prefix="large-body")


async def read_large(call: Call, limit: int) -> bytes:
    """Read a body that is long, or may be; GatewayError as `Incoming.read`, and overloaded where there is no room.

    What has been claimed for it before is in `call.held`; beyond that, room is claimed as it comes.
    """
    gathered = _Gathered(call)
    call.incoming.stream(limit, gathered)
    await gathered.ended
    if gathered.error is not None:
        raise gathered.error
    if gathered.size <= LARGE:
        return b"".join(gathered.pieces)
    return await asyncio.get_running_loop().run_in_executor(_ASIDE, b"".join, gathered.pieces)


class _Gathered:
    """Collects pieces (http.body.BodySink) while there is room for them."""

    __slots__ = ("_call", "ended", "error", "pieces", "size")

    def __init__(self, call: Call) -> None:
        self._call = call
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.error: GatewayError | None = None
        self.pieces: list[bytes] = []
        self.size = 0

    def data(self, piece: bytes) -> None:
        if self.error is not None:
            return
        call, self.size = self._call, self.size + len(piece)
        if self.size > call.held:
            try:
                call.gateway.bodies.grow(self.size - call.held, call.held)
            except GatewayError as error:
                self.fail(error)
                return
            call.held = self.size
        if self.pieces and len(self.pieces[-1]) < _SMALL_PIECE:
            self.pieces[-1] += piece
        else:
            self.pieces.append(piece)

    def end(self) -> None:
        self._finish()

    def fail(self, error: GatewayError) -> None:
        self.error = error
        self.pieces.clear()
        self._finish()

    def _finish(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


async def understand(request: Request, snapshot: Snapshot) -> None:
    """Parse a large body, and note its members and, where it will not be stored whole, its hash.

    GatewayError as `wire.jsonscan.parse_object`.
    """
    loop = asyncio.get_running_loop()
    request.document, request.members = await loop.run_in_executor(_ASIDE, _parse, request.body, snapshot)
    journal = snapshot.journal
    if journal.bodies is Bodies.HASH or len(request.body) > journal.max_record_bytes:
        request.sha256 = await loop.run_in_executor(_ASIDE, _sha256, request.body)


async def judged_aside(judge: Callable[[bytes], bytes], body: bytes) -> bytes:
    """Judge a body; a long one in the thread for such, so that others have their turns. Raises what `judge` raises."""
    return await asked_aside(len(body), judge, body)


async def asked_aside(size: int, work: Callable[..., T], *about: Any) -> T:
    """The same for any question about a body of `size` bytes."""
    if size <= QUICK:
        return work(*about)
    return await asyncio.get_running_loop().run_in_executor(_ASIDE, work, *about)


async def read_aside(pieces: Sequence[Piece]) -> Sequence[Piece]:
    """Texts as judges read them."""
    return await asked_aside(size_of(pieces), as_read, pieces)


def size_of(pieces: Sequence[Piece]) -> int:
    """Characters of all of them."""
    return sum(len(text) for text, _ in pieces)


def _parse(body: bytes, snapshot: Snapshot) -> "tuple[dict[str, object], list[tuple[str, tuple[int, int]]]]":
    limits = snapshot.server
    return parse_large(body, max_depth=limits.max_json_depth, max_tokens=limits.max_json_tokens)


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
