"""What a session's guardrails learn of what is said in it, where some must know that before they judge a reply."""

from typing import Any, Final

from llmgateway.guarding.facts import LEARNING, Facts
from llmgateway.guarding.guards import Guard
from llmgateway.guarding.pieces import texts_of_reply
from llmgateway.guarding.steps import Rules, Step
from llmgateway.guarding.stream import GuardedStream
from llmgateway.guarding.watching import said
from llmgateway.guarding.whereabouts import Whereabouts

_UNBOUND: Final = -1


class Learning:
    """Keeps the facts of one session, and its `stream` judged by them. What is made of facts is larger than they are,
    so it is kept only while something is being said.
    """

    __slots__ = ("_bound_at", "_learnt_at", "_rules", "_stream", "_where", "facts")

    def __init__(self, rules: Rules, stream: GuardedStream, where: Whereabouts) -> None:
        self._rules = rules
        self._stream = stream
        self._where = where
        self._bound_at = _UNBOUND  # the version of the facts that the stream is judged by
        self._learnt_at = 0  # the last one that it was
        self.facts = Facts()

    @property
    def burden(self) -> int:
        """What it costs to judge the backend's next message beside its own bytes, told in bytes."""
        is_new = self._rules.bind is not None and self.facts.version != self._learnt_at
        return LEARNING * self.facts.size if is_new else 0

    @property
    def bound(self) -> Guard | None:
        """The route's guard by what has been said so far; None where nobody must know."""
        bind = self._rules.bind
        return bind(self.facts.pieces()) if bind is not None else None

    def sent(self, step: Step) -> None:
        """Hear what of the caller's has gone on, in the form that it has in this step."""
        if step.is_standing:
            self.facts.stand(next((piece.text for piece in step.texts if piece.source == "system"), ""))
        self.facts.note(step.texts)

    def heard(self, event: dict[str, Any]) -> None:
        """Hear an event of the backend's before it is judged: what that tells of instructions is known, too."""
        standing = self._rules.shape.standing(event)
        if standing is not None:
            self.facts.stand(standing)
        elif self.is_echo(event):
            self.facts.note(said(event), is_own=False)
        if self._rules.bind is not None and self.facts.version != self._bound_at and self._is_news(event):
            self._bound_at = self._learnt_at = self.facts.version
            bound = self.bound
            self._stream.rebind(bound.reply if bound is not None else self._rules.reply)

    def is_echo(self, event: dict[str, Any]) -> bool:
        """Whether a backend's event repeats what its model was told, and is nothing that the model has said."""
        shape = self._rules.shape
        return shape.is_echo(event) and not self._where.is_of_something(shape.item(event))

    def _is_news(self, event: dict[str, Any]) -> bool:
        """Whether a model may say something here: else whoever makes an API repeat what it is told has much made of
        that each time.
        """
        shape = self._rules.shape
        if shape.owner(event) is not None:
            return True
        said = texts_of_reply(shape.words(event))
        return not self.is_echo(event) and not all(self.facts.has_heard(each.piece.text) for each in said)

    def rest(self) -> None:
        """Something is over: if nothing is being said any more, let go of what was made of the facts."""
        if self._rules.bind is not None and not self._stream.has_texts:
            self._bound_at = _UNBOUND
            self._stream.rebind(self._rules.reply)
