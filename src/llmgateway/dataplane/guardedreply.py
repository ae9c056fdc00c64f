"""A reply that a route's guardrails must see before its caller does.

What is text is gathered or held back until it is judged; what cannot be judged (too long, a stream of unknown form)
does not pass. Sound, pictures and films do: no guardrail here could look into them.
"""

import logging
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
from llmgateway.guarding.body import Sieve
from llmgateway.guarding.chain import Chain
from llmgateway.guarding.encoded import begins_as_text
from llmgateway.guarding.farewell import farewell
from llmgateway.guarding.gathered import Gathered
from llmgateway.guarding.guards import as_text, sifted
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guarding.places import NOT_STORED, Places
from llmgateway.guarding.restore import restored, restored_json
from llmgateway.guarding.stream import GuardedStream
from llmgateway.ports.reader import ReplyReader
from llmgateway.ports.shape import StreamShape
from llmgateway.wire.jsoncodec import JsonError, decode, encode, unambiguous
from llmgateway.wire.query import readings
from llmgateway.wire.view import View, shown

_CHARSET: Final = re.compile(rb"charset\s*=\s*[\"']?([^\"';\s]*)")
_CHARSETS: Final = frozenset({b"utf-8", b"utf8", b"us-ascii", b"ascii", b"iso-8859-1", b"latin-1", b"windows-1252"})
logger = logging.getLogger(__name__)

UNREADABLE: Final = encode({"not_stored": "no guardrail can read it"})
_SAMPLE: Final = 1024  # bytes that tell sound and pictures from texts; of the quietest sound a fiftieth of a second
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
    gathers: bool = False  # judges must see all that a stream says


