"""A session before a route's guardrails: what of its messages may go on, either way, and in which form. Pure.

The caller's events are judged each by itself, as requests are; the backend's as a stream is. What may not pass goes no
further, the caller is told with an event of the session's own kind, and the session goes on: of a response that is
blocked the rest is swallowed, its backend is told to stop, and its last event comes without a text.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Final

from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.guards import Guard
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.holding import Held, Holding, Taken
from llmgateway.guarding.learning import Learning
from llmgateway.guarding.names import Names, Owners, is_long
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.pieces import Said
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guarding.saying import Saying
from llmgateway.guarding.steps import Complaints, Rules, Step
from llmgateway.guarding.stream import GuardedStream, Passed
from llmgateway.guarding.trust import Said as Why
from llmgateway.guarding.whereabouts import Whereabouts, senseless
from llmgateway.ports.judge import Piece
from llmgateway.ports.shape import Pieces
from llmgateway.wire.jsoncodec import decode
from llmgateway.wire.jsonscan import parse_bounded

_TOO_LATE: Final = "The response did not end in time for the route's guardrails."


class GuardedSession:
    """Takes whole messages in order, each way; says what goes on. GatewayError where the session can't go on at all."""

    __slots__ = ("_complaints", "_holding", "_learning", "_names", "_owners", "_rules", "_saying", "_stream", "_where")

    def __init__(self, rules: Rules, notes: Notes, placeholders: Placeholders) -> None:
        self._rules = rules
        self._stream = GuardedStream(rules.reply, rules.shape, notes, placeholders.closing())
        self._names = names = Names()
        self._owners = Owners(names)
        self._where = Whereabouts(rules.shape, names)
        self._complaints = Complaints(rules)
        self._learning = learning = Learning(rules, self._stream, self._where) if rules.tells else None
        self._holding: Holding | None = None
        if rules.holds and learning is not None:
            self._holding = Holding(rules.shape, learning.facts, names, now=rules.now, may_pass=rules.may_pass)
        self._saying = Saying(rules, notes, placeholders, self._complaints)

    @property
    def is_waiting(self) -> bool:
        """Whether a part of a text may wait for what follows it."""
        return self._stream.is_waiting

    @property
    def burden(self) -> int:
        """What it costs to judge the backend's next message beside its own bytes, told in bytes."""
        return self._learning.burden if self._learning is not None else 0

    @property
    def held(self) -> int:
        """How much is kept of what has been said, and waits to be judged; in bytes, or characters."""
        kept = self._names.size + self._stream.carried
        kept += self._learning.facts.size if self._learning is not None else 0
        return kept + (self._holding.size if self._holding is not None else 0)

    @property
    def context(self) -> Sequence[Piece]:
        """What has been said so far, for those who judge what is answered."""
        return self._learning.facts.pieces(are_own=True) if self._learning is not None else ()

    @property
    def bound(self) -> Guard | None:
        """The route's guard by what has been said so far; None where nobody must know."""
        return self._learning.bound if self._learning is not None else None

    # --- the caller's

    def said(self, message: bytes) -> Step:
        """Take a message of the caller's."""
        return self._saying.take(message)

    def sent(self, step: Step) -> None:
        """Hear that an event of the caller's has gone on, in the form that it has in this step."""
        if self._learning is not None and step.texts:
            self._learning.sent(step)

    def refusal(self, verdict: Blocked | GatewayError, about: str | None) -> Step:
        """What follows where an event of the caller's, which he calls `about`, may not go on."""
        return self._complaints.of(verdict, about)

    def refuse_bytes(self) -> Step:
        """Take a message that is no text, from either side: nobody can look into it."""
        return self._complaints.of(senseless())

    # --- the backend's

    def heard(self, message: bytes) -> Step:
        """Take a message of the backend's."""
        shape = self._rules.shape
        try:
            event = parse_bounded(message, self._rules.max_depth, self._rules.max_tokens)
        except GatewayError:
            return self._complaints.of(senseless())
        owner = shape.owner(event)
        if shape.is_odd(event) or is_long(owner) or is_long(event.get("type")):
            return self._complaints.of(senseless())
        if self._owners.is_over(owner) and shape.pieces(event).slots:
            return Step()  # whoever puts texts together could still put it to what has ended
        if self._owners.is_barred(owner):
            return self._cut(owner, shape.cut(event), Step()) if shape.is_end(event) else Step()
        if self._rules.silences and shape.is_sound(event):
            return self._complaints.of_sound()
        return self._of_backend(owner, event, message)

    def _of_backend(self, owner: Hashable | None, event: dict[str, Any], message: bytes) -> Step:
        self._stream.at = None
        try:
            self._where.check(owner, event)
            if self._learning is None:
                step = _given(self._passed(owner, event, self._rules.heard(message, event)))
            else:
                step = self._learnt(self._learning, owner, event, message)
        except (Blocked, GatewayError) as verdict:
            return self._bar(owner, event, verdict)
        step.is_text = self._stream.at is not None
        return step

    def _learnt(self, learning: Learning, owner: Hashable | None, event: dict[str, Any], message: bytes) -> Step:
        """The same where somebody must know what has been said, or judge the whole of what this is a part of."""
        is_part = self._owners.is_open(owner)
        learning.heard(event)
        try:
            if self._holding is not None and owner is None and _has_pieces(self._rules.shape.pieces(event)):
                raise senseless()  # a text that is a part of nothing is never whole
            is_echo = owner is None and learning.is_echo(event)
            passed = self._passed(owner, event, self._rules.heard(message, event), is_echo=is_echo)
            return self._held(owner, event, passed, is_part=is_part)
        finally:
            if owner is None or self._rules.shape.is_end(event):
                learning.rest()

    def decide(self) -> Step:
        """The backend has been silent for too long: give what waits as it is; what follows is judged beside it."""
        return self._of_each(self._stream.deciding)

    def finish(self) -> Step:
        """Nothing more comes from the backend: give what waits."""
        step = self._of_each(self._stream.finishing)
        if self._holding is not None:
            step.ready = [*step.ready, *self._holding.finish()]
        return step

    def _of_each(self, give: Callable[[], Iterator[Passed]]) -> Step:
        """Of every text what it gives: one that may not pass stops none of another owner's."""
        step = Step()
        while True:
            try:
                for passed in give():
                    step.add(self._left(passed))
            except (Blocked, GatewayError) as verdict:
                at = self._stream.at
                step.add(self._bar(at[0][0] if at is not None else None, {}, verdict))
            else:
                return step

    def _left(self, passed: Passed) -> Step:
        """What was left of a text, which has an event of its own."""
        if self._holding is None:
            return _given([passed])
        event = decode(passed.logged)
        owner = self._rules.shape.owner(event)
        return self._held(owner, event, [passed], is_part=self._owners.is_open(owner))

    def _held(self, owner: Hashable | None, event: dict[str, Any], passed: Sequence[Passed], *, is_part: bool) -> Step:
        """What has passed goes on, unless somebody must judge the whole of what it is a part of."""
        if self._holding is None:
            return _given(passed)
        return _taken(self._holding.take(owner, event, passed, is_part=is_part))

    def released(self, held: Held, said: Sequence[Said]) -> Step:
        """What follows where this, which says that, has been judged and may go on."""
        assert self._holding is not None
        assert self._learning is not None
        if held.is_gone:
            return Step()
        if (error := self._holding.refusal(held)) is not None:
            return self.refused(held, error)
        self._learning.facts.note(each.piece for each in said)
        return _taken(self._holding.release(held))

    def refused(self, held: Held, error: GatewayError) -> Step:
        """What follows where it may not."""
        assert self._holding is not None
        if held.is_gone:
            return Step()
        is_told = held.is_answer or self._holding.refusal(held) is None
        step = self._complaints.of(error) if is_told else Step()
        others = self._holding.refuse(held, error)
        if held.cut is not None:
            step = self._cut(held.owner, held.cut, step)
        step.add(_taken(others))
        return step

    @property
    def due_at(self) -> float | None:
        """When a response has waited for its end for too long; None where none waits."""
        return self._holding.due_at if self._holding is not None else None

    def overdue(self) -> Step:
        """Time is up: what has not ended waits no longer."""
        step = Step()
        for owner in self._holding.overdue() if self._holding is not None else ():
            step.add(self._given_up(owner, Why.TIMEOUT, GatewayError("guardrail_unavailable", _TOO_LATE)))
        return step

    def relieved(self, error: GatewayError) -> Step:
        """There is no room for what waits: that which takes most is given up. Raises `error` where nothing is."""
        held = self._holding.largest() if self._holding is not None else None
        if held is None or self._holding is None:
            raise error
        if held.owner is not None and self._holding.is_growing(held):
            return self._given_up(held.owner, Why.OVERLOADED, error)
        passes = self._rules.may_pass(Why.OVERLOADED)
        step = _taken(self._holding.release(held)) if passes else self.refused(held, error)
        held.is_gone = True
        return step

    def _given_up(self, owner: Hashable, why: Why, error: GatewayError) -> Step:
        """It goes on unjudged where judges may be passed over, or has failed: nobody knows whether it ever ends."""
        taken = self._holding.let_go(owner, why) if self._holding is not None else None
        if taken is not None:
            return _taken(taken)
        step = self._bar(owner, {}, error)
        self._owners.tell(owner)
        return self._closed(self._rules.shape.failed(owner, error), step)

    def _passed(
        self, owner: Hashable | None, event: dict[str, Any], message: bytes, *, is_echo: bool = False
    ) -> list[Passed]:
        if owner is None or not self._rules.shape.is_end(event):
            return self._stream.echo(message) if is_echo else self._stream.event(b"", message)
        before = self._stream.end(lambda group: group[0] == owner)
        passed = self._stream.event(b"", message)
        self._owners.end(owner)
        return [*before, *passed]

    def _bar(self, owner: Hashable | None, event: dict[str, Any], verdict: Blocked | GatewayError) -> Step:
        """Let nothing more through of what this is a part of."""
        if owner is None and self._stream.at is not None:
            # a text that is a part of nothing goes on and on, and nobody can call it off
            raise self._rules.error_of(verdict)
        step = self._complaints.of(verdict)
        if owner is None:
            return step
        self._stream.forget(lambda group: group[0] == owner)
        if self._holding is not None:
            step.add(_taken(self._holding.drop(owner, self._rules.error_of(verdict))))
        if self._rules.shape.is_end(event):
            return self._cut(owner, self._rules.shape.cut(event), step)
        self._owners.bar(owner)
        cancel = self._rules.shape.cancel(owner)
        step.to_backend += [cancel] if cancel is not None else []
        return step

    def _cut(self, owner: Hashable | None, last: bytes | None, step: Step) -> Step:
        is_told = self._owners.is_told(owner)
        if owner is not None:
            self._owners.end(owner)
        step = self._closed(last, step)
        return Step(logged=step.logged) if is_told else step

    def _closed(self, last: bytes | None, step: Step) -> Step:
        """Let the last event of a response follow."""
        if last is not None:
            try:
                given = _given(self._stream.event(b"", last))
            except (Blocked, GatewayError):  # it is in the response's name
                return step
            step.add(given)
        return step


def _has_pieces(pieces: Pieces) -> bool:
    return any(slot.holder[slot.key] for slot in pieces.slots)


def _taken(taken: Taken) -> Step:
    step = _given(taken.passed)
    step.ready = taken.ready
    return step


def _given(passed: Sequence[Passed]) -> Step:
    return Step([each.given for each in passed], [], [each.logged for each in passed])
