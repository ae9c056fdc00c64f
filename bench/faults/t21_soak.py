"""T21: mixed faults for a long time: memory and descriptors must not grow."""

import asyncio
import random
from contextlib import suppress
from statistics import median
from time import monotonic
from typing import Final

import psutil
from tests.support.killing_load import Caller, FailedError
from tests.support.ledger import Ledger, Request

from bench.faults.backend import Backend
from bench.faults.fault import REFUSED, Act, Fault
from bench.faults.figure import Figure, at_most, none_of
from bench.faults.proxy import FaultProxy
from bench.faults.stage import Rig, Stage, stage

TITLE: Final = "a soak in mixed faults"
GROWTH_MIB: Final = 1.0  # for 10,000 requests
NOISE_MIB: Final = 4.0  # what it goes up and down by itself
WARM: Final = 0.4  # of the time: caches fill, arenas find their size
MIB: Final = 1024 * 1024
FAULTS: Final = (
    Fault(),
    Fault(delay=0.01, jitter=0.05),
    Fault(slice=1),
    Fault(slice=7, gap=0.001),
    Fault(rate=20_000, slice=512),
    Fault(act=Act.RESET, at=700),
    Fault(act=Act.HALF_CLOSE, at=300),
    Fault(act=Act.CORRUPT, at=150),
    REFUSED,
)


async def run(rig: Rig) -> list[Figure]:
    """`--soak` says how long. Requests fail here, as they must; the books have to agree all the same."""
    seconds = rig.pick(rig.soak_s, 20.0)
    ledger, draw = Ledger(prefix="t21"), random.Random(rig.seed)
    samples: list[tuple[float, int, int]] = []
    async with (
        Backend(seed=rig.seed) as backend,
        FaultProxy(backend.port, seed=rig.seed) as proxy,
        stage(rig, backend=backend, one=proxy.port) as played,
    ):
        await played.measure(1.0)
        begun = _descriptors(played)
        watch = asyncio.ensure_future(_watch(played, ledger, samples))
        leaving = asyncio.ensure_future(_leavers(played, draw))
        async with played.load(ledger, callers=8, pause_s=0.005):
            await _faults(rig, proxy, draw, seconds)
        for task in (watch, leaving):
            task.cancel()
        await asyncio.gather(watch, leaving, return_exceptions=True)
        books = await played.books(ledger)
        await asyncio.sleep(5.0)  # idle connections of pools close after 3.5 s
        ended = _descriptors(played)
    warm = [each for each in samples if each[0] >= seconds * WARM]
    grown, requests = _grown(warm)
    return [
        *[figure for figure in books.figures() if "calls" not in figure.name],
        at_most(
            f"memory grown in {requests:,} requests after warming up",
            grown,
            max(NOISE_MIB, GROWTH_MIB * requests / 10_000),
            "MiB",
        ),
        none_of("descriptors more than at the start", max(0, ended - begun)),
        at_most("requests failed, of all", 100 * len(ledger.failures) / max(1, len(ledger.requests)), 60.0, "%", 0),
    ]


async def _faults(rig: Rig, proxy: FaultProxy, draw: random.Random, seconds: float) -> None:
    until = monotonic() + seconds
    while (left := until - monotonic()) > 0:
        fault = draw.choice(FAULTS)
        rig.say(f"{left:.0f} s left: {fault.door.value}, {fault.act.value if fault.act else 'bytes as they are'}")
        if fault is REFUSED:
            await proxy.close_door(REFUSED)
        else:
            proxy.answers = fault
        await asyncio.sleep(min(left, 0.5 + draw.random()))
        await proxy.mend()
        await asyncio.sleep(0.3)


async def _leavers(played: Stage, draw: random.Random) -> None:
    """Callers who go away in the middle."""
    for number in range(1_000_000):
        caller = Caller(played.gateway.port)
        with suppress(OSError, FailedError, TimeoutError):
            async with asyncio.timeout(draw.random() * 0.05):
                await caller.ask(Request(f"left-{number}", is_stream=True))
        caller.close()
        await asyncio.sleep(0.05)


async def _watch(played: Stage, ledger: Ledger, samples: list[tuple[float, int, int]]) -> None:
    began = monotonic()
    while True:
        samples.append((monotonic() - began, played.pss(), len(ledger.requests)))
        await asyncio.sleep(0.5)


def _grown(samples: list[tuple[float, int, int]]) -> tuple[float, int]:
    """MiB from the first third to the last, medians, so that one moment's peak is not taken for growth; requests."""
    part = max(1, len(samples) // 3)
    first, last = samples[:part], samples[-part:]
    grown = median(each[1] for each in last) - median(each[1] for each in first)
    return max(0.0, grown) / MIB, int(median(each[2] for each in last) - median(each[2] for each in first))


def _descriptors(played: Stage) -> int:
    total = 0
    for process in played.gateway.family():
        with suppress(psutil.Error):
            total += process.num_fds()
    return total
