"""What of a session waits for the judges of replies: a response from its first word on, until they have spoken of it.

Each response waits by itself, whatever runs beside it. Nothing else does, but for what must not overtake: an event that
names an item, or a response, that waits. Of what is refused nothing goes on, and nothing that is asked for later. Pure.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.facts import Facts
from llmgateway.guarding.pieces import texts_of_reply
from llmgateway.guarding.stream import Passed
from llmgateway.ports.session import SessionShape
from llmgateway.wire.jsoncodec import decode

MAX_HELD: Final = 8 * 1024 * 1024  # bytes of all that waits in one session: as of a reply that is held whole
MAX_REFUSED: Final = 20_000  # items of a session that are remembered as refused
ENTRY: Final = 256  # bytes that an event takes beside its own

_TOO_LONG: Final = "The reply is too long for the route's guardrails."


class Entry(NamedTuple):
    """One event that waits. `is_own`: it is a part of what is judged; else it only keeps its place behind that.
    `is_asked`: judges look at what it says.
    """

    passed: Passed
    is_own: bool
    is_asked: bool
    is_sound: bool = False


@dataclass(slots=True, eq=False)
class Held:
    """What is judged in one: a response, or an event that is a part of none. `ended`: a response's last event. `item`:
    what an event is about; `is_answer`: the caller has asked for it.
    """

    owner: Hashable | None
    item: str | None = None
    is_answer: bool = False
    entries: list[Entry] = field(default_factory=list)
    items: set[str] = field(default_factory=set)
    ended: dict[str, Any] | None = None
    size: int = 0

    def asked(self) -> Iterator[Entry]:
        """What judges look at."""
        return (entry for entry in self.entries if entry.is_asked)


class Taken(NamedTuple):
    """What follows from an event: what goes on now, and what is to be judged now."""

    passed: Sequence[Passed] = ()
    ready: Sequence[Held] = ()


class Holding:
    """One session's. `facts`: what the caller has said himself is not asked about when it is repeated."""

    __slots__ = ("_facts", "_open", "_refused", "_shape", "_waits", "size")

    def __init__(self, shape: SessionShape, facts: Facts) -> None:
        self._shape = shape
        self._facts = facts
        self._open: dict[Hashable, Held] = {}
        self._waits: dict[Hashable, Held] = {}  # by the names of items and responses that something waits for
        self._refused: dict[Hashable, GatewayError] = {}  # items and responses
        self.size = 0

    def take(self, owner: Hashable | None, event: dict[str, Any], passed: Sequence[Passed], *, is_part: bool) -> Taken:
        """Take an event of a response (its name is `owner`), or any other. `is_part`: that response is not over.

        GatewayError guardrail_unsupported where so much can't be held, or why it was refused before.
        """
        item = self._shape.item(event)
        refusal = self._refused.get(item) or self._refused.get(owner)
        if refusal is not None:
            if self._shape.is_answer(event):
                raise refusal
            return Taken()
        if not is_part:
            return self._take_other((item, owner, *self._shape.behind(event)), event, passed)
        held = self._open.get(owner)
        if held is None:
            if not (self._shape.is_sound(event) or any(self._words(decode(each.logged)) for each in passed)):
                return Taken(passed)
            held = self._open[owner] = Held(owner)
        self._put(held, passed, (item, owner), is_own=True, is_asked=True, is_sound=self._shape.is_sound(event))
        if item is not None:
            held.items.add(item)
        if not self._shape.is_end(event):
            return Taken()
        held.ended = event
        del self._open[owner]
        return Taken((), [held])

    def _take_other(self, named: Sequence[Hashable | None], event: dict[str, Any], passed: Sequence[Passed]) -> Taken:
        names = [name for name in named if name is not None]
        item = self._shape.item(event)
        before = next((self._waits[name] for name in names if name in self._waits), None)
        is_own = before is not None and item in before.items
        is_asked = is_own or self._is_news(event)
        if before is None and not is_asked:
            return Taken(passed)
        if before is not None and before.owner in self._open:
            self._put(before, passed, names[:1], is_own=is_own, is_asked=is_asked)
            return Taken()
        held = Held(None, item, self._shape.is_answer(event))
        self._put(held, passed, names[:1], is_own=True, is_asked=is_asked)
        return Taken((), [held])

    def refusal(self, held: Held) -> GatewayError | None:
        """Why this can't go on whatever is said of it: what it is about was refused meanwhile."""
        return self._refused.get(held.item) if held.item is not None else None

    def finish(self) -> list[Held]:
        """Nothing more comes: what waits is judged as far as it has come."""
        held = [*self._open.values()]
        self._open = {}
        return held

    def drop(self, owner: Hashable, error: GatewayError) -> list[Passed]:
        """A response is refused before its end; gives what only kept its place behind it."""
        held = self._open.pop(owner, None)
        return self.refuse(held, error) if held is not None else []

    def refuse(self, held: Held, error: GatewayError) -> list[Passed]:
        """Nothing of this goes on; gives what only kept its place behind it."""
        self._let_go(held)
        for name in (held.owner, *held.items):
            if len(self._refused) >= MAX_REFUSED:
                raise GatewayError("guardrail_unsupported")
            if name is not None:
                self._refused[name] = error
        return [entry.passed for entry in held.entries if not entry.is_own]

    def release(self, held: Held) -> list[Passed]:
        """All of this goes on; of a response that was called off meanwhile no sound does: nobody is to hear it now."""
        self._let_go(held)
        is_quiet = held.ended is not None and self._shape.is_called_off(held.ended)
        return [entry.passed for entry in held.entries if not (is_quiet and entry.is_sound)]

    def _let_go(self, held: Held) -> None:
        self.size -= held.size
        self._waits = {name: each for name, each in self._waits.items() if each is not held}

    def _put(
        self,
        held: Held,
        passed: Sequence[Passed],
        names: Iterable[Hashable | None],
        *,
        is_own: bool,
        is_asked: bool,
        is_sound: bool = False,
    ) -> None:
        size = sum(_size(each) for each in passed)
        if self.size + size > MAX_HELD:
            raise GatewayError("guardrail_unsupported", _TOO_LONG)
        self.size += size
        held.size += size
        held.entries += [Entry(each, is_own, is_asked and not is_sound, is_sound) for each in passed]
        self._waits.update({name: held for name in names if name is not None})

    def _is_news(self, event: dict[str, Any]) -> bool:
        """Whether judges must see what an event says that is no part of a response."""
        words = self._words(event)
        return bool(words) and not all(self._facts.has(text) for text in words)

    def _words(self, event: Any) -> list[str]:
        return [said.piece.text for said in texts_of_reply(self._shape.words(event))]


def _size(passed: Passed) -> int:
    return ENTRY + len(passed.logged) + (len(passed.given) if passed.given is not passed.logged else 0)
