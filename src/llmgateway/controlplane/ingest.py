"""The ingester: the journal goes into the store, once, in order, and is unlinked behind it.

    read ─► merge ─► price ─► insert, save ledger and positions (one transaction) ─► unlink ─► read …

Killed at any moment it begins again at the positions that were committed: what it reads again is there already and is
not counted again. Much is read in a thread, SQL runs in the store's; the event loop prices, counts, and reads a little.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from llmgateway.controlplane.backlog import Backlog, Batch
from llmgateway.controlplane.deadletter import FOLDER, DeadLetters
from llmgateway.controlplane.pricing import Prices
from llmgateway.controlplane.save import Counts, Evidence, Observer, Saver, in_thread
from llmgateway.domain.clock import Clock
from llmgateway.ports.store import Row, Store

POLL_S: Final = (
    0.25  # a record waits no longer than this while there is little to do; a commit costs as much as ten rows
)
SMALL_BYTES: Final = 2 * 1024 * 1024  # about 10 ms of reading; more is read in a thread
LOOK_EVERY: Final = 4  # polls; then look for new and dead incarnations and finished segments, too


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the store is behind the journal. `seconds`: since everything was last in the store."""

    seconds: float
    records: int  # read and not committed yet
    bytes: int  # not read yet
    open: int  # exchanges that have begun and not ended


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
        on_scores: Callable[[], None] = lambda: None,
    ) -> None:
        self.dead_letters = DeadLetters(journal / FOLDER)
        self.backlog = Backlog(journal, self.dead_letters.keep)
        self._saver = Saver(store, observer, self.dead_letters, self._stored)
        self._on_rows = on_rows
        self._on_scores = on_scores
        self._prices = prices
        self._monotonic = clock.monotonic
        self._caught_up_at = clock.monotonic()
        self._records_in_hand = 0
        self._polls = 0  # since the last thorough one
        self._wake = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []

    def __repr__(self) -> str:
        return f"<Ingester {self.counts.exchanges} stored, {self.backlog.open} open, {self.error or 'ok'}>"

    @property
    def counts(self) -> Counts:
        return self._saver.counts

    @property
    def error(self) -> str | None:
        """Why the store takes nothing just now; None while all is well."""
        return self._saver.error

    def count_for(self, evidence: Evidence) -> None:
        """Have exchanges counted for rollouts from the next `run` on."""
        self._saver.evidence = evidence

    def lag(self) -> Lag:
        """How far behind; looks at the segments' sizes."""
        seconds = max(0.0, self._monotonic() - self._caught_up_at)
        return Lag(seconds, self._records_in_hand, self.backlog.unread_bytes(), self.backlog.open)

    async def drained(self) -> None:
        """Wait until everything written before this call is in the store. Needs `run` to be running."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._wake.set()
        await waiter

    async def run(self) -> None:
        """Ingest until cancelled. Raises nothing that time could heal."""
        try:
            await self._prices.load()
            self.backlog.begin(await self._saver.begin())
            self._records_in_hand = 0
            self._polls = LOOK_EVERY  # what was left behind is looked for at once
            while True:
                if not await self._step():
                    await self._pause()
        finally:
            self.backlog.close()

    async def _step(self) -> bool:
        """Bring one batch over. True: there is more at once."""
        waiting, self._waiting = self._waiting, []
        self._wake.clear()
        is_more = True
        try:
            batch = await self._read(is_thorough=bool(waiting))
            await self._save(batch)
            is_more = batch.is_full
        finally:
            if is_more:
                self._waiting += [waiter for waiter in waiting if not waiter.done()]
        if not is_more:
            self._caught_up_at = self._monotonic()
            for waiter in waiting:
                if not waiter.done():
                    waiter.set_result(None)
        return is_more

    async def _read(self, *, is_thorough: bool) -> Batch:
        unread = self.backlog.grown_bytes()
        is_hasty = not is_thorough and self._polls < LOOK_EVERY
        self._polls = self._polls + 1 if is_hasty else 0
        if unread == 0 and is_hasty:
            return Batch()
        read = partial(self.backlog.read, is_hasty=is_hasty)
        return read() if unread <= SMALL_BYTES else await in_thread(read)

    async def _save(self, batch: Batch) -> None:
        if batch.is_empty:
            return
        self._records_in_hand = batch.records
        for entry in batch.entries:
            entry.row["cost_usd"] = self._prices.cost(entry.row)
        await self._saver.save(batch.entries, batch.scores, batch.positions, batch.buried)
        self.backlog.committed(batch)
        self._records_in_hand = 0
        if batch.scores:
            self._on_scores()

    def _stored(self, rows: list[Row]) -> None:
        self.backlog.counts.stored(rows)
        self._on_rows(rows)

    async def _pause(self) -> None:
        """Wait for the next look, or for somebody in a hurry."""
        loop = asyncio.get_running_loop()
        timer = loop.call_later(POLL_S, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()


def damage(ingest: Ingester) -> dict[str, int]:
    """Records that did not become exchanges as they should have, by what was wrong."""
    stats, odd, letters = ingest.backlog.stats, ingest.backlog.counts, ingest.dead_letters
    return {
        "damaged": stats.damaged,
        "torn_tail": stats.torn_tails,
        "missing_segment": stats.missing_segments,
        "unreadable_segment": stats.unreadable_segments,
        "orphan": odd.orphans,
        "dead_letter": letters.count,
        "dropped": letters.dropped,
    }
