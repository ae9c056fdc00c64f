"""T14: thousands of callers who send their head or their body too slowly, or do not read."""

import asyncio
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Final

from bench import payload
from bench.faults.figure import Figure, at_least, at_most, none_of
from bench.faults.latency import slower
from bench.faults.limits import WIDE, raise_descriptors
from bench.faults.stage import Rig, Setting, Stage, stage
from bench.load import Spec

TITLE: Final = "thousands of slow callers"
SLOWER: Final = 1.2  # times
RATE: Final = 100.0
TRICKLE_S: Final = 1.0
_HEAD: Final = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
_BODY: Final = _HEAD + b"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"


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


async def run(rig: Rig) -> list[Figure]:
    """They are cut in time, and others do not notice."""
    size: Size = rig.pick(LONG, QUICK)
    raise_descriptors()
    async with stage(rig, Setting(limits=size.limits)) as played:
        await played.measure(1.0)
        before = [await played.measure(rig.pick(10.0, 2.0), rate=RATE) for _ in range(2)]
        rig.say("they come")
        spec = Spec(0, mode="stall", connections=size.reads, chunks=1_000_000, chunk_rate=payload.FULL_SPEED)
        with played.start_load(spec) as readers:
            await asyncio.to_thread(readers.line, 60)
            await played.filled(rig.pick(25.0, 3.0))
            port = played.gateway.port
            heads = [asyncio.ensure_future(_trickle(port, _HEAD, size.header_s * 3)) for _ in range(size.heads)]
            bodies = [asyncio.ensure_future(_trickle(port, _BODY, size.grace_s * 3)) for _ in range(size.bodies)]
            during = [await played.measure(rig.pick(10.0, 2.0), rate=RATE) for _ in range(2)]
            rig.say("they are cut")
            slow_heads, slow_bodies = await asyncio.gather(*heads), await asyncio.gather(*bodies)
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


async def _trickle(port: int, begin: bytes, at_most_s: float) -> float:
    """Send `begin`, then a byte a second; the seconds until the gateway ended it."""
    began = monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    ended = asyncio.ensure_future(_ended(reader))
    try:
        writer.write(begin)
        while not ended.done() and monotonic() - began < at_most_s:
            await asyncio.wait([ended], timeout=TRICKLE_S)
            if not ended.done():
                writer.write(b"x")
    finally:
        ended.cancel()
        writer.transport.abort()
    return monotonic() - began


async def _ended(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await reader.read(4096):
            pass


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
