"""A guarded stream on its way through: what EventFlow is for others, but nothing goes on before it was judged.

Events are written anew, so comments, ids and retry times of the backend's stream do not pass; no model API uses them.
"""

import logging
from collections.abc import Callable

from llmgateway.dataplane.eventflow import FREE_LINES, MIN_BYTES_A_LINE
from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.farewell import Farewell
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.stream import GuardedStream, Passed
from llmgateway.ports.reader import ReplyReader
from llmgateway.wire.sse import SseDecoder

logger = logging.getLogger(__name__)


def blocked(verdict: Blocked) -> GatewayError:
    """What a caller is told: the category, never the match, or in the operator's words."""
    link, kind = verdict.hit.link, verdict.hit.kind
    return GatewayError("guardrail_blocked", f"A guardrail does not let this pass: {kind}.", refusal=link.refusal)


def fault_of(error: Exception) -> GatewayError:
    """What ends that in which this was raised: a guardrail that fails ends it, and nothing else."""
    if isinstance(error, GatewayError):
        return error
    logger.error("a guardrail failed", exc_info=error)
    return GatewayError("internal_error")


class GuardedFlow:
    """Feeds a reader with what is logged, and gives what may go on to the caller.

    GatewayError guardrail_blocked where the stream must end; `unsent` is then what came in the same piece before it.
    """

    __slots__ = ("_decoder", "_farewell", "_lines", "_reader", "_size", "_stream", "is_parted", "raw", "unsent")

    def __init__(self, reader: ReplyReader, stream: GuardedStream, farewell: Farewell | None = None) -> None:
        self._decoder = SseDecoder()
        self._farewell = farewell
        self.unsent = b""
        self._reader = reader
        self._stream = stream
        self._lines = 0
        self._size = 0
        self.is_parted = False
        self.raw: list[bytes] = []  # as it came it is stored nowhere

    @property
    def may_interject(self) -> bool:
        """Whether a comment could be put in here: events go on whole, so always."""
        return True

    @property
    def is_read(self) -> bool:
        """Whether every event was short enough to be looked into."""
        return not self._decoder.overlong

    def feed(self, piece: bytes) -> bytes:
        """Take the next bytes; give what may go on. GatewayError upstream_protocol for a flood of tiny lines."""
        self._size += len(piece)
        self._lines += max(piece.count(b"\n"), piece.count(b"\r"))
        if self._lines > FREE_LINES and self._size < self._lines * MIN_BYTES_A_LINE:
            raise GatewayError("upstream_protocol", "The backend's stream comes in too many tiny lines.")
        out: list[bytes] = []
        for name, data, _ in self._decoder.feed(piece):
            if data and not self._reader.is_finished:
                self._judge(out, self._stream.event, name, data)
        return b"".join(out)

    def defer(self, piece: bytes) -> bool:  # noqa: ARG002 - nothing goes on unread
        return False

    def catch_up(self) -> None:
        """Nothing has gone on unread."""

    def decide(self) -> bytes:
        """The stream has been silent for too long: give what waits, as if nothing followed it."""
        out: list[bytes] = []
        self._judge(out, self._stream.decide)
        return b"".join(out)

    def finish(self) -> bytes:
        """The backend has closed its stream; give what is left of whole events, and what waits."""
        out: list[bytes] = []
        pending = self._decoder.finish()
        if pending is not None and pending[1] and not self._reader.is_finished:
            self._judge(out, self._stream.event, pending[0], pending[1])
        self._judge(out, self._stream.finish)
        return b"".join(out)

    def farewell(self, text: str) -> bytes | None:
        """End a blocked stream well, with these words; b"" where it has not begun, None where nobody knows how."""
        words = self._farewell.words(text, self._stream.at) if self._farewell is not None else None
        if words is None:
            return None
        self._farewell = None
        out: list[bytes] = []
        self._pass(words, out)
        return b"".join(out)

    def _judge(self, out: list[bytes], judge: Callable[..., list[Passed]], *about: bytes) -> None:
        try:
            passed = judge(*about)
        except Blocked as verdict:
            self.unsent = b"".join(out)
            raise blocked(verdict) from None
        self._pass(passed, out)

    def _pass(self, passed: list[Passed], out: list[bytes]) -> None:
        farewell = self._farewell
        for each in passed:
            name, logged, given = each
            self._reader.event(name, logged)
            if farewell is not None:
                farewell.saw(each)
            head = b"event: " + name + b"\n" if name else b""
            out.append(head + b"data: " + given.replace(b"\n", b"\ndata: ") + b"\n\n")
