"""What of a session waits for the judges of replies: a response from its first word on, until they have spoken of it.

Each response waits by itself, whatever runs beside it. Nothing else does, but for what must not overtake: an event that
names an item, or a response, that waits. Of what is refused nothing goes on, and nothing that is asked for later. Pure.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.facts import Facts
from llmgateway.guarding.names import Names
from llmgateway.guarding.pieces import texts_of_reply
from llmgateway.guarding.stream import Passed
from llmgateway.guarding.trust import Said
from llmgateway.ports.session import SessionShape
from llmgateway.wire.jsoncodec import decode

MAX_HELD: Final = 8 * 1024 * 1024  # bytes of all that waits in one session: as of a reply that is held whole
MAX_WAIT_S: Final = 300.0  # from a response's first word to its end
MAX_REFUSED: Final = 20_000  # items and responses of a session that are remembered as refused
MAX_MET: Final = 20_000  # items of a session that the caller has heard of
ENTRY: Final = 256  # bytes that an event takes beside its own

_TOO_LONG: Final = "The reply is too long for the route's guardrails."


class Entry(NamedTuple):
    """One event that waits. `is_asked`: judges look at what it says."""

    passed: Passed
    is_asked: bool
    is_sound: bool = False


@dataclass(slots=True, eq=False)
class Held:
    """What is judged in one: a response, or an event that is a part of none. `item`: what such an event is about;
    `is_answer`: the caller has asked for it.

    Of a response, `items` are its own; `cut` is its last event as it is told where it is refused; `is_called_off`: its
    caller wanted no more of it. `behind`: what only keeps its place behind it. `names`: of what waits for it. `until`:
    when it must have ended. `is_gone`: what follows from it has followed, whatever is still said of it.
    """

    owner: Hashable | None
    item: str | None = None
    is_answer: bool = False
    entries: list[Entry] = field(default_factory=list)
    items: set[str] = field(default_factory=set)
    names: set[Hashable] = field(default_factory=set)
    behind: list["Held"] = field(default_factory=list)
    cut: bytes | None = None
    is_called_off: bool = False
    size: int = 0
    until: float = 0.0
    is_gone: bool = False

    @property
    def is_asked(self) -> bool:
        """Whether judges look at any of it."""
        return any(entry.is_asked for entry in self.entries)


class Taken(NamedTuple):
    """What follows from an event: what goes on now, and what is to be judged now."""

    passed: Sequence[Passed] = ()
    ready: Sequence[Held] = ()


class Holding:
    """One session's. `facts`: what the caller has said himself is not asked about when it is repeated.

    `may_pass`: hears why judges can't be asked about a response, and says whether it goes on all the same.
    """

    __slots__ = (
        "_facts",
        "_free",
        "_may_pass",
        "_met",
        "_names",
        "_now",
        "_open",
        "_refused",
        "_shape",
        "_waits",
        "size",
    )

    def __init__(
        self,
        shape: SessionShape,
        facts: Facts,
        names: Names,
        *,
        now: Callable[[], float],
        may_pass: Callable[[Said], bool],
    ) -> None:
        self._shape = shape
        self._names = names
        self._now = now
        self._may_pass = may_pass
        self._free: set[Hashable] = set()  # responses that go on without being judged
        self._facts = facts
        self._open: dict[Hashable, Held] = {}
        self._waits: dict[Hashable, Held] = {}  # by the names of items and responses that something waits for
        self._refused: dict[Hashable, GatewayError] = {}  # items and responses
        self._met: set[str] = set()  # items that the caller has heard of, so what follows on them need not wait
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
        return self._take_part(owner, event, passed) if is_part else self._take_other(owner, event, passed)

    def _take_part(self, owner: Hashable | None, event: dict[str, Any], passed: Sequence[Passed]) -> Taken:
        item, is_end = self._shape.item(event), self._shape.is_end(event)
        if owner in self._free:
            self._free -= {owner} if is_end else set()
            return self._met_in(item, passed)
        held = self._open.get(owner)
        if held is None:
            if not (self._shape.is_sound(event) or any(self._says(decode(each.logged)) for each in passed)):
                return self._met_in(item, passed)
            held = self._open[owner] = Held(owner, until=self._now() + MAX_WAIT_S)
        if not self._has_room(passed) and (gone := self.let_go(owner, Said.UNAVAILABLE)) is not None:
            return Taken([*gone.passed, *passed], gone.ready)
        self._put(held, passed, is_asked=True, is_sound=self._shape.is_sound(event))
        self._name(held, (item, owner))
        if item is not None:
            held.items.add(item)
        if not is_end:
            return Taken()
        held.cut, held.is_called_off = self._shape.cut(event), self._shape.is_called_off(event)
        del self._open[owner]
        return Taken((), [held])

    def _take_other(self, owner: Hashable | None, event: dict[str, Any], passed: Sequence[Passed]) -> Taken:
        item = self._shape.item(event)
        new = (name for name in self._shape.behind(event) if name not in self._met)
        names = [name for name in (item, owner, *new) if name is not None]
        before = next((self._waits[name] for name in names if name in self._waits), None)
        is_growing = before is not None and self.is_growing(before)
        if before is not None and is_growing and item in before.items:
            self._put(before, passed, is_asked=True)
            return Taken()
        is_asked = self._is_news(event)
        if before is None and not is_asked:
            return self._met_in(item, passed)
        held = Held(None, item, self._shape.is_answer(event))
        self._put(held, passed, is_asked=is_asked)
        self._name(before if before is not None and is_growing else held, names[:1])
        if before is None or not is_growing:
            return Taken((), [held])
        before.behind.append(held)
        return Taken()

    def _met_in(self, item: str | None, passed: Sequence[Passed]) -> Taken:
        """Let this go on, with the name of what it is about."""
        if item is not None and item not in self._met and len(self._met) < MAX_MET and self._names.take(item):
            self._met.add(item)
        return Taken(passed)

    def refusal(self, held: Held) -> GatewayError | None:
        """Why this can't go on whatever is said of it: what it is about was refused meanwhile."""
        return self._refused.get(held.item) if held.item is not None else None

    @property
    def due_at(self) -> float | None:
        """When something has waited for its end for too long; None where nothing does."""
        return next((held.until for held in self._open.values()), None)

    def overdue(self) -> list[Hashable]:
        """The responses that have not ended in time."""
        now = self._now()
        return [owner for owner, held in self._open.items() if held.until <= now]

    def largest(self) -> Held | None:
        """What takes most of what waits, be it that its end has come or not."""
        return max([*self._open.values(), *self._waits.values()], key=lambda held: held.size, default=None)

    def is_growing(self, held: Held) -> bool:
        """Whether its end has not come yet."""
        return held.owner in self._open

    def let_go(self, owner: Hashable | None, why: Said) -> Taken | None:
        """Let a response that waits go on unjudged, and all that is still to come of it; None where it must not."""
        if not self._may_pass(why) or not self._names.take(owner):
            return None
        held = self._open.pop(owner)
        self._free.add(owner)
        return self.release(held)

    def finish(self) -> list[Held]:
        """Nothing more comes: what waits is judged as far as it has come."""
        held = [*self._open.values()]
        self._open = {}
        return held

    def drop(self, owner: Hashable, error: GatewayError) -> Taken:
        """A response is refused before its end."""
        held = self._open.pop(owner, None)
        return self.refuse(held, error) if held is not None else Taken()

    def refuse(self, held: Held, error: GatewayError) -> Taken:
        """Nothing of this goes on."""
        for name in (held.owner, *held.items):
            if name is None:
                continue
            if name not in self._refused and (len(self._refused) >= MAX_REFUSED or not self._names.take(name)):
                raise GatewayError("guardrail_unsupported")
            self._refused[name] = error
        return self._followed(held, [])

    def release(self, held: Held) -> Taken:
        """All of this goes on; of a response that was called off meanwhile no sound does: nobody is to hear it now."""
        kept = [entry.passed for entry in held.entries if not (held.is_called_off and entry.is_sound)]
        return self._followed(held, kept)

    def _followed(self, held: Held, passed: list[Passed]) -> Taken:
        """Let go of it; what has kept its place behind it follows, from the first on that must be judged as ready."""
        self.size -= held.size
        for name in held.names:
            if self._waits.get(name) is held:
                del self._waits[name]
        ready: list[Held] = []
        for each in held.behind:
            if ready or each.is_asked:
                ready.append(each)
                self._name(each, [each.item])
            else:
                self.size -= each.size
                passed += [entry.passed for entry in each.entries]
        return Taken(passed, ready)

    def _put(self, held: Held, passed: Sequence[Passed], *, is_asked: bool, is_sound: bool = False) -> None:
        if not self._has_room(passed):
            raise GatewayError("guardrail_unsupported", _TOO_LONG)
        size = sum(_size(each) for each in passed)
        self.size += size
        held.size += size
        held.entries += [Entry(each, is_asked and not is_sound, is_sound) for each in passed]

    def _has_room(self, passed: Sequence[Passed]) -> bool:
        return self.size + sum(_size(each) for each in passed) <= MAX_HELD

    def _name(self, held: Held, names: Iterable[Hashable | None]) -> None:
        """What has one of these names waits for it from now on."""
        for name in names:
            if name is not None:
                self._waits[name] = held
                held.names.add(name)

    def _is_news(self, event: dict[str, Any]) -> bool:
        """Whether judges must see what an event says that is no part of a response."""
        words = self._words(event)
        return bool(words) and not all(self._facts.has(text) for text in words)

    def _says(self, event: Any) -> bool:
        """Whether there is a word in it, or a piece of a text that makes no sense by itself."""
        return any(slot.holder[slot.key] for slot in self._shape.pieces(event).slots) or bool(self._words(event))

    def _words(self, event: Any) -> list[str]:
        return [said.piece.text for said in texts_of_reply(self._shape.words(event))]


def _size(passed: Passed) -> int:
    return ENTRY + len(passed.logged) + (len(passed.given) if passed.given is not passed.logged else 0)
