"""A session before a route's guardrails: what of its messages may go on, either way, and in which form. Pure.

The caller's events are judged each by itself, as requests are; the backend's as a stream is. What may not pass goes no
further, the caller is told with an event of the session's own kind, and the session goes on: of a response that is
blocked the rest is swallowed, its backend is told to stop, and its last event comes without a text.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from llmgateway.domain.errors import GatewayError
from llmgateway.domain.verdict import Stage
from llmgateway.guarding.body import Sieve
from llmgateway.guarding.chain import Chain
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.judging import JudgeLink, judge_all
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guarding.restore import names_in
from llmgateway.guarding.sound import holder_of, is_unheard, sounds, taken_out
from llmgateway.guarding.stream import GuardedStream, Passed
from llmgateway.guarding.watching import said
from llmgateway.ports.judge import Piece
from llmgateway.ports.session import Place, SessionShape
from llmgateway.wire.jsoncodec import decode, encode, unambiguous
from llmgateway.wire.jsonscan import parse_bounded, parse_object
from llmgateway.wire.jsontexts import unescaped
from llmgateway.wire.view import View, shown

MAX_OWNERS: Final = 10_000  # responses of one session that are remembered as over
MAX_ITEMS: Final = 20_000  # of all of them
MAX_ID: Final = 64
MAX_NAME: Final = 512  # characters of a backend's name for something that is remembered
_WRAPPED: Final = (KeyError, IndexError, TypeError)

_NO_SOUND: Final = "The route's guardrails can't judge sound: this session takes and gives texts only."
_SENSELESS: Final = "The route's guardrails can't read this event."


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for a session. `passes_sound`: sound goes through unjudged. `complain` writes an error as an event of
    the session; the second argument is the id of the caller's event that it is about.
    """

    request: Chain
    reply: Chain
    judges: Sequence[JudgeLink]
    shape: SessionShape
    complain: Callable[[GatewayError, str | None], bytes]
    blocked: Callable[[Blocked], GatewayError]
    max_depth: int
    max_tokens: int
    passes_sound: bool = False
    has_slow: bool = False  # somebody who takes his time must be asked about what the caller says
    restores: bool = False  # and what he finds may come back


@dataclass(slots=True)
class Step:
    """What follows from a message. `logged`: the backend's events as they may be recorded. `is_text`: the message had
    a piece of a text. `texts`: what those who take their time must be asked about before; `about`: the event's own id.
    """

    to_caller: list[bytes] = field(default_factory=list)
    to_backend: list[bytes] = field(default_factory=list)
    logged: list[bytes] = field(default_factory=list)
    is_text: bool = False
    texts: Sequence[Piece] = ()
    about: str | None = None

    def add(self, other: "Step") -> None:
        """Let this follow, too."""
        self.to_caller += other.to_caller
        self.to_backend += other.to_backend
        self.logged += other.logged


