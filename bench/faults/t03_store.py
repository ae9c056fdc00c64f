"""T3: the store is away, its lock held by somebody else, while traffic goes on."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final

from tests.support.ledger import Ledger

from bench.faults.figure import Figure, at_most, none_of
from bench.faults.latency import slower
from bench.faults.stage import Rig, stage

TITLE: Final = "the store is away for a minute"
EMPTY_S: Final = 60.0
SLOWER: Final = 1.1  # times
RATE: Final = 200.0


@asynccontextmanager
async def locked(store: Path) -> AsyncIterator[None]:
    """Hold the store's write lock for the block."""
    with closing(sqlite3.connect(store, isolation_level=None, timeout=10)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


async def run(rig: Rig) -> list[Figure]:
    """Nobody notices, and the log is whole once the store is back."""
    seconds = rig.pick(60.0, 8.0)
    ledger = Ledger(prefix="t3")
    async with stage(rig) as played:
        async with played.load(ledger, callers=2, pause_s=0.05):
            await played.measure(1.0)
            rig.say("before")
            before = [await played.measure(seconds / 4, rate=RATE) for _ in range(2)]
            async with locked(played.store):
                rig.say(f"the store is locked for {seconds:.0f} s")
                during = [await played.measure(seconds / 2, rate=RATE) for _ in range(2)]
            after = asyncio.ensure_future(played.caught_up(EMPTY_S * 2))
        rig.say("the backlog is read")
        empty_s = await after
        books = await played.books(ledger)
    errors = sum(one["errors"] for one in (*before, *during))
    return [
        none_of("failed requests", [*books.failures, *(f"{errors} of the open loop" for _ in range(bool(errors)))]),
        *books.figures(),
        at_most("the backlog is in the store after", empty_s, EMPTY_S, "s"),
        slower("p99 of others meanwhile", before, during, SLOWER),
    ]
