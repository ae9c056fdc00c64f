"""T8: thousands of streams whose callers read nothing."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any, Final

from bench import payload
from bench.faults.figure import Figure, at_most, none_of
from bench.faults.latency import slower
from bench.faults.limits import WIDE, raise_descriptors
from bench.faults.stage import SEND_BUFFER, Rig, Setting, Stage, filled, stage
from bench.load import Spec
from bench.process import Process, python

TITLE: Final = "thousands of stalled readers"
STREAM_KIB: Final = 128.0
TOTAL_MIB: Final = 700.0
AFTER: Final = 20.0  # per cent above the baseline
AFTER_S: Final = 30.0
SLOWER: Final = 2.0  # times
ENDLESS: Final = 1_000_000
RATE: Final = 100.0
KIB: Final = 1024


async def run(rig: Rig) -> list[Figure]:
    """Memory is bounded, comes back, and others are served meanwhile. The backend sends as fast as it is let.

    Others are compared with what they see while the same readers stall at a bare proxy beside the gateway: on each side
    of any proxy the kernel asks thousands of connections, again and again, whether they read by now.
    """
    count = rig.pick(5000, 200)
    raise_descriptors()
    async with stage(rig, Setting(limits=WIDE)) as played:
        rig.say("as many ordinary streams first")
        warm = Spec(0, mode="closed", seconds=1.0, connections=count, chunks=20, chunk_rate=20, spread_s=1.0)
        with played.start_load(warm) as process:
            await asyncio.to_thread(process.line, 120)
        await played.caught_up()
        await played.calm()
        rig.say(f"{count} readers stall elsewhere")
        with _proxied() as (port, bare):
            async with _stalled(port, bare, count, rig.pick(60.0, 5.0)):
                before = await _others(played, rig)
        low = played.pss()
        rig.say(f"{count} readers stall")
        async with _stalled(played.gateway.port, played.fast, count, rig.pick(120.0, 15.0)):
            high = played.pss()
            during = await _others(played, rig)
            high = max(high, played.pss())
        rig.say("they are gone")
        await asyncio.sleep(rig.pick(AFTER_S, 5.0))
        after = played.pss()
    errors = sum(one["errors"] for one in (*before, *during))
    return [
        at_most(f"memory of a stream, {count:,} of them", (high - low) / count / KIB, STREAM_KIB, "KiB", 1),
        at_most("memory of all of them", (high - low) / KIB / KIB, TOTAL_MIB, "MiB", 0),
        at_most("memory above the baseline when they are gone", 100 * (after - low) / low, AFTER, "%", 0),
        none_of("failed requests of others", errors),
        slower("p99 of others meanwhile", before, during, SLOWER),
    ]


@contextmanager
def _proxied() -> Iterator[tuple[int, Process]]:
    """A bare proxy's port, and the backend behind it."""
    with ExitStack() as stack:
        backend = stack.enter_context(python("bench.backend", str(SEND_BUFFER)))
        proxy = stack.enter_context(python("bench.bareproxy", str(backend.line()["port"])))
        yield int(proxy.line()["port"]), backend


@asynccontextmanager
async def _stalled(port: int, server: Process, count: int, within_s: float) -> AsyncIterator[None]:
    """So many readers at `port`, behind which is `server`, that have stopped reading for a block."""
    spec = Spec(port, mode="stall", connections=count, chunks=ENDLESS, chunk_rate=payload.FULL_SPEED)
    with python("bench.load", spec.text()) as readers:
        await asyncio.to_thread(readers.line, 120)
        await filled(server, within_s)
        yield


async def _others(played: Stage, rig: Rig) -> list[dict[str, Any]]:
    return [await played.measure(rig.pick(6.0, 3.0), rate=RATE) for _ in range(rig.pick(4, 1))]
