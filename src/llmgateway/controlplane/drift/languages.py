"""The languages of answers. No row tells them: the replies of one exchange in eight are read from the store, a little
after they have come.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any, Final, NamedTuple, Self

from llmgateway.controlplane.drift.eras import Place
from llmgateway.controlplane.evaluation.cases import case_of
from llmgateway.controlplane.readable import MAX_BYTES, on_the_wire, parts, readable
from llmgateway.guardrails.language.shares import KNOWN, UNKNOWN, shares
from llmgateway.ports.store import Body, Row, Store

NAMES: Final = (*KNOWN, UNKNOWN)
EVERY: Final = 8  # of each version's answers one is read
MAX_WAITING: Final = 4_000  # replies; with more than some hundred exchanges a second, fewer than one in eight are read
BATCH: Final = 50  # of one look into the store: a few milliseconds
LETTERS: Final = 20  # fewer are in any language
_READ: Final = 400  # characters of an answer: what it is in shows by then
_AT: Final = {name: at for at, name in enumerate(NAMES)}


class Reply(NamedTuple):
    """One that has to be read. `size`: of all that the store has of its exchange, in bytes."""

    seq: int
    place: Place
    size: int = MAX_BYTES


class Languages:
    """Replies that have to be read. What is waited for is part of what is saved: `state`."""

    def __init__(self, waiting: Iterable[Reply] = ()) -> None:
        self._waiting = deque(waiting)

    def __len__(self) -> int:
        return len(self._waiting)

    def came(self, place: Place, row: Row) -> None:
        """Hear of an answer of that version that is to be read."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append(Reply(row["seq"], place, on_the_wire(row)))

    async def read(self, store: Store, count: Callable[[Place, int], None]) -> None:
        """Read what waits, and `count` each language by its place in NAMES. StoreUnavailableError: the rest waits."""
        while self._waiting:
            batch = next(parts(islice(self._waiting, BATCH), attrgetter("size")))
            bodies = await readable(store, [each.seq for each in batch])
            for each in batch:
                if not self._waiting:
                    return  # nobody wants to know any more
                self._waiting.popleft()
                at = language_of(bodies.get(each.seq, ()))
                if at is not None:
                    count(each.place, at)

    def forget(self) -> None:
        """Nobody wants to know."""
        self._waiting.clear()

    def state(self) -> list[Any]:
        """As JSON."""
        return [[each.seq, *each.place] for each in self._waiting]

    @classmethod
    def restored(cls, state: Sequence[Any]) -> Self:
        """What `state()` described; raises what malformed JSON makes it raise."""
        return cls(Reply(int(seq), Place(*place)) for seq, *place in state[:MAX_WAITING])


def language_of(bodies: Iterable[Body]) -> int | None:
    """What an answer is mostly in, by its place in NAMES; None where it says too little, or was not kept."""
    answer = case_of({}, [body for body in bodies if body.kind == "reply"]).answer
    found, letters = shares(answer[:_READ]) if answer else ({}, 0)
    if letters < LETTERS:
        return None
    return _AT[max(sorted(found), key=found.__getitem__)]
