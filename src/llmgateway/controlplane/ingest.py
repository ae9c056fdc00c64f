"""The ingester: the journal goes into the store, once, in order, and is unlinked behind it.

    read ─► merge ─► price ─► insert, count in the ledger, save the positions (one transaction) ─► unlink ─► read …

Killed at any moment it begins again at the positions that were committed: what it reads again is there already and is
not counted again. A store that is away is waited for, for ever; the journal holds meanwhile. What no store takes is put
aside. Reading happens in a thread, SQL in the store's; the event loop only prices and counts.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from llmgateway.controlplane.backlog import Backlog, Batch
from llmgateway.controlplane.deadletter import FOLDER, DeadLetters
from llmgateway.controlplane.pricing import Prices
from llmgateway.domain.clock import Clock
from llmgateway.ports.store import Entry, Position, Row, Store, StoreError, StoreRejectedError

T = TypeVar("T")

log = logging.getLogger(__name__)

POLL_S: Final = 0.15  # a record waits no longer than this while there is little to do
RETRY_MIN_S: Final = 0.1
RETRY_MAX_S: Final = 5.0


class Observer(Protocol):
    """Who counts what is stored (`ledger.Ledger`): its state is saved in the transaction that brings the rows."""

    def observe(self, rows: Sequence[Row], /) -> None: ...
    def state(self) -> Mapping[str, Any]: ...
    def restore(self, state: Mapping[str, Any] | None, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the store is behind the journal. `seconds`: since everything was last in the store."""

    seconds: float
    records: int  # read and not committed yet
    bytes: int  # not read yet
    open: int  # exchanges that have begun and not ended


@dataclass(slots=True)
class Counts:
    """What was done since the start."""

    exchanges: int = 0
    known: int = 0  # read again after a restart
    batches: int = 0
    retries: int = 0


class Ingester:
    """One task runs it. `run` may be called again after it failed: it starts over from what the store has."""

    def __init__(
        self,
        journal: Path,
        store: Store,
        prices: Prices,
        observer: Observer,
        clock: Clock,
        *,
        on_rows: Callable[[list[Row]], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._prices = prices
        self._observer = observer
        self._monotonic = clock.monotonic
        self._on_rows = on_rows
        self.dead_letters = DeadLetters(journal / FOLDER)
        self._backlog = Backlog(journal, self.dead_letters.keep)
        self._saved_state: Mapping[str, Any] | None = None
        self._caught_up_at = clock.monotonic()
        self._in_hand = 0
        self._wake = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self.counts = Counts()
        self.error: str | None = None  # why the store does not take anything just now

    def __repr__(self) -> str:
        return f"<Ingester {self.counts.exchanges} stored, {self.lag()}, {self.error or 'ok'}>"

    @property
    def backlog(self) -> Backlog:
        """What is being read, with the reader's counts."""
        return self._backlog

    def lag(self) -> Lag:
        """How far behind; looks at the segments' sizes."""
        seconds = self._monotonic() - self._caught_up_at
        return Lag(seconds, self._in_hand, self._backlog.unread_bytes(), self._backlog.open)

    async def drained(self) -> None:
        """Wait until everything written before this call is in the store. Needs `run` to be running."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._wake.set()
        await waiter

    async def run(self) -> None:
        """Ingest until cancelled. Raises nothing that time could heal."""
        try:
            await self._begin()
            while True:
                await self._step()
        finally:
            self._backlog.close()

    async def _begin(self) -> None:
        """Learn what the store has. The observer takes up where it was committed."""
        await self._prices.load()
        positions = await self._persistently(self._read_start)
        self._backlog.begin(positions)
        self._in_hand = 0

    async def _read_start(self) -> list[Position]:
        await self._store.open()
        self._saved_state = await self._store.ledger()
        self._observer.restore(self._saved_state)
        return await self._store.positions()

    async def _step(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._wake.clear()
        try:
            batch = await _in_thread(self._backlog.read)
            self._in_hand = batch.records
            if not batch.is_empty:
                await self._save(batch)
                self._backlog.committed(batch)
                self._in_hand = 0
        except BaseException:
            self._waiting += waiting
            raise
        if batch.is_full:
            self._waiting += waiting
            return
        self._caught_up_at = self._monotonic()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
        await self._pause()

    async def _pause(self) -> None:
        """Wait for the next look, or for somebody in a hurry."""
        try:
            async with asyncio.timeout(POLL_S):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _save(self, batch: Batch) -> None:
        for entry in batch.entries:
            entry.row["cost_usd"] = self._prices.cost(entry.row)
        try:
            await self._append(batch.entries, batch.positions, batch.buried)
        except StoreRejectedError:
            await self._save_in_parts(batch.entries)
            await self._append((), batch.positions, batch.buried)

    async def _save_in_parts(self, entries: Sequence[Entry]) -> None:
        """Find what the store rejects by halving, and put it aside."""
        try:
            await self._append(entries, (), ())
        except StoreRejectedError as error:
            if len(entries) == 1:
                await _in_thread(self._put_aside, entries[0], error)
                return
            middle = len(entries) // 2
            await self._save_in_parts(entries[:middle])
            await self._save_in_parts(entries[middle:])

    def _put_aside(self, entry: Entry, error: StoreError) -> None:
        log.warning("exchange %s can't be stored and goes to %s: %s", entry.row.get("id"), FOLDER, error)
        blobs = {body.kind: body.content for body in entry.bodies if body.content is not None}
        self.dead_letters.keep(str(error), entry.row, blobs)

    async def _append(self, entries: Sequence[Entry], positions: Sequence[Position], buried: Sequence[str]) -> None:
        rows = await self._persistently(lambda: self._append_once(entries, positions, buried))
        self.counts.batches += 1
        self.counts.exchanges += len(rows)
        self.counts.known += len(entries) - len(rows)
        if rows:
            self._on_rows(rows)

    async def _append_once(
        self, entries: Sequence[Entry], positions: Sequence[Position], buried: Sequence[str]
    ) -> list[Row]:
        state = self._saved_state

        def count(rows: list[Row]) -> Mapping[str, Any] | None:
            nonlocal state
            if not rows:
                return None
            self._observer.observe(rows)
            state = self._observer.state()
            return state

        try:
            rows = await self._store.append(entries, positions, buried, count)
        except BaseException:
            if state is not self._saved_state:  # counted, and not committed
                self._observer.restore(self._saved_state)
            raise
        self._saved_state = state
        return rows

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


async def _in_thread(work: Callable[..., T], *args: Any) -> T:
    """Run `work` in a thread and wait for its end even when cancelled: what it works on has no second owner."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *args))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
