"""Batches into the store, whatever happens: waits for a store that is away, puts aside what it will never take, and
keeps the ledger's counters in step with the rows.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from llmgateway.controlplane.deadletter import DeadLetters
from llmgateway.domain.score import Score
from llmgateway.ports.rollouts import Tally
from llmgateway.ports.store import (
    Entry,
    Position,
    Row,
    Store,
    StoreError,
    StoreKnownError,
    StoreRejectedError,
)
from llmgateway.wire.jsoncodec import encode

T = TypeVar("T")

log = logging.getLogger(__name__)

RETRY_MIN_S: Final = 0.1
RETRY_MAX_S: Final = 5.0


class Observer(Protocol):
    """Who counts what is stored (`ledger.Ledger`): its state is saved in the transaction that brings the rows."""

    def observe(self, rows: Sequence[Row], /) -> None: ...
    def state(self) -> Mapping[str, Any]: ...
    def restore(self, state: Mapping[str, Any] | None, /) -> None: ...


class Evidence(Protocol):
    """Who counts exchanges for rollouts (`rollouts.conductor`), in the transaction that brings them."""

    async def load(self) -> None: ...
    def tallies(self, entries: Sequence[Entry], /) -> Sequence[Tally]: ...
    def counted(self, added: Sequence[Tally], /) -> None: ...


@dataclass(slots=True)
class Counts:
    """What was done since the start."""

    exchanges: int = 0
    known: int = 0  # read again after a restart, and left out
    batches: int = 0
    retries: int = 0


class Rest(NamedTuple):
    """What is saved with exchanges and is not counted with them."""

    scores: Sequence[Score] = ()
    positions: Sequence[Position] = ()
    finished: Sequence[str] = ()


NOTHING: Final = Rest()


class Saver:
    """Owned by the ingester; one call at a time. The observer is only touched on the event loop."""

    def __init__(
        self, store: Store, observer: Observer, dead_letters: DeadLetters, on_rows: Callable[[list[Row]], None]
    ) -> None:
        self.evidence: Evidence | None = None
        self._store = store
        self._observer = observer
        self._dead_letters = dead_letters
        self._on_rows = on_rows
        self._committed: Mapping[str, Any] | None = None  # the ledger's state as the store has it
        self.counts = Counts()
        self.error: str | None = None  # why the store takes nothing just now

    async def begin(self) -> list[Position]:
        """Open the store and let the observer take up where it was committed; returns the positions."""
        return await self._persistently(self._begin)

    async def _begin(self) -> list[Position]:
        await self._store.open()
        self._committed = await self._store.ledger()
        self._observer.restore(self._committed)
        if self.evidence is not None:
            await self.evidence.load()
        return await self._store.positions()

    async def save(
        self,
        entries: Sequence[Entry],
        scores: Sequence[Score],
        positions: Sequence[Position],
        finished: Sequence[str],
    ) -> None:
        """Save a batch. Returns when it is in the store, however long that takes; safe to cancel at any moment."""
        try:
            await self._append(entries, Rest(scores, positions, finished))
        except StoreRejectedError:
            await self._in_parts(entries)
            for score in scores:
                await self._alone(score)
            await self._append((), Rest((), positions, finished))

    async def _in_parts(self, entries: Sequence[Entry]) -> None:
        """Find what the store rejects by halving, and put it aside."""
        try:
            await self._append(entries, NOTHING)
        except StoreRejectedError as error:
            if len(entries) == 1:
                await in_thread(self._put_aside, entries[0], error)
                return
            middle = len(entries) // 2
            await self._in_parts(entries[:middle])
            await self._in_parts(entries[middle:])

    async def _alone(self, score: Score) -> None:
        try:
            await self._append((), Rest((score,)))
        except StoreRejectedError as error:
            log.warning("score %s can't be stored and becomes a dead letter: %s", score.id, error)
            await in_thread(self._dead_letters.keep, str(error), asdict(score) | {"k": "scored"}, {})

    def _put_aside(self, entry: Entry, error: StoreError) -> None:
        log.warning("exchange %s can't be stored and becomes a dead letter: %s", entry.row.get("id"), error)
        blobs = {body.kind: body.content for body in entry.bodies if body.content is not None}
        self._dead_letters.keep(str(error), entry.row, blobs)

    async def _append(self, entries: Sequence[Entry], rest: Rest) -> None:
        new = await self._persistently(lambda: self._append_new(entries, rest))
        self.counts.batches += 1
        self.counts.exchanges += len(new)
        self.counts.known += len(entries) - len(new)
        if new:
            self._on_rows([entry.row for entry in new])

    async def _append_new(self, entries: Sequence[Entry], rest: Rest) -> Sequence[Entry]:
        """Append what is new of `entries`, and return it. That all of it is new is the rule; else ask twice."""
        try:
            await self._append_counted(entries, rest)
        except StoreKnownError as known:
            entries = [entry for index, entry in enumerate(entries) if index not in known.indexes]
            await self._append_counted(entries, rest)
        return entries

    async def _append_counted(self, entries: Sequence[Entry], rest: Rest) -> None:
        """Append with the ledger's state that has these rows in it; on failure the ledger forgets them again."""
        if not entries:
            await self._store.append((), rest.positions, rest.finished, None, rest.scores)
            return
        self._observer.observe([entry.row for entry in entries])
        state = self._observer.state()
        tallies = self.evidence.tallies(entries) if self.evidence is not None else ()
        try:
            await self._store.append(
                entries, rest.positions, rest.finished, encode(state), rest.scores, tallies=tallies
            )
        except BaseException:
            self._observer.restore(self._committed)
            raise
        self._committed = state
        if self.evidence is not None:
            self.evidence.counted(tallies)

    async def _persistently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try until the store takes it; only what it will never take gets through."""
        wait = RETRY_MIN_S
        while True:
            try:
                result = await attempt()
            except StoreRejectedError:
                raise
            except StoreError as error:
                self._note(str(error))
            else:
                self._note(None)
                return result
            self.counts.retries += 1
            await asyncio.sleep(wait)
            wait = min(RETRY_MAX_S, 2 * wait)

    def _note(self, error: str | None) -> None:
        """Say once that the store is away, and once that it is back."""
        if error is not None and error != self.error:
            log.error("the journal waits for the store: %s", error)
        elif error is None and self.error is not None:
            log.info("the store takes records again")
        self.error = error


async def in_thread(work: Callable[..., T], *args: Any) -> T:
    """Run `work` in a thread and wait for its end even when cancelled: what it works on has no second owner."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *args))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
