"""What a test of the suite plays on: a gateway in processes of its own, two backends, and callers with ledgers.

`chat` leads to the ledgers' backend (tests.support.killing_backend), `assistant` to the fast one of the benchmarks, in
a process of its own, for loads whose latency counts.
"""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any, Final

from tests.support.gateway import Gateway, prepare, running
from tests.support.killing_load import Load
from tests.support.ledger import Ledger, Row, stored

from bench.faults.backend import Backend
from bench.faults.books import Books, compare
from bench.load import Spec
from bench.process import BenchError, Cpu, Process, pss_bytes, python

SETTLED_S: Final = 60.0
POLL_S: Final = 0.02
LATE_S: Final = 5.0
SEND_BUFFER: Final = 65_536  # of the fast backend, for each caller who doesn't read
QUIET: Final = 0.03  # seconds of a half

_CONFIG: Final = """
[server]
listen = "127.0.0.1:{port}"
workers = WORKERS
LIMITS
[admin]
listen = "127.0.0.1:{admin_port}"
[data]
dir = "DATA"
[journal]
JOURNAL
[backends.one]
provider = "openai"
base_url = "http://127.0.0.1:ONE/v1"
BACKEND
[backends.fast]
provider = "openai"
base_url = "http://127.0.0.1:FAST/v1"
max_connections = 20_000
[routes.assistant.versions.v1]
backends = ["fast"]
ROUTES
"""
CHAT: Final = """
[routes.chat.versions.v1]
backends = ["one"]
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a test changes in the configuration. `data`: another folder for journal and store."""

    workers: int = 2
    limits: str = ""
    journal: str = 'reserve = "1MiB"'
    backend: str = ""  # of the backend `one`
    routes: str = CHAT
    data: str = "{data}"

    def text(self, one: int, fast: int) -> str:
        """The configuration, with the placeholders that tests.support.gateway fills."""
        words = {
            "WORKERS": str(self.workers),
            "LIMITS": self.limits,
            "DATA": self.data,
            "JOURNAL": self.journal,
            "ONE": str(one),
            "FAST": str(fast),
            "BACKEND": self.backend,
            "ROUTES": self.routes,
        }
        text = _CONFIG
        for word, value in words.items():
            text = text.replace(word, value)
        return text


@dataclass
class Rig:
    """What the command line gives a test: a folder of its own, how long it may take, where to tell how far it is."""

    folder: Path
    is_quick: bool = False
    seed: int = 0
    soak_s: float = 120.0
    say: Callable[[str], None] = field(default=lambda _: None)

    def pick(self, long: Any, quick: Any) -> Any:
        return quick if self.is_quick else long


@dataclass
class Stage:
    """A running gateway with its backends."""

    rig: Rig
    gateway: Gateway
    backend: Backend
    fast: Process
    data: Path

    @property
    def store(self) -> Path:
        return self.data / "store.sqlite3"

    @asynccontextmanager
    async def load(self, ledger: Ledger, *, port: int | None = None, **more: Any) -> AsyncIterator[Load]:
        """Callers, each with a request at a time, until the block ends; `more` as Load has it."""
        async with Load(port or self.gateway.port, ledger, seed=self.rig.seed, **more) as made:
            yield made

    async def measure(self, seconds: float, *, rate: float = 200.0, **more: Any) -> dict[str, Any]:
        """The report of an open loop from a process of its own, on the fast backend."""
        with self.start_load(Spec(0, rate=rate, seconds=seconds, **more)) as process:
            return await asyncio.to_thread(process.line, seconds + 120)

    def start_load(self, spec: Spec) -> Process:
        return python("bench.load", replace(spec, port=self.gateway.port).text())

    async def admin(self, path: str, *, method: str = "GET") -> dict[str, Any]:
        """Ask the admin listener; whatever the status, its JSON."""
        return await asyncio.to_thread(_ask, f"{self.gateway.admin_url}{path}", method)

    async def caught_up(self, within_s: float = SETTLED_S) -> float:
        """Wait until the store has all that is in the journal; the seconds it took. BenchError if it never does."""
        began = monotonic()
        while not await self._is_caught_up(began):
            if monotonic() - began > within_s:
                raise BenchError(f"the store has not caught up within {within_s:.0f} s")
            await asyncio.sleep(POLL_S)
        return monotonic() - began

    async def _is_caught_up(self, since: float) -> bool:
        """Nothing is left to be read, and what had been read is committed: the store was level since then."""
        try:
            journal = (await self.admin("/admin/v1/live"))["journal"]
        except (OSError, KeyError):
            return False
        if journal["unread_bytes"] != 0 or journal["open_exchanges"] != 0 or journal["store_error"] is not None:
            return False
        return float(journal["lag_s"]) < monotonic() - since

    async def calm(self, within_s: float = SETTLED_S) -> None:
        """Wait until no worker sheds what a burst before has made it shed. BenchError if that never comes."""
        until = monotonic() + within_s
        while any(worker["overload_step"] for worker in (await self.admin("/admin/v1/live"))["workers"]):
            if monotonic() > until:
                raise BenchError(f"the workers have not calmed down within {within_s:.0f} s")
            await asyncio.sleep(LATE_S / 10)

    async def books(self, ledger: Ledger) -> Books:
        """Wait for the store, and hold everybody's books against it. What is missing may be on its way: what the live
        view says of the journal is a second old.
        """
        await self.caught_up()
        until = monotonic() + LATE_S
        while True:
            books = compare(ledger, self.backend.heard, *self.rows())
            if not books.problems or monotonic() > until:
                return books
            await asyncio.sleep(LATE_S / 10)

    def rows(self) -> tuple[list[Row], list[Row]]:
        return stored(self.store)

    def pss(self) -> int:
        assert self.gateway.process is not None
        return pss_bytes(self.gateway.process.pid)


@asynccontextmanager
async def stage(
    rig: Rig,
    setting: Setting | None = None,
    *,
    environ: dict[str, str] | None = None,
    one: int | None = None,
    backend: Backend | None = None,
) -> AsyncIterator[Stage]:
    """Start everything, and leave nothing of it. `one`: a port, a proxy's for instance, in front of the backend."""
    setting = setting or Setting()
    async with AsyncExitStack() as stack:
        made = backend or await stack.enter_async_context(Backend(seed=rig.seed))
        fast = stack.enter_context(python("bench.backend", str(SEND_BUFFER)))
        fast_port = int((await asyncio.to_thread(fast.line))["port"])
        text = setting.text(one or made.port, fast_port)
        gateway = stack.enter_context(running(text, folder=rig.folder, environ=environ, wait=False))
        await asyncio.to_thread(gateway.wait_ready)
        data = gateway.data if setting.data == "{data}" else Path(setting.data)
        yield Stage(rig, gateway, made, fast, data)


async def filled(server: Process, within_s: float) -> None:
    """Wait until a fast backend has filled the buffers of callers who don't read: until then it takes a core."""
    until = monotonic() + within_s
    while monotonic() < until:
        before = Cpu.of(server.pid)
        await asyncio.sleep(0.5)
        if sum(Cpu.of(server.pid).since(before).values()) < QUIET:
            return


def another(rig: Rig, name: str, text: str) -> Gateway:
    """A further gateway's folder and configuration, not started."""
    folder = rig.folder / name
    folder.mkdir()
    return prepare(text, folder)


def _ask(url: str, method: str) -> dict[str, Any]:
    request = urllib.request.Request(url, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return dict(json.loads(reply.read()))
    except urllib.error.HTTPError as refusal:
        with refusal:
            return dict(json.loads(refusal.read()))
