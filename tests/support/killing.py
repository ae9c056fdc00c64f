"""kill -9 under load, and what must hold all the same. Shared by tests/e2e/test_kill.py and bench/kill.py.

async with campaign(folder, seed=1) as killing:
    round = await killing.round("one worker")
    problems = await killing.settle()
"""

import asyncio
import random
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import psutil
from tests.support.gateway import Gateway, running
from tests.support.killing_backend import Backend
from tests.support.killing_load import Load
from tests.support.ledger import Counters, Ledger, Row, audit, stored

WORKERS: Final = 2
VICTIMS: Final = ("one worker", "control", "supervisor", "all")
RECOVERY_S: Final = 30.0
SCRAPE_EVERY_S: Final = 0.05
POLL_S: Final = 0.01
MOMENT_S: Final = 0.4

CONFIG: Final = """
[server]
listen = "127.0.0.1:{port}"
workers = 2
[admin]
listen = "127.0.0.1:{admin_port}"
[data]
dir = "{data}"
[journal]
durability = "DURABILITY"
reserve = "1MiB"
[backends.one]
provider = "openai"
base_url = "BACKEND"
[routes.chat.versions.v1]
backends = ["one"]
"""


@dataclass
class Roles:
    """The processes of a gateway by what they listen on."""

    supervisor: psutil.Process | None = None
    control: psutil.Process | None = None
    workers: list[psutil.Process] = field(default_factory=list)


