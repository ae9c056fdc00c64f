"""The ingester is killed at random moments, again and again: nothing missing, nothing twice, counters exact."""

import asyncio
import random
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from tests.support.exchanges import ExchangeFactory
from tests.support.ingesting import Plant, Worker

from llmgateway.ports.store import Wanted

KILLS = 15
EXCHANGES = 120  # a round


async def kill_one(data: Path, after_s: float) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.ingesting", str(data), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    assert await asyncio.wait_for(child.stdout.readline(), 20) == b"ready\n"
    await asyncio.sleep(after_s)
    child.send_signal(signal.SIGKILL)
    await child.wait()


def stored(folder: Path) -> int:
    """How many exchanges the children have brought over."""
    try:
        with closing(sqlite3.connect(f"file:{folder}/store.sqlite3?mode=ro", uri=True, timeout=5)) as connection:
            return int(connection.execute("SELECT count(*) FROM exchange").fetchone()[0])
    except sqlite3.OperationalError:  # there is none yet
        return 0


async def test_kill_minus_nine_at_any_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    make = ExchangeFactory()
    worker = Worker(tmp_path, make, segment_bytes=64 * 1024)
    expected: list[str] = []
    interrupted: list[str] = []
    reach_s, known = 0.25, 0  # within which a child is killed; longer where the machine is too busy for it to begin
    for number in range(KILLS):
        slow = [worker.admit() for _ in range(3)]
        expected += worker.carry(EXCHANGES)
        await kill_one(tmp_path, chance.uniform(0.0, reach_s))
        before, known = known, stored(tmp_path)
        reach_s = min(4.0, reach_s * 1.5) if known == before else max(0.25, reach_s * 0.8)
        for exchange in slow[:2]:
            worker.settle(exchange)
        expected += [exchange.id for exchange in slow]
        interrupted.append(slow[2].id)
        if number % 5 == 4:  # workers die too
            worker.close()
            worker = Worker(tmp_path, make, segment_bytes=64 * 1024)
    worker.close()

    plant = Plant(tmp_path)
    async with plant.running():
        await plant.drained()
        rows = await plant.store.page(Wanted(), limit=10 * len(expected))
        print(f"seed {seed}: {plant.ingester.counts}")
        assert plant.ingester.counts.exchanges < len(expected) / 2, (
            f"{seed}: the children were killed before they worked"
        )
        assert sorted(row["id"] for row in rows) == sorted(expected), seed
        assert sorted(row["id"] for row in rows if row["end"] == "interrupted") == sorted(interrupted), seed
        attempts = await plant.store.attempts([row["seq"] for row in rows])
        assert all(len(each) == 1 for each in attempts.values()), seed
        bodies = await plant.store.bodies([row["seq"] for row in rows])
        assert sum(map(len, bodies.values())) == 2 * len(rows) - len(interrupted), seed
        tokens = 120 * (len(rows) - len(interrupted))
        assert await plant.store.ledger() == {"count": len(rows), "tokens": tokens}, seed
        await plant.drained()
        await plant.drained()
        assert list(plant.journal.glob("*/*.seg")) == [], seed
        assert await plant.store.positions() == [], seed
