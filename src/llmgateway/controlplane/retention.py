"""How long exchanges and their bodies are kept: by age and by the store's size, a little at a time.

A pass deletes in batches with pauses in between, so that ingestion goes on beside it; nothing is ever read into memory.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from llmgateway.config.snapshot import Data, Snapshot
from llmgateway.controlplane.patience import Waiting
from llmgateway.domain.clock import Clock
from llmgateway.ports.store import Store

INTERVAL_S: Final = 60.0
BATCH_ROWS: Final = 1_000
SIZE_BATCH_ROWS: Final = 100  # smaller, since a row may have megabytes and the limit should not be undershot by much
PAUSE_S: Final = 0.02
SHRINK_SLICE: Final = 4 * 1024 * 1024
SPARE_BYTES: Final = 16 * 1024 * 1024  # free space that is left in the file: new rows take it up again
LOW_WATER: Final = 0.95  # of max_store_bytes: what a pass over the limit goes down to
MAX_BATCHES: Final = 5_000  # a pass; the next one goes on


@dataclass(slots=True)
class Swept:
    """What one pass did."""

    exchanges: int = 0
    bodies: int = 0
    freed_bytes: int = 0


class Retention:
    """Deletes what is too old or too much. `configure` may change the limits at any time."""

    def __init__(self, store: Store, limits: Data, clock: Clock) -> None:
        self._store = store
        self._limits = limits
        self._clock = clock
        self.total = Swept()
        self.waiting = Waiting("retention waits")

    def configure(self, snapshot: Snapshot) -> None:
        """Take a configuration's limits."""
        self._limits = snapshot.data

    async def run(self) -> None:
        """Sweep every minute, until cancelled."""
        while True:
            with self.waiting:
                await self.sweep()
            await asyncio.sleep(INTERVAL_S)

    async def sweep(self) -> Swept:
        """Make one pass. Raises StoreError; what was deleted until then stays deleted."""
        done = Swept()
        try:
            await self._by_age(done)
            await self._by_size(done)
            await self._shrink(done)
        finally:
            self.total.exchanges += done.exchanges
            self.total.bodies += done.bodies
            self.total.freed_bytes += done.freed_bytes
        return done

    async def _by_age(self, done: Swept) -> None:
        now = self._clock.time()
        keep_exchanges, keep_bodies = self._limits.keep_exchanges_s, self._limits.keep_bodies_s
        for _ in range(MAX_BATCHES if keep_exchanges is not None else 0):
            count = await self._store.purge_exchanges(now - (keep_exchanges or 0.0), limit=BATCH_ROWS)
            done.exchanges += count
            if count < BATCH_ROWS:
                break
            await asyncio.sleep(PAUSE_S)
        for _ in range(MAX_BATCHES if keep_bodies is not None else 0):
            count = await self._store.purge_bodies(now - (keep_bodies or 0.0), limit=BATCH_ROWS)
            done.bodies += count
            if count < BATCH_ROWS:
                break
            await asyncio.sleep(PAUSE_S)

    async def _by_size(self, done: Swept) -> None:
        limit = self._limits.max_store_bytes
        if limit is None or (await self._store.stats()).used_bytes <= limit:
            return
        for _ in range(MAX_BATCHES):
            count = await self._store.purge_exchanges(None, limit=SIZE_BATCH_ROWS)
            done.exchanges += count
            if count == 0 or (await self._store.stats()).used_bytes <= limit * LOW_WATER:
                break
            await asyncio.sleep(PAUSE_S)

    async def _shrink(self, done: Swept) -> None:
        free = (await self._store.stats()).free_bytes
        spare = 0 if self._limits.max_store_bytes is not None else SPARE_BYTES
        while free > spare:
            freed = await self._store.shrink(min(SHRINK_SLICE, free - spare))
            if freed <= 0:
                break
            done.freed_bytes += freed
            free -= freed
            await asyncio.sleep(PAUSE_S)
