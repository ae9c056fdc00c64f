"""An ingester with a ledger that only counts, and who places scores: for tests in this process, and as a child that can
be killed.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.exchanges import REPLY, REQUEST, ExchangeFactory
from tests.support.scores import score

from llmgateway.config.snapshot import Journal, Snapshot
from llmgateway.controlplane import backlog
from llmgateway.controlplane.ingest import Ingester
from llmgateway.controlplane.pricing import Prices
from llmgateway.controlplane.scoring import Scoring
from llmgateway.domain.clock import SystemClock
from llmgateway.domain.score import Score
from llmgateway.journal import records
from llmgateway.journal.layout import journal_folder
from llmgateway.journal.writer import JournalWriter
from llmgateway.ports.store import Row
from llmgateway.store.sqlite import SqliteStore


class CountingLedger:
    """Counts rows and tokens."""

    def __init__(self) -> None:
        self.count = 0
        self.tokens = 0

    def observe(self, rows: Sequence[Row], /) -> None:
        self.count += len(rows)
        self.tokens += sum(row["input_tokens"] or 0 for row in rows)

    def state(self) -> Mapping[str, Any]:
        return {"count": self.count, "tokens": self.tokens}

    def restore(self, state: Mapping[str, Any] | None, /) -> None:
        self.count, self.tokens = (state["count"], state["tokens"]) if state else (0, 0)


class UnlistedPrices(Prices):
    """Prices without the list, whose import takes longer than a test."""

    async def load(self) -> None:
        pass


class Plant:
    """A data folder with a store, a journal and an ingester over them."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.journal = journal_folder(data)
        self.store = SqliteStore(data / "store.sqlite3")
        self.ledger = CountingLedger()
        self.seen: list[Row] = []
        self.scoring = Scoring(self.store, Snapshot(1), SystemClock())
        self.ingester = Ingester(
            self.journal,
            self.store,
            UnlistedPrices(Snapshot(1)),
            self.ledger,
            SystemClock(),
            on_rows=self._stored,
            on_scores=self.scoring.wake,
        )

    def _stored(self, rows: list[Row]) -> None:
        self.seen += rows
        self.scoring.came(rows)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Plant"]:
        """Run the ingester and who places scores; leave without waiting for them."""
        tasks = [asyncio.create_task(self.ingester.run()), asyncio.create_task(self.scoring.run(self.ingester.drained))]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            await self.store.close()
            for outcome in outcomes:
                if not isinstance(outcome, asyncio.CancelledError):
                    raise AssertionError("a task ended by itself") from outcome

    async def drained(self) -> None:
        await asyncio.wait_for(self.ingester.drained(), 20)


class Worker:
    """A journal's writing end that makes exchanges up."""

    def __init__(self, data: Path, make: ExchangeFactory, **settings: Any) -> None:
        self.make = make
        self.writer = JournalWriter.open(
            journal_folder(data), Journal(**({"reserve_bytes": 0} | settings)), SystemClock()
        )

    def admit(self, **changes: Any) -> Any:
        exchange = self.make.exchange(**changes)
        self.writer.append(records.admitted(exchange, records.Body(REQUEST, len(REQUEST))), may_use_reserve=False)
        return exchange

    def settle(self, exchange: Any) -> None:
        now = self.make.clock.monotonic() + 0.5
        self.writer.append(records.settled(exchange, now, records.Body(REPLY, len(REPLY))), may_use_reserve=True)

    def carry(self, count: int, **changes: Any) -> list[str]:
        exchanges = []
        for _ in range(count):
            exchanges.append(self.admit(**changes))
            self.settle(exchanges[-1])
        return [exchange.id for exchange in exchanges]

    def say(self, exchange_id: str | None, **changes: Any) -> Score:
        """Write down what a user says."""
        said = score(self.make, exchange_id, **changes)
        self.writer.append(records.scored(said, 1), may_use_reserve=False)
        return said

    def close(self) -> None:
        self.writer.close()


async def _child(data: Path) -> None:
    backlog.MAX_RECORDS = 20  # type: ignore[misc]  # many small transactions: many moments to be killed at
    backlog.MIN_SHARE = 20  # type: ignore[misc]
    async with Plant(data).running():
        print("ready", flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(_child(Path(sys.argv[1])))