def roles(gateway: Gateway) -> Roles:
    """Tell the processes of the running gateway apart. Workers that drain listen no more and are left out."""
    found = Roles()
    for process in gateway.family():
        with suppress(psutil.Error):
            ports = {c.laddr.port for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
            if gateway.process is not None and process.pid == gateway.process.pid:
                found.supervisor = process
            elif gateway.port in ports and gateway.admin_port not in ports:
                found.workers.append(process)
            elif gateway.admin_port in ports and gateway.port not in ports:
                found.control = process
    return found


def callers_of(process: psutil.Process, port: int) -> set[int]:
    """The ports of the callers whose connections a process holds."""
    connections = process.net_connections("tcp")
    return {each.raddr.port for each in connections if each.raddr and each.laddr.port == port}


@dataclass(frozen=True, slots=True)
class Round:
    """One kill. `connections`: those of callers that the killed processes held, each with one request at a time.

    `strangers`: failures that the kill can't excuse.
    """

    victim: str
    connections: int
    failures: int
    strangers: list[str]
    recovery_s: float


class Killing:
    """One gateway under load and everything that is known about it."""

    def __init__(self, gateway: Gateway, backend: Backend, load: Load, ledger: Ledger, seed: int) -> None:
        self.gateway = gateway
        self.ledger = ledger
        self.counters = Counters()
        self.exchanges: list[Row] = []  # the store's, once it is settled
        self._backend = backend
        self._load = load
        self._random = random.Random(seed)

    async def round(self, victim: str) -> Round:
        """Kill while callers are served, and wait until everything runs again."""
        await self._load.progress(20)
        return await self._rounds[victim](self, victim)

    async def _moment(self) -> None:
        """Wait for a moment to kill at: any, or one at which something may be half done."""
        choice = self._random.choice((self._whenever, self._at_an_answer, self._at_a_commit))
        with suppress(TimeoutError):
            await asyncio.wait_for(choice(), MOMENT_S)

    async def _whenever(self) -> None:
        await asyncio.sleep(self._random.random() * MOMENT_S)

    async def _at_an_answer(self) -> None:
        """A caller has just been given the last byte."""
        await self._load.progress(self._random.randrange(1, 20))

    async def _at_a_commit(self) -> None:
        """The store is just being written to. Looks without a pause, and so holds callers and backend up meanwhile:
        a few milliseconds later would be too late to find anything half done.
        """
        await self._load.progress(5)
        log = self.gateway.store.with_name(self.gateway.store.name + "-wal")
        before, until = _stamp(log), time.monotonic() + MOMENT_S
        while _stamp(log) == before and time.monotonic() < until:
            pass

    async def settle(self) -> list[str]:
        """End the load and the gateway in good order; what is wrong with the books, a sentence each."""
        await self._load.stop()
        await asyncio.to_thread(self.gateway.stop, RECOVERY_S)
        problems = [] if await asyncio.to_thread(self.gateway.wait_gone) else ["processes were left after the end"]
        self.exchanges, attempts = stored(self.gateway.store)
        problems += audit(self.ledger, self._backend.heard, self.exchanges, attempts)
        problems += await self._look_again()
        return problems

    async def _look_again(self) -> list[str]:
        """What one more start finds: the same figures, nothing more to ingest, and a tidy journal."""
        await asyncio.to_thread(self.gateway.start)
        journal = self.gateway.data / "journal"
        problems = []
        try:
            await self._until(lambda: len(incarnations(journal)) <= WORKERS, "the old journals' end")
        except AssertionError:
            problems.append(f"the journal still holds {incarnations(journal)}")
        self.counters.scraped(await asyncio.to_thread(_scrape, self.gateway))
        await asyncio.to_thread(self.gateway.stop, RECOVERY_S)
        counted = self.counters.total("llmgateway_requests_total")
        if counted != len(self.exchanges):
            problems.append(f"/metrics counts {counted:g} requests, the store has {len(self.exchanges)}")
        if len(stored(self.gateway.store)[0]) != len(self.exchanges):
            problems.append("the last stop left exchanges behind that only the next start ingested")
        problems += [f"a record could not be ingested: {each.name}" for each in journal.glob("dead-letter/*")]
        problems += [f"{series} is {value:g}" for series, value in self.counters.damage.items()]
        return problems + self.counters.fallen

    async def _worker(self, victim: str) -> Round:
        workers = roles(self.gateway).workers
        known = {each.pid for each in workers}
        worker = self._random.choice(workers)
        await self._moment()
        worker.suspend()  # it does nothing between our look at its connections and its death
        ports = callers_of(worker, self.gateway.port)
        before = len(self.ledger.failures)
        worker.kill()
        began = time.monotonic()
        await self._until(lambda: self._serves_anew(known), "a new worker that serves")
        recovery_s = time.monotonic() - began
        await self._load.progress(10)
        failures = self.ledger.failures[before:]
        strangers = [f"{each.marker}: {each.failure}" for each in failures if each.port not in ports]
        return Round(victim, len(ports), len(failures), strangers, recovery_s)

    def _serves_anew(self, known: set[int]) -> bool:
        """Somebody new has callers. That it listens says nothing: it does from its birth on."""
        found = roles(self.gateway).workers
        if len(found) != WORKERS:
            return False
        with suppress(psutil.Error):
            return any(callers_of(each, self.gateway.port) for each in found if each.pid not in known)
        return False

    async def _control(self, victim: str) -> Round:
        control = roles(self.gateway).control
        assert control is not None
        await self._at_a_commit()
        before = len(self.ledger.failures)
        control.kill()
        began = time.monotonic()
        await self._until(lambda: _is_other(roles(self.gateway).control, control), "a new control")
        await asyncio.to_thread(self.gateway.wait_ready)
        recovery_s = time.monotonic() - began
        failures = self.ledger.failures[before:]
        return Round(victim, 0, len(failures), [str(each.failure) for each in failures], recovery_s)

    async def _supervisor(self, victim: str) -> Round:
        """What runs at that moment must end well: the orphans finish it."""
        await self._moment()
        with_us = {port for worker in roles(self.gateway).workers for port in callers_of(worker, self.gateway.port)}
        in_flight = [each for each in self.ledger.running.values() if each.port in with_us]
        one = await self._restarted(victim, self.gateway.family()[:1])
        lost = [f"{each.marker}: {each.failure}" for each in in_flight if each.failure is not None]
        return replace(one, connections=len(with_us), strangers=lost)

    async def _all(self, victim: str) -> Round:
        processes = self.gateway.family()
        await self._moment()
        return await self._restarted(victim, processes)

    async def _restarted(self, victim: str, processes: list[psutil.Process]) -> Round:
        """Kill, and start the gateway again on the same folder and ports."""
        before, began = len(self.ledger.failures), time.monotonic()
        for process in processes:
            process.kill()
        assert self.gateway.process is not None
        self.gateway.process.wait(RECOVERY_S)
        await asyncio.to_thread(self.gateway.start)
        recovery_s = time.monotonic() - began
        await self._load.progress(10)
        return Round(victim, 0, len(self.ledger.failures) - before, [], recovery_s)

    async def _until(self, is_so: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + RECOVERY_S
        while not is_so():
            assert time.monotonic() < until, f"no sign of {what}"
            await asyncio.sleep(POLL_S)

    _rounds: Final[dict[str, Callable[["Killing", str], Awaitable[Round]]]] = {
        "one worker": _worker,
        "control": _control,
        "supervisor": _supervisor,
        "all": _all,
    }


@asynccontextmanager
async def campaign(
    folder: Path, *, seed: int, callers: int = 12, durability: str = "process"
) -> AsyncIterator[Killing]:
    """Start a backend, a gateway and callers; nothing of them is left after the block."""
    ledger = Ledger(prefix=f"s{seed}")
    async with Backend(seed=seed) as backend:
        config = CONFIG.replace("BACKEND", backend.base_url).replace("DURABILITY", durability)
        with running(config, folder=folder, wait=False) as gateway:
            await asyncio.to_thread(gateway.wait_ready)
            async with Load(gateway.port, ledger, callers=callers, seed=seed) as load:
                killing = Killing(gateway, backend, load, ledger, seed)
                scraper = asyncio.create_task(_keep_scraping(killing))
                try:
                    yield killing
                finally:
                    scraper.cancel()
                    await asyncio.gather(scraper, return_exceptions=True)


async def _keep_scraping(killing: Killing) -> None:
    while True:
        with suppress(OSError):
            killing.counters.scraped(await asyncio.to_thread(_scrape, killing.gateway))
        await asyncio.sleep(SCRAPE_EVERY_S)


def _scrape(gateway: Gateway) -> str:
    with urllib.request.urlopen(f"{gateway.admin_url}/metrics", timeout=5) as reply:
        return str(reply.read().decode())


def incarnations(journal: Path) -> list[str]:
    """The journal's folders of workers, living and dead."""
    return [path.name for path in journal.iterdir() if path.name[:1].isdigit()]


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _is_other(process: psutil.Process | None, than: psutil.Process) -> bool:
    return process is not None and process.pid != than.pid