class GuardedReply(Reply):
    """See Reply; `guard` judges what comes."""

    __slots__ = ("_beat_at", "_beginning", "_came", "_is_judged", "_is_paused", "_is_sound", "gathered", "guard")

    def __init__(
        self, attempt: Attempt, reader: ReplyReader, clock: Clock, guard: ReplyGuard, secrets: Sequence[bytes]
    ) -> None:
        super().__init__(attempt, reader, clock, secrets=secrets)
        self.guard = guard
        self._came = 0.0  # when something last came from the backend
        self._beat_at = 0.0  # when Reply wants to look
        self._is_paused = False
        self._is_judged = False
        self._is_sound: bool | None = None  # or a picture, as it says; None: not known yet
        self._beginning = b""
        self.gathered: Gathered | None = None  # what a stream has said, for judges

    def on_head(self, status: int, headers: Headers) -> None:
        super().on_head(status, headers)
        if self.way is Way.WHOLE and not _is_readable(self.header(b"content-type") or b""):
            self.fail(GatewayError("guardrail_unsupported"))
        if self.way is Way.EVENTS:
            self._beat_at = self._clock.monotonic() + HOLD_S
            self._look_again()
            if self.guard.shape is None:
                self.fail(GatewayError("guardrail_unsupported"))

    @property
    def is_judged(self) -> bool:
        """Whether what it holds has been through its guardrails."""
        return self._is_judged or self.way is not Way.WHOLE

    def on_data(self, piece: bytes) -> None:
        self._came = self._clock.monotonic()
        self._safely(super().on_data, piece)

    def on_end(self, *, is_delimited: bool) -> None:
        self._safely(partial(super().on_end, is_delimited=is_delimited))

    def expire(self) -> None:
        """Beside what Reply does: text that waits for what follows it does not wait for ever."""
        if not self.done.done() and self.way is Way.EVENTS:
            self._safely(self._expire)

    def held_up(self, *, is_paused: bool) -> None:
        """Hear whether the caller reads: while he does not, the backend is not silent, it is kept waiting."""
        self._is_paused = is_paused
        self._came = self._clock.monotonic()

    def _expire(self) -> None:
        now = self._clock.monotonic()
        is_silent = not self._is_paused and now - self._came >= self.guard.hold_s
        if is_silent and self._outlet is not None and isinstance(self.flow, GuardedFlow):
            piece = self.flow.decide()
            if piece:
                self._pass(piece)
        if now >= self._beat_at:
            super().expire()
            self._beat_at = self.deadline or now + HEARTBEAT_S
        self._look_again()

    def _safely(self, work: Callable[..., None], *about: bytes) -> None:
        """A guardrail that fails ends this reply and nothing else."""
        try:
            work(*about)
        except GatewayError as error:
            self.fail(error)
        except Exception:
            logger.exception("a guardrail failed")
            self.fail(GatewayError("internal_error"))

    async def judge(self) -> None:
        """Judge a whole reply; `body()` is then what is logged. GatewayError guardrail_blocked."""
        guard, body = self.guard, self.body()
        is_plain = way_of(_media(self.header(b"content-type") or b"")) is Way.WHOLE
        if b"\0" in body and (is_plain or begins_as_text(body)):
            self._held, self._is_judged = [UNREADABLE], True
            raise GatewayError("guardrail_unsupported")  # a text in another encoding
        sieve = Sieve(guard.chain, Stage.REPLY, guard.notes, guard.placeholders, is_strict=True)
        try:
            logged = await judged_aside(partial(_sifted, sieve), body)
        except Blocked as verdict:
            self._held, self._is_judged = [await judged_aside(guard.mask, body)], True
            raise blocked(verdict) from None
        self._held, self._is_judged = [logged], True

    async def redact(self, places: Places) -> None:
        """Take out of a whole reply, which was judged, what somebody has found in it. GatewayError as `redacted`."""
        body, self._held = self.body(), [NOT_STORED]
        self._held = [await judged_aside(partial(places.redacted, placeholders=self.guard.placeholders), body)]

    async def given(self) -> bytes:
        """What the caller gets of a whole reply that was judged."""
        return await judged_aside(partial(_restored, self.guard.placeholders), self.body())

    def may_say(self, header: bytes) -> bool:
        """Whether the value of a backend's header may go on: it goes as it is or not at all."""
        chain = self.guard.chain
        if header in chain.clean:
            return True
        text = shown(header.decode("utf-8", "replace"))
        found = [hit for each in readings(text) for hit in chain.hits(View(each))]
        if any(hit.link.is_enforced for hit in found):
            return False
        if header.isascii() and not found:  # nobody looks again at what is remembered, those who only tell neither
            chain.remember(text)
        return True

    def _look_again(self) -> None:
        if not self.done.done():
            self.deadline = min(self._beat_at, self._clock.monotonic() + self.guard.hold_s)

    @staticmethod
    def _way_of(media: bytes) -> Way:
        way = way_of(media)
        is_text = not media.startswith(_NO_TEXT) or media.endswith(b"xml")
        return Way.WHOLE if way is Way.PIECES and is_text else way

    def _pieces(self, piece: bytes) -> None:
        """Sound and pictures pass, but not what only says to be one."""
        if self._is_sound is None:
            self._beginning += piece
            if len(self._beginning) < _SAMPLE:
                return
            piece = self._heard()
        if piece:
            super()._pieces(piece)

    def _finish(self) -> None:
        is_short = self.way is Way.PIECES and self._is_sound is None and self.fault is None
        if is_short and (beginning := self._heard()):
            super()._pieces(beginning)
        super()._finish()

    def _heard(self) -> bytes:
        """The beginning, which may go on; GatewayError guardrail_unsupported where it is a text."""
        beginning, self._beginning = self._beginning, b""
        self._is_sound = not begins_as_text(beginning)
        if not self._is_sound and beginning:
            raise GatewayError("guardrail_unsupported")
        return beginning

    def _new_flow(self) -> Flow:
        guard = self.guard
        if guard.shape is None:
            return super()._new_flow()  # nothing passes: see on_head
        self.gathered = Gathered() if guard.gathers else None
        stream = GuardedStream(guard.chain, guard.shape, guard.notes, guard.placeholders, self.gathered)
        restores = bool(guard.placeholders.values)
        return GuardedFlow(
            self.reader, stream, farewell(guard.shape, restores=restores) if guard.chain.refuses else None
        )

    def _too_long(self) -> None:
        self.fail(GatewayError("guardrail_unsupported", "The reply is too long for the route's guardrails."))


def _media(content_type: bytes) -> bytes:
    return content_type.partition(b";")[0].strip().lower()


def _is_readable(content_type: bytes) -> bool:
    """Whether what a caller reads out of the reply's bytes is what a guardrail reads."""
    charset = _CHARSET.search(content_type.lower())
    return charset is None or charset[1] in _CHARSETS


def _sifted(sieve: Sieve, body: bytes) -> bytes:
    """What goes on; judges will see of a member that comes twice what goes on, too."""
    logged = sifted(sieve, body)
    try:
        return unambiguous(logged, decode(logged))
    except JsonError:
        return logged
    except TypeError:  # nested too deep to be written
        raise GatewayError("guardrail_unsupported") from None


def _restored(placeholders: Placeholders, body: bytes) -> bytes:
    if not placeholders.values:
        return body
    try:
        decode(body)
    except JsonError:
        return as_text(partial(restored, placeholders=placeholders), body)
    return restored_json(body, placeholders)
