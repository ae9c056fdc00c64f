"""T22: everything at once, in an order that a seed decides: what T1 promises must hold all the same."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import Final

import psutil
from tests.support.killing import roles
from tests.support.ledger import Ledger

from bench.faults.backend import Backend
from bench.faults.fault import REFUSED, Act, Fault
from bench.faults.figure import Figure, at_least, at_most
from bench.faults.proxy import FaultProxy
from bench.faults.stage import Rig, Stage, stage
from bench.faults.t03_store import locked

TITLE: Final = "everything at once"
READY_S: Final = 5.0


async def run(rig: Rig) -> list[Figure]:
    """The seed stands in the table: `--seed` plays it again."""
    seconds, draw, ledger = rig.pick(120.0, 15.0), random.Random(rig.seed), Ledger(prefix="t22")
    done: Counter[str] = Counter()
    async with (
        Backend(seed=rig.seed) as backend,
        FaultProxy(backend.port, seed=rig.seed) as proxy,
        stage(rig, backend=backend, one=proxy.port) as played,
    ):
        async with played.load(ledger, callers=8, pause_s=0.01):
            until = monotonic() + seconds
            while monotonic() < until:
                event = draw.choice(EVENTS)
                rig.say(event.__name__.strip("_"))
                await event(played, proxy, draw)
                done[event.__name__] += 1
                await asyncio.sleep(draw.random())
            await proxy.mend()
            ready_s, good = await _afterwards(played, ledger)
        books = await played.books(ledger)
    return [
        at_least(f"things that went wrong (seed {rig.seed})", done.total(), 1),
        *[figure for figure in books.figures() if "calls" not in figure.name],
        at_most("ready again after", ready_s, READY_S, "s"),
        at_least("requests served in a second afterwards", good, 1),
    ]


async def _afterwards(played: Stage, ledger: Ledger) -> tuple[float, int]:
    """The seconds until all is ready again, and what is served in a second then."""
    began = monotonic()
    await asyncio.to_thread(played.gateway.wait_ready)
    ready_s = monotonic() - began
    await asyncio.sleep(1.0)
    before = ledger.acknowledged
    await asyncio.sleep(1.0)
    return ready_s, ledger.acknowledged - before


async def _worker(played: Stage, proxy: FaultProxy, draw: random.Random) -> None:
    if workers := roles(played.gateway).workers:
        _kill(draw.choice(workers))


async def _control(played: Stage, proxy: FaultProxy, draw: random.Random) -> None:
    if (control := roles(played.gateway).control) is not None:
        _kill(control)


async def _store(played: Stage, proxy: FaultProxy, draw: random.Random) -> None:
    async with locked(played.store):
        await asyncio.sleep(2 * draw.random())


async def _reload(played: Stage, proxy: FaultProxy, draw: random.Random) -> None:
    with suppress(OSError, ValueError):
        await played.admin("/admin/v1/reload", method="POST")


async def _refuse(played: Stage, proxy: FaultProxy, draw: random.Random) -> None:
    await proxy.close_door(REFUSED)
    await asyncio.sleep(draw.random())
    await proxy.mend()


async def _break(played: Stage, proxy: FaultProxy, draw: random.Random) -> None:
    proxy.answers = Fault(slice=1 + draw.randrange(50), act=Act.RESET, at=draw.randrange(100, 2000))
    await asyncio.sleep(draw.random())
    await proxy.mend()


async def _together(played: Stage, proxy: FaultProxy, draw: random.Random) -> None:
    """A worker and control die in a reload, the store locked, the backend away."""
    async with locked(played.store):
        await proxy.close_door(REFUSED)
        reload = asyncio.ensure_future(_reload(played, proxy, draw))
        await _worker(played, proxy, draw)
        await _control(played, proxy, draw)
        await asyncio.sleep(draw.random())
        await reload
    await proxy.mend()


Event = Callable[[Stage, FaultProxy, random.Random], Awaitable[None]]
EVENTS: Final[tuple[Event, ...]] = (_worker, _control, _store, _reload, _refuse, _break, _together)


def _kill(process: psutil.Process) -> None:
    with suppress(psutil.Error):
        process.kill()