class GuardedSession:
    """Takes whole messages in order, each way; says what goes on. GatewayError where the session can't go on at all."""

    __slots__ = (
        "_asked",
        "_barred",
        "_checked",
        "_has_told_of_sound",
        "_is_strict",
        "_items",
        "_notes",
        "_over",
        "_placeholders",
        "_restores",
        "_rules",
        "_stream",
        "_told",
    )

    def __init__(self, rules: Rules, notes: Notes, placeholders: Placeholders) -> None:
        self._rules = rules
        self._notes = notes
        self._placeholders = placeholders
        self._stream = GuardedStream(rules.reply, rules.shape, notes, placeholders.closing())
        self._asked: Sequence[Piece] = ()  # the texts of the caller's last event, without sound
        self._barred: set[Hashable] = set()  # of these nothing more goes on
        self._over: set[Hashable] = set()
        self._items: dict[str, Hashable | None] = {}  # what each is of
        self._checked: tuple[Any, ...] | None = None  # where the last piece went
        self._told: set[Place] = set()  # where a text has been told whole
        self._has_told_of_sound = False
        self._restores = rules.restores or any(link.restore for link in rules.request.links)
        self._is_strict = bool(rules.request.enforced) or any(link.must_answer for link in rules.judges)
        self._is_strict = self._is_strict or rules.has_slow

    @property
    def is_waiting(self) -> bool:
        """Whether a part of a text may wait for what follows it."""
        return self._stream.is_waiting

    # --- the caller's

    def said(self, message: bytes) -> Step:
        """Take a message of the caller's."""
        about: str | None = None
        try:
            event = parse_object(message, max_depth=self._rules.max_depth, max_tokens=self._rules.max_tokens)
            about = _id(event)
            judged = self._judged(message, event)
            return Step(to_backend=[judged], texts=self._asked, about=about)
        except (Blocked, GatewayError) as verdict:
            return self.refusal(verdict, about)
        except _NoSound:
            return self._of_sound(about)

    def refusal(self, verdict: Blocked | GatewayError, about: str | None) -> Step:
        """What follows where an event of the caller's, which he calls `about`, may not go on."""
        error = self._rules.blocked(verdict) if isinstance(verdict, Blocked) else verdict
        return self._complaint(error, about)

    def refuse_bytes(self) -> Step:
        """Take a message that is no text, from either side: nobody can look into it."""
        return self._complaint(GatewayError("guardrail_unsupported", _SENSELESS), None)

    def _judged(self, message: bytes, event: dict[str, Any]) -> bytes:
        message = unambiguous(message, event)
        paths = list(sounds(event)) if self._is_strict else []
        if not paths:
            return self._sifted(message, event)
        if not self._rules.passes_sound:
            raise _NoSound
        unheard = [path for path in paths if is_unheard(event, path)]
        taken = taken_out(event, unheard)
        made = decode(self._sifted(encode(event), event))
        try:
            for path, sound in zip(unheard, taken, strict=True):
                holder_of(made, path)[path[-1]] = sound
        except _WRAPPED:  # a name on the way there was replaced
            raise GatewayError("guardrail_unsupported", _SENSELESS) from None
        return encode(made)

    def _sifted(self, message: bytes, event: dict[str, Any]) -> bytes:
        rules = self._rules
        if self._restores:
            self._placeholders.avoid(names_in(unescaped(message.decode())))
        if rules.judges:
            judge_all(rules.judges, list(said(event)), Stage.REQUEST, self._notes)
        sifted = Sieve(rules.request, Stage.REQUEST, self._notes, self._placeholders, is_strict=True).json(message)
        if rules.has_slow:
            self._asked = list(said(decode(sifted)))
        return sifted

    # --- the backend's

    def heard(self, message: bytes) -> Step:
        """Take a message of the backend's."""
        shape = self._rules.shape
        try:
            event = parse_bounded(message, self._rules.max_depth, self._rules.max_tokens)
        except GatewayError:
            return self._complaint(GatewayError("guardrail_unsupported", _SENSELESS), None)
        owner = shape.owner(event)
        if shape.is_odd(event) or _is_long(owner) or _is_long(event.get("type")):
            return self._complaint(GatewayError("guardrail_unsupported", _SENSELESS), None)
        if owner in self._over and shape.pieces(event).slots:
            return Step()  # whoever puts texts together could still put it to what has ended
        if owner in self._barred:
            return self._cut(owner, event, Step()) if shape.is_end(event) else Step()
        return self._of_sound(None) if self._is_silenced(event) else self._of_backend(owner, event, message)

    def _of_backend(self, owner: Hashable | None, event: dict[str, Any], message: bytes) -> Step:
        self._stream.at = None
        try:
            self._check_places(owner, event)
            step = _given(self._passed(owner, event, self._without_sound(message, event)))
        except (Blocked, GatewayError) as verdict:
            return self._bar(owner, event, verdict)
        step.is_text = self._stream.at is not None
        return step

    def decide(self) -> Step:
        """The backend has been silent for too long: give what waits as it is; what follows is judged beside it."""
        return self._of_each(self._stream.deciding)

    def finish(self) -> Step:
        """Nothing more comes from the backend: give what waits."""
        return self._of_each(self._stream.finishing)

    def _of_each(self, give: Callable[[], Iterator[Passed]]) -> Step:
        """Of every text what it gives: one that may not pass stops none of another owner's."""
        step = Step()
        while True:
            try:
                for passed in give():
                    step.add(_given([passed]))
            except (Blocked, GatewayError) as verdict:
                at = self._stream.at
                step.add(self._bar(at[0][0] if at is not None else None, {}, verdict))
            else:
                return step

    def _passed(self, owner: Hashable | None, event: dict[str, Any], message: bytes) -> list[Passed]:
        if owner is None or not self._rules.shape.is_end(event):
            return self._stream.event(b"", message)
        before = self._stream.end(lambda group: group[0] == owner)
        passed = self._stream.event(b"", message)
        self._is_over(owner)
        return [*before, *passed]

    def _bar(self, owner: Hashable | None, event: dict[str, Any], verdict: Blocked | GatewayError) -> Step:
        """Let nothing more through of what this is a part of."""
        error = self._rules.blocked(verdict) if isinstance(verdict, Blocked) else verdict
        if owner is None and self._stream.at is not None:
            raise error  # a text that is a part of nothing goes on and on, and nobody can call it off
        step = self._complaint(error, None)
        if owner is None:
            return step
        self._stream.forget(lambda group: group[0] == owner)
        if self._rules.shape.is_end(event):
            return self._cut(owner, event, step)
        if len(self._barred) >= MAX_OWNERS:
            raise GatewayError("guardrail_unsupported")
        self._barred.add(owner)
        cancel = self._rules.shape.cancel(owner)
        step.to_backend += [cancel] if cancel is not None else []
        return step

    def _cut(self, owner: Hashable | None, event: dict[str, Any], step: Step) -> Step:
        self._barred.discard(owner)
        self._is_over(owner)
        last = self._rules.shape.cut(event)
        if last is not None:
            try:
                given = _given(self._stream.event(b"", last))
            except (Blocked, GatewayError):  # it is in the response's name
                return step
            step.add(given)
        return step

    def _is_over(self, owner: Hashable | None) -> None:
        if len(self._over) >= MAX_OWNERS:
            raise GatewayError("guardrail_unsupported")
        self._over.add(owner)

    def _check_places(self, owner: Hashable | None, event: dict[str, Any]) -> None:
        """Clients put texts together by their items alone: an item is of one owner, and what has been told whole does
        not go on. GatewayError.
        """
        shape = self._rules.shape
        places, item = shape.places(event), shape.item(event)
        if not places or (owner, item, places) != self._checked:
            if isinstance(owner, str) or places:
                self._check_item(owner[0] if isinstance(owner, tuple) else owner, item)
            if any(place in self._told or place.whole in self._told for place in places):
                raise GatewayError("guardrail_unsupported", _SENSELESS)
            self._checked = owner, item, places
        for place in shape.told(event):
            if len(place.item) > MAX_NAME or len(self._told) >= MAX_ITEMS:
                raise GatewayError("guardrail_unsupported", _SENSELESS)
            self._told.add(place)
            self._checked = None

    def _check_item(self, owner: Hashable | None, item: str | None) -> None:
        if item is None:
            return
        is_full = len(item) > MAX_NAME or (len(self._items) >= MAX_ITEMS and item not in self._items)
        if is_full or self._items.setdefault(item, owner) != owner:
            raise GatewayError("guardrail_unsupported", _SENSELESS)

    # --- both

    def _complaint(self, error: GatewayError, about: str | None) -> Step:
        if about is not None and self._rules.request.enforced_hits(View(shown(about))):
            about = None
        return Step(to_caller=[self._rules.complain(error, about)])

    def _is_silenced(self, event: dict[str, Any]) -> bool:
        return not self._rules.passes_sound and bool(self._rules.reply) and self._rules.shape.is_sound(event)

    def _without_sound(self, message: bytes, event: dict[str, Any]) -> bytes:
        """A backend's event without what no guardrail can hear."""
        if self._rules.passes_sound or not self._rules.reply:
            return message
        if b"udio" not in message and b"UDIO" not in message and b"\\u00" not in message:
            return message
        paths = list(sounds(event))
        if not paths:
            return message
        taken_out(event, paths)
        return encode(event)

    def _of_sound(self, about: str | None) -> Step:
        """Sound goes no further; the caller is told of it once, for it comes fifty times a second."""
        if self._has_told_of_sound:
            return Step()
        self._has_told_of_sound = True
        return self._complaint(GatewayError("guardrail_unsupported", _NO_SOUND), about)


class _NoSound(Exception):  # noqa: N818 - it is a verdict, no error
    """An event with sound, which is not taken."""


def _given(passed: Sequence[Passed]) -> Step:
    return Step([each.given for each in passed], [], [each.logged for each in passed])


def _is_long(name: Any) -> bool:
    return len(name if isinstance(name, str) else str(name)) > MAX_NAME


def _id(event: Mapping[str, Any]) -> str | None:
    """The caller's own name of its event, if it is a name."""
    found = event.get("event_id")
    return found if isinstance(found, str) and found.isprintable() and len(found) <= MAX_ID else None
