"""A guarded stream on its way through: what EventFlow is for others, but nothing goes on before it was judged.

Events are written anew, so comments, ids and retry times of the backend's stream do not pass; no model API uses them.
"""

from collections.abc import Callable

from llmgateway.dataplane.eventflow import FREE_LINES, MIN_BYTES_A_LINE
from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.stream import GuardedStream, Passed
from llmgateway.ports.reader import ReplyReader
from llmgateway.wire.sse import SseDecoder


def blocked(verdict: Blocked) -> GatewayError:
    """What a caller is told: the category, never the match."""
    return GatewayError("guardrail_blocked", f"A guardrail does not let this pass: {verdict.hit.kind}.")


def _judged(judge: Callable[..., list[Passed]], *about: bytes) -> list[Passed]:
    try:
        return judge(*about)
    except Blocked as verdict:
        raise blocked(verdict) from None


class GuardedFlow:
    """Feeds a reader with what is logged, and gives what may go on to the caller.

    GatewayError guardrail_blocked where the stream must end.
    """

    __slots__ = ("_decoder", "_lines", "_reader", "_size", "_stream", "is_parted", "raw")

    def __init__(self, reader: ReplyReader, stream: GuardedStream) -> None:
        self._decoder = SseDecoder()
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
                self._pass(_judged(self._stream.event, name, data), out)
        return b"".join(out)

    def defer(self, piece: bytes) -> bool:  # noqa: ARG002 - nothing goes on unread
        return False

    def catch_up(self) -> None:
        """Nothing has gone on unread."""

    def decide(self) -> bytes:
        """The stream has been silent for too long: give what waits, as if nothing followed it."""
        out: list[bytes] = []
        self._pass(_judged(self._stream.decide), out)
        return b"".join(out)

    def finish(self) -> bytes:
        """The backend has closed its stream; give what is left of whole events, and what waits."""
        out: list[bytes] = []
        pending = self._decoder.finish()
        if pending is not None and pending[1] and not self._reader.is_finished:
            self._pass(_judged(self._stream.event, pending[0], pending[1]), out)
        self._pass(_judged(self._stream.finish), out)
        return b"".join(out)

    def _pass(self, passed: list[Passed], out: list[bytes]) -> None:
        for name, logged, given in passed:
            self._reader.event(name, logged)
            head = b"event: " + name + b"\n" if name else b""
            out.append(head + b"data: " + given.replace(b"\n", b"\ndata: ") + b"\n\n")
