"""T12: one of three backends refuses, is a blackhole, fails, is slow, or flaps. Callers should not notice.

Each illness has a route, three backends and callers of its own, all in one gateway and at the same time.
"""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from typing import Final

from tests.support.ledger import Ledger, Request

from bench.faults.backend import Backend
from bench.faults.fault import BLACKHOLE, REFUSED
from bench.faults.figure import Figure, at_most, none_of
from bench.faults.outage import Attempt, back_after, out_after, share
from bench.faults.proxy import FaultProxy
from bench.faults.stage import Rig, Setting, Stage, stage

TITLE: Final = "one of three backends is sick"
BACK_S: Final = 10.0
CONNECT_S: Final = 1.0
CALLS: Final = 1.2
MEMBERS: Final = 3

_BACKEND: Final = """
[backends.NAME]
provider = "openai"
base_url = "http://127.0.0.1:PORT/v1"
timeouts = { connect = "CONNECTs" }
"""


@dataclass
class Patient:
    """The backend that is made ill, with the proxy before it, and the route it works for."""

    route: str
    backend: Backend
    proxy: FaultProxy
    ports: list[int]
    ledger: Ledger
    began: float = 0.0
    healed: float = 0.0
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.route}-0"

    def tables(self) -> str:
        names = [f"{self.route}-{at}" for at in range(MEMBERS)]
        backends = [
            _BACKEND.replace("NAME", name).replace("PORT", str(port)).replace("CONNECT", str(CONNECT_S))
            for name, port in zip(names, self.ports, strict=True)
        ]
        return "".join(backends) + f"[routes.{self.route}.versions.v1]\nbackends = {names}\n".replace("'", '"')

    async def refuse(self) -> None:
        await self.proxy.close_door(REFUSED)

    async def swallow(self) -> None:
        await self.proxy.close_door(BLACKHOLE)

    async def fail(self) -> None:
        self.backend.fail = 0.3

    async def crawl(self) -> None:
        self.backend.slow_s = 0.5

    async def flap(self) -> None:
        await self.proxy.flap(3.0)

    async def heal(self) -> None:
        self.backend.fail = self.backend.slow_s = 0.0
        await self.proxy.mend()


@dataclass(frozen=True)
class Illness:
    """`out_s`: how soon it must be out; None: that is not asked."""

    name: str
    begin: Callable[[Patient], Awaitable[None]]
    out_s: float | None


ILLNESSES: Final = {
    "refuses": Illness("refuses", Patient.refuse, 1.0),
    "swallows": Illness("a blackhole", Patient.swallow, 2 * CONNECT_S),
    "fails": Illness("fails 30 %", Patient.fail, 10.0),
    "crawls": Illness("10 times slower", Patient.crawl, 10.0),
    "flaps": Illness("flaps every 3 s", Patient.flap, None),
}


async def run(rig: Rig) -> list[Figure]:
    """All illnesses break out at once, and are cured at once."""
    ill_s, heal_s = rig.pick((60.0, 40.0), (11.0, 11.0))
    async with AsyncExitStack() as stack:
        patients = [await _patient(stack, rig, route, number) for number, route in enumerate(ILLNESSES)]
        setting = Setting(routes="".join(each.tables() for each in patients))
        played = await stack.enter_async_context(stage(rig, setting, backend=patients[0].backend))
        rig.say("all are well")
        await asyncio.gather(*(_course(played, each, ill_s, heal_s) for each in patients))
        await played.caught_up()
        await asyncio.sleep(0.3)
        for each in patients:
            each.attempts = _attempts(played, each.ledger.prefix)
    return [figure for each in patients for figure in _figures(each, ILLNESSES[each.route])]


async def _patient(stack: AsyncExitStack, rig: Rig, route: str, number: int) -> Patient:
    backends = [await stack.enter_async_context(Backend(seed=rig.seed + number + at)) for at in range(MEMBERS)]
    proxy = await stack.enter_async_context(FaultProxy(backends[0].port, seed=rig.seed))
    ports = [proxy.port, *(each.port for each in backends[1:])]
    return Patient(route, backends[0], proxy, ports, Ledger(prefix=f"t12{route}"))


async def _course(played: Stage, patient: Patient, ill_s: float, heal_s: float) -> None:
    """Well, ill, and cured."""
    async with played.load(patient.ledger, callers=5, pause_s=0.05, model=patient.route) as load:
        await load.progress(60)
        played.rig.say("one of each three is ill")
        patient.began = time.time()
        await ILLNESSES[patient.route].begin(patient)
        await asyncio.sleep(ill_s)
        played.rig.say("they are cured")
        patient.healed = time.time()
        await patient.heal()
        await asyncio.sleep(heal_s)


def _figures(patient: Patient, illness: Illness) -> list[Figure]:
    ledger, attempts = patient.ledger, patient.attempts
    failures = [str(each.failure) for each in ledger.failures if not _was_cut(each)]
    figures = [
        none_of(f"{illness.name}: failed requests", failures, len(ledger.requests)),
        at_most(f"{illness.name}: attempts a request", len(attempts) / max(1, len(ledger.requests)), CALLS),
    ]
    if illness.out_s is None:
        part = share(attempts, patient.name, patient.began, patient.healed)
        return [*figures, at_most(f"{illness.name}: its share of the attempts", part, 1 / MEMBERS)]
    out = out_after(attempts, patient.name, patient.began, patient.healed)
    back = back_after(attempts, patient.name, patient.healed)
    figures.append(at_most(f"{illness.name}: out after", out, illness.out_s, "s"))
    return [*figures, at_most(f"{illness.name}: back after", back, BACK_S, "s")]


def _was_cut(request: Request) -> bool:
    """A stream that broke off after its first words: nobody can take those back, so there is no second attempt."""
    return request.is_stream and request.status == 200


def _attempts(played: Stage, prefix: str) -> list[Attempt]:
    with closing(sqlite3.connect(f"file:{played.store}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT e.at + coalesce(a.offset_s, 0), a.backend, a.result FROM attempt a JOIN exchange e"
            " ON e.seq = a.exchange_seq WHERE e.user LIKE ? || '-%'",
            (prefix,),
        ).fetchall()
    return [Attempt(at, backend, result == "ok") for at, backend, result in rows]
