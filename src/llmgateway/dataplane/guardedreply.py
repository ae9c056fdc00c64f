"""A reply that a route's guardrails must see before its caller does.

What is text is gathered or held back until it is judged; what cannot be judged (too long, a stream of unknown form)
does not pass. Sound, pictures and films do: no guardrail here could look into them.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from llmgateway.dataplane.bodies import judged_aside
from llmgateway.dataplane.guardedflow import GuardedFlow, blocked
from llmgateway.dataplane.reply import HEARTBEAT_S, HOLD_S, Flow, Headers, Reply, Way, way_of
from llmgateway.domain.clock import Clock
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.exchange import Attempt
from llmgateway.domain.verdict import Stage
from llmgateway.guarding.body import Judge
from llmgateway.guarding.chain import Chain
from llmgateway.guarding.guards import as_text, judged
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guarding.restore import restored, restored_json
from llmgateway.guarding.stream import GuardedStream
from llmgateway.ports.reader import ReplyReader
from llmgateway.ports.shape import StreamShape
from llmgateway.wire.jsoncodec import JsonError, decode, encode

_CHARSET: Final = re.compile(rb"charset\s*=\s*[\"']?([^\"';\s]*)")
_CHARSETS: Final = frozenset({b"utf-8", b"utf8", b"us-ascii", b"ascii", b"iso-8859-1", b"latin-1", b"windows-1252"})
UNREADABLE: Final = encode({"not_stored": "no guardrail can read it"})
_NO_TEXT: Final = (b"audio/", b"image/", b"video/")


@dataclass(frozen=True, slots=True)
class ReplyGuard:
    """What judges one attempt's reply. `shape`: of the operation's streams, None where nobody knows it."""

    chain: Chain
    mask: Callable[[bytes], bytes]  # a body as it may be stored
    shape: StreamShape | None
    notes: Notes
    placeholders: Placeholders
    hold_s: float


class GuardedReply(Reply):
    """See Reply; `guard` judges what comes."""

    __slots__ = ("_came", "guard")

    def __init__(
        self, attempt: Attempt, reader: ReplyReader, clock: Clock, guard: ReplyGuard, secrets: Sequence[bytes]
    ) -> None:
        super().__init__(attempt, reader, clock, secrets=secrets)
        self.guard = guard
        self._came = 0.0  # when something last came from the backend

    def on_head(self, status: int, headers: Headers) -> None:
        super().on_head(status, headers)
        if self.way is Way.WHOLE and not _is_readable(self.header(b"content-type") or b""):
            self._failed(GatewayError("guardrail_unsupported"))
        if self.way is Way.EVENTS:
            self._look_again(HOLD_S)
            if self.guard.shape is None:
                self._failed(GatewayError("guardrail_unsupported"))

    def on_data(self, piece: bytes) -> None:
        self._came = self._clock.monotonic()
        super().on_data(piece)

    def expire(self) -> None:
        """Beside what Reply does: text that waits for what follows it does not wait for ever."""
        if self.done.done() or self.way is not Way.EVENTS:
            return
        if isinstance(self.flow, GuardedFlow) and self._clock.monotonic() - self._came >= self.guard.hold_s:
            try:
                piece = self.flow.decide()
            except GatewayError as error:
                self._failed(error)
                return
            if piece:
                self._pass(piece)
        super().expire()
        self._look_again(HEARTBEAT_S)

    async def judged(self) -> bytes:
        """What the caller gets of a whole reply; `body()` is then what is logged. GatewayError guardrail_blocked."""
        guard, body = self.guard, self.body()
        if b"\0" in body and way_of(_media(self.header(b"content-type") or b"")) is Way.WHOLE:
            self._held = [UNREADABLE]
            raise GatewayError("guardrail_unsupported")  # a text in another encoding
        judge = Judge(guard.chain, Stage.REPLY, guard.notes, guard.placeholders)
        try:
            logged = await judged_aside(partial(judged, judge), body)
        except Blocked as verdict:
            self._held = [await judged_aside(guard.mask, body)]
            raise blocked(verdict) from None
        self._held = [logged]
        return await judged_aside(partial(_restored, guard.placeholders), logged)

    def _look_again(self, within_s: float) -> None:
        soon = self._clock.monotonic() + min(within_s, self.guard.hold_s)
        self.deadline = soon if self.deadline is None else min(self.deadline, soon)

    @staticmethod
    def _way_of(media: bytes) -> Way:
        way = way_of(media)
        return Way.WHOLE if way is Way.PIECES and not media.startswith(_NO_TEXT) else way

    def _new_flow(self) -> Flow:
        guard = self.guard
        if guard.shape is None:
            return super()._new_flow()  # nothing passes: see on_head
        return GuardedFlow(self.reader, GuardedStream(guard.chain, guard.shape, guard.notes, guard.placeholders))

    def _too_long(self) -> None:
        self._failed(GatewayError("guardrail_unsupported", "The reply is too long for the route's guardrails."))

    def _events_ended(self) -> None:
        try:
            super()._events_ended()
        except GatewayError as error:
            self._failed(error)


def _media(content_type: bytes) -> bytes:
    return content_type.partition(b";")[0].strip().lower()


def _is_readable(content_type: bytes) -> bool:
    """Whether what a caller reads out of the reply's bytes is what a guardrail reads."""
    charset = _CHARSET.search(content_type.lower())
    return charset is None or charset[1] in _CHARSETS


def _restored(placeholders: Placeholders, body: bytes) -> bytes:
    if not placeholders.values:
        return body
    try:
        decode(body)
    except JsonError:
        return as_text(partial(restored, placeholders=placeholders), body)
    return restored_json(body, placeholders)
