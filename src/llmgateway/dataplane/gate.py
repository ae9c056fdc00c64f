"""Between a stream and its caller, where judges must have seen what it says before he does.

Those that can be asked about parts are, a window at a time, and what they have passed goes on. Others need the whole:
until it is there and judged, nothing goes on.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from llmgateway.dataplane.attempt import Dispatched
from llmgateway.dataplane.call import Call
from llmgateway.dataplane.opinions import Opinion, texts_so_far
from llmgateway.dataplane.reply import HEARTBEAT, MAX_WHOLE
from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.judging import JudgeLink
from llmgateway.guarding.pieces import Windows
from llmgateway.ports.judge import Piece

logger = logging.getLogger(__name__)

WINDOW: Final = 2_000  # bytes of text that judges are asked about at once; those of Japanese are fewer characters
_LONG: Final = 32_000
_SHARE: Final = 16  # of a long one at least such a part: all that has been said is put together each time
MAX_WAITING: Final = 256 * 1024  # of events; the backend is read no further while so many wait


def window(seen: int) -> int:
    """How many bytes of text must have come before judges are asked again, once they have seen so many."""
    return WINDOW if seen < _LONG else seen // _SHARE


async def judged(call: Call, sent: Dispatched, opinion: Opinion, begin: Callable[[], None]) -> None:
    """Let a stream through to its end, with all its judges asked about it. GatewayError as `Opinion.ask`."""
    reply = sent.reply
    if not opinion.must_answer:
        begin()
        reply.release(call.incoming)
        await reply.done
        await opinion.whole(reply)
        return
    gate = Gate(call, sent, opinion, begin)
    call.incoming.on_writable = gate.writable
    try:
        reply.release(gate)
        await reply.done
        await gate.finish()
    finally:
        gate.close()


class Gate:
    """An outlet (dataplane.reply.Outlet). `begin` begins the caller's reply, once something may go on.

    A judge that does not let something pass fails the reply; `finish` raises what the caller is told.
    """

    def __init__(self, call: Call, sent: Dispatched, opinion: Opinion, begin: Callable[[], None]) -> None:
        self._call = call
        self._sent = sent
        self._opinion = opinion
        self._begin = begin
        links = opinion.links
        self._in_parts = [link for link in links if link.is_windowed]
        self._in_whole = [link for link in links if not link.is_windowed]
        self._lets_parts_go = bool(self._in_parts) and not any(link.must_answer for link in self._in_whole)
        self._windows = Windows()
        self._seen = 0
        self._waiting: list[bytes] = []
        self._waiting_size = 0
        self._asking: asyncio.Future[None] | None = None
        self._failure: GatewayError | None = None

    def write(self, piece: bytes) -> None:
        """Take the next events."""
        if piece is HEARTBEAT:
            if self._call.incoming.is_begun:
                self._call.incoming.write(piece)
            return
        self._waiting.append(piece)
        self._waiting_size += len(piece)
        if not self._lets_parts_go:
            if self._waiting_size > MAX_WHOLE:
                self._fail(GatewayError("guardrail_unsupported", "The reply is too long for the route's guardrails."))
        else:
            self._look()
            self._flow()

    def writable(self, is_writable: bool) -> None:  # noqa: FBT001 - the transport's callback
        """Hear whether the caller reads."""
        if is_writable:
            self._flow()
        else:
            self._sent.writable(False)

    async def finish(self) -> None:
        """The stream is over: have the rest judged, and let it go. GatewayError as `Opinion.ask`."""
        while self._asking is not None:
            await self._asking
        if self._failure is not None:
            raise self._failure
        said = await texts_so_far(self._sent.reply)
        await self._opinion.ask(self._in_parts, self._windows.take(said))
        await self._opinion.ask_of(self._in_whole, said)
        self._let_go(self._waiting)

    def close(self) -> None:
        """Nobody waits any more."""
        if self._asking is not None:
            self._asking.cancel()

    def _flow(self) -> None:
        """Read the backend on where neither judges nor the caller are too far behind."""
        if self._sent.reply.is_over:
            return
        self._sent.writable(self._waiting_size <= MAX_WAITING and self._call.incoming.is_writable)

    def _look(self) -> None:
        said = self._sent.reply.reader.said
        has_grown = said - self._seen >= window(self._seen)
        is_due = has_grown or self._waiting_size > MAX_WAITING  # events may say next to nothing
        if self._asking is None and self._failure is None and is_due:
            self._seen = said
            covered, self._waiting, self._waiting_size = self._waiting, [], 0
            self._asking = asyncio.ensure_future(self._judged(self._in_parts, covered))

    async def _judged(self, links: Sequence[JudgeLink], covered: list[bytes]) -> None:
        try:
            pieces: list[Piece] = self._windows.take(await texts_so_far(self._sent.reply))
            await self._opinion.ask(links, pieces)
        except GatewayError as error:
            self._fail(error)
            return
        except Exception:
            logger.exception("a guardrail failed")
            self._fail(GatewayError("internal_error"))
            return
        finally:
            self._asking = None
        self._let_go(covered)
        self._look()
        self._flow()

    def _let_go(self, pieces: list[bytes]) -> None:
        if not self._call.incoming.is_begun:
            self._begin()
        self._call.incoming.write(b"".join(pieces))

    def _fail(self, error: GatewayError) -> None:
        self._failure = self._failure or error
        self._waiting = []
        self._sent.reply.fail(error)
