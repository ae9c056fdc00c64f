"""T14: thousands of callers who send their head or their body too slowly, or do not read."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from bench import payload, tricklers
from bench.faults.figure import Figure, at_least, at_most, none_of
from bench.faults.latency import slower
from bench.faults.limits import WIDE, raise_descriptors
from bench.faults.stage import SEND_BUFFER, Rig, Setting, Stage, filled, stage
from bench.load import Spec
from bench.process import Process, python

TITLE: Final = "thousands of slow callers"
SLOWER: Final = 1.2  # times
RATE: Final = 100.0


@dataclass(frozen=True)
class Size:
    """How many of each kind, and after which times they must be gone: the settings, and the room that T14 leaves."""

    heads: int
    bodies: int
    reads: int
    header_s: float
    grace_s: float
    stall_s: float
    room_s: float

    @property
    def limits(self) -> str:
        return (
            f'{WIDE}\n[server.timeouts]\nheader = "{self.header_s}s"\nbody_grace = "{self.grace_s}s"\n'
            f'write_stall = "{self.stall_s}s"\n'
        )


LONG: Final = Size(2000, 2000, 1000, 10.0, 30.0, 60.0, 10.0)
QUICK: Final = Size(200, 200, 100, 2.0, 4.0, 5.0, 3.0)


@dataclass(frozen=True)
class Crowd:
    """Slow callers who have all begun, each kind in a process of its own."""

    heads: Process
    bodies: Process

    async def seconds(self, process: Process, size: Size) -> list[float]:
        """How long each of one kind was kept."""
        return list((await asyncio.to_thread(process.line, size.grace_s * 3 + 60))["seconds"])


async def run(rig: Rig) -> list[Figure]:
    """They are cut in time, and others do not notice.

    Others are compared with what they see while the same crowd besets a bare server beside the gateway: thousands of
    connections cost the machine something, whoever they belong to.
    """
    size: Size = rig.pick(LONG, QUICK)
    raise_descriptors()
    async with stage(rig, Setting(limits=size.limits)) as played:
        await played.measure(1.0)
        rig.say("they are elsewhere")
        with python("bench.backend", str(SEND_BUFFER)) as bare:
            port = int((await asyncio.to_thread(bare.line))["port"])
            async with _crowd(port, bare, size, rig):
                before = await _others(played, rig)
        rig.say("they come")
        async with _crowd(played.gateway.port, played.fast, size, rig) as crowd:
            during = await _others(played, rig)
            rig.say("they are cut")
            slow_heads = await crowd.seconds(crowd.heads, size)
            slow_bodies = await crowd.seconds(crowd.bodies, size)
            stalls = await _stalls(played, size)
    errors = sum(one["errors"] for one in (*before, *during))
    room = size.room_s
    return [
        none_of("failed requests of others", errors),
        slower("p99 of others meanwhile", before, during, SLOWER),
        at_most("slow heads cut after, the last", max(slow_heads), size.header_s + 1.0, "s", 1),
        at_most("slow bodies cut after, the last", max(slow_bodies), size.grace_s + room, "s", 1),
        at_most("stalled readers cut after, the last", max(stalls, default=None), size.stall_s + room, "s", 1),
        at_least("stalled readers cut", len(stalls), size.reads),
    ]


@asynccontextmanager
async def _crowd(port: int, server: Process, size: Size, rig: Rig) -> AsyncIterator[Crowd]:
    """Beset `port`, behind which is `server`, until the block ends."""
    stalled = Spec(port, mode="stall", connections=size.reads, chunks=1_000_000, chunk_rate=payload.FULL_SPEED)
    heads = tricklers.Spec(port, "head", size.heads, size.header_s * 3)
    bodies = tricklers.Spec(port, "body", size.bodies, size.grace_s * 3)
    with ExitStack() as stack:
        readers = stack.enter_context(python("bench.load", stalled.text()))
        await asyncio.to_thread(readers.line, 60)
        await filled(server, rig.pick(25.0, 3.0))
        crowd = Crowd(*(stack.enter_context(python("bench.tricklers", spec.text())) for spec in (heads, bodies)))
        for each in (crowd.heads, crowd.bodies):
            await asyncio.to_thread(each.line, 60)
        yield crowd


async def _others(played: Stage, rig: Rig) -> list[dict[str, Any]]:
    return [await played.measure(rig.pick(10.0, 2.0), rate=RATE) for _ in range(2)]


async def _stalls(played: Stage, size: Size) -> list[float]:
    """How long each stalled reader was kept, from the log: their own side cannot see it without reading."""
    until = monotonic() + size.stall_s + size.room_s + 10
    rows: list[float] = []
    while len(rows) < size.reads and monotonic() < until:
        await asyncio.sleep(0.5)
        with closing(sqlite3.connect(f"file:{played.store}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT duration_s FROM exchange WHERE \"end\" = 'client_stalled'").fetchall()
        rows = [row[0] for row in found]
    return rows
