"""This gateway with everything on that is on by default: keys, a weighted route with two versions and sticky users,
spliced model and parameters, the journal with whole bodies, ingestion into the store, metrics.
"""

import http.client
import json
import os
import sqlite3
import sys
from contextlib import closing
from functools import cache
from time import monotonic, sleep
from typing import Any, Final

from bench import payload
from bench.contenders.base import Contender
from bench.process import BenchError, Process
from llmgateway import __version__
from llmgateway.config.minting import hash_of, mint_key

DRAINED_S: Final = 120.0
WORKERS: Final = int(os.environ.get("BENCH_WORKERS", "2"))

_CONFIG: Final = """
[server]
listen = "127.0.0.1:0"
workers = {workers}
[admin]
listen = "127.0.0.1:0"
[data]
dir = "{folder}/data"
[backends.one]
provider = "openai"
base_url = "http://127.0.0.1:{backend}/v1"
api_key = "sk-bench"
[backends.two]
provider = "openai"
base_url = "http://127.0.0.1:{backend}/v1"
api_key = "sk-bench"
[routes.{route}]
sticky = "user"
fallback = ["v1"]
[routes.{route}.versions.v1]
backends = ["one"]
model = "{model}"
weight = 90
[routes.{route}.versions.v2]
backends = ["two"]
model = "gpt-4.1-mini"
params = {{ temperature = 0.2 }}
weight = 10
[keys.bench]
hash = "{hash}"
routes = ["{route}"]
"""


_OF_ROUTE: Final = 'sticky = "user"'


class Gateway(Contender):
    """Also what the measurements of this gateway alone work with: its journal, its store, its admin listener."""

    name = "llmgateway"
    admin_port: int

    more = ""  # configuration
    route = ""  # settings of the route

    @classmethod
    def version(cls) -> str:
        return __version__

    def start(self) -> None:
        key = mint_key()
        self.headers = {"authorization": f"Bearer {key}"}
        values: dict[str, Any] = {"workers": WORKERS, "folder": self.folder, "backend": self.backend}
        config = self.folder / "config.toml"
        text = _CONFIG.format(**values, route=payload.ROUTE, model=payload.MODEL, hash=hash_of(key))
        config.write_text(text.replace(_OF_ROUTE, f"{_OF_ROUTE}\n{self.route}") + self.more)
        command = [sys.executable, "-m", "llmgateway", "serve", "--json", "--config", str(config)]
        self.process = Process(command)
        facts = self.process.line()
        self.port = int(facts["url"].rpartition(":")[2])
        self.admin_port = int(facts["admin_url"].rpartition(":")[2])

    def until_ready(self) -> None:
        """It has said so."""

    def drained(self, exchanges: int) -> None:
        """Wait until so many exchanges are in the store. It is read from outside, which costs the gateway nothing."""
        ends = monotonic() + DRAINED_S
        while (there := self.stored()) < exchanges:
            if monotonic() > ends:
                raise BenchError(f"{exchanges - there} of {exchanges} exchanges are not in the store")
            sleep(0.05)

    def stored(self) -> int:
        """How many exchanges the store has; none while it has not been made yet."""
        store = f"file:{self.folder}/data/store.sqlite3?mode=ro"
        try:
            with closing(sqlite3.connect(store, uri=True, timeout=10)) as connection:
                return int(connection.execute("SELECT coalesce(max(seq), 0) FROM exchange").fetchone()[0])
        except sqlite3.OperationalError:
            return 0

    def live(self) -> dict[str, Any]:
        """The admin listener's live view. Asking costs the gateway: not while its processor time is measured."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=10)
        try:
            connection.request("GET", "/admin/v1/live")
            return dict(json.loads(connection.getresponse().read()))
        finally:
            connection.close()

    def worker_pids(self) -> frozenset[int]:
        """Processes that carry traffic. They tell control of themselves once a second, so the first call may wait."""
        ends = monotonic() + 10
        while len(pids := frozenset(int(worker["pid"]) for worker in self.live()["workers"])) < WORKERS:
            if monotonic() > ends:
                raise BenchError("the gateway's workers don't show up")
            sleep(0.1)
        return pids

    def control_pid(self) -> int:
        return next(pid for pid in self.cpu().by_pid if self.role(pid) == "control")

    def role(self, pid: int) -> str:
        if self.process is not None and pid == self.process.pid:
            return "supervisor"
        return "workers" if pid in self._workers else "control"

    @property
    def _workers(self) -> frozenset[int]:
        return _workers_of(self)

    @property
    def journal_bytes(self) -> int:
        """What lies in the journal, ingested or not."""
        return sum(path.stat().st_size for path in (self.folder / "data" / "journal").glob("*/*.seg"))


class Guarded(Gateway):
    """The same with guardrails on prompts and answers, streams included."""

    name = "llmgateway, guarded"
    route = 'guardrails = ["pii", "secrets", "words"]'
    more = '[guardrails.words]\nuse = "denylist"\nwords = ' + json.dumps([f"codename {n:04}" for n in range(1000)])


@cache
def _workers_of(gateway: Gateway) -> frozenset[int]:
    return gateway.worker_pids()
