"""A data plane in the test's own event loop: real sockets on both sides, a real journal, no other process.

async with plane(backend.url) as running:
    reply = await running.post("/v1/chat/completions", {...})
    facts, outcome = running.settled()[0]
"""

import asyncio
import contextlib
import json
import random
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import h11

from llmgateway import plugins
from llmgateway.app.worker import Installed
from llmgateway.config.loader import load
from llmgateway.config.snapshot import Snapshot
from llmgateway.dataplane.call import Gateway
from llmgateway.dataplane.worker import Worker, prepare
from llmgateway.domain.clock import SystemClock
from llmgateway.domain.ids import IdMint
from llmgateway.http.deadlines import Sweeper
from llmgateway.journal.frame import Record, unpack
from llmgateway.journal.layout import journal_folder
from llmgateway.journal.writer import JournalWriter

KEY = "lgw_test"
KEY_HASH = sha256(KEY.encode()).hexdigest()
TOKEN_SECRET = b"of the data folder, 32 bytes long"
BOUND_S = 10.0

CONFIG = """
[data]
dir = "{data}"
[backends.one]
provider = "openai"
base_url = "{one}/v1"
api_key = "sk-upstream-secret"
[backends.two]
provider = "openai"
base_url = "{two}/v1"
[backends.claude]
provider = "anthropic"
base_url = "{one}"
api_key = "sk-ant-secret"
[routes.assistant]
fallback = []
[routes.assistant.versions.v1]
backends = ["one"]
model = "upstream-model"
weight = 1
[routes.resilient]
fallback = ["v2"]
[routes.resilient.versions.v1]
backends = ["one"]
weight = 1
[routes.resilient.versions.v2]
backends = ["two"]
model = "fallback-model"
weight = 0
[routes.claude.versions.v1]
backends = ["claude"]
model = "claude-upstream"
params = { max_tokens = 64 }
weight = 1
[routes."gpt-*".versions.v1]
backends = ["one"]
weight = 1
[keys.app]
hash = "sha256:{hash}"
routes = ["*"]
default_route = "assistant"
"""


@dataclass
class Answer:
    """A reply as h11 read it. `is_whole`: it ended the way HTTP says it must."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_whole: bool = False

    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    """One connection to the gateway, driven by h11."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.wire = h11.Connection(h11.CLIENT)

    def send(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        named = {"host": "gateway", "authorization": f"Bearer {KEY}", **(headers or {})}
        if body:
            named.setdefault("content-type", "application/json")
            named["content-length"] = str(len(body))
        request = h11.Request(method=method, target=path, headers=[(k, v) for k, v in named.items() if v])
        self.writer.write(self.wire.send(request) or b"")
        if body:
            self.writer.write(self.wire.send(h11.Data(data=body)) or b"")
        self.writer.write(self.wire.send(h11.EndOfMessage()) or b"")

    async def receive(self, until: bytes | None = None) -> Answer:
        """Read the reply, or as much of it as ends with `until`."""
        answer = Answer()
        async with asyncio.timeout(BOUND_S):
            while True:
                try:
                    event = self.wire.next_event()
                except h11.RemoteProtocolError:
                    return answer
                if event is h11.NEED_DATA:
                    self.wire.receive_data(await self._read())
                elif isinstance(event, h11.Response):
                    answer.status = event.status_code
                    answer.headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
                elif isinstance(event, h11.Data):
                    answer.body += bytes(event.data)
                    if until is not None and answer.body.endswith(until):
                        return answer
                elif isinstance(event, h11.EndOfMessage):
                    answer.is_whole = True
                    return answer
                else:
                    return answer

    async def _read(self) -> bytes:
        try:
            return await self.reader.read(65536)
        except ConnectionResetError:
            return b""

    async def leave(self) -> None:
        self.writer.transport.abort()


@dataclass
class Plane:
    """What a test asks of a running data plane."""

    worker: Worker
    port: int
    folder: Path
    callers: list[Caller] = field(default_factory=list)

    async def connect(self) -> Caller:
        caller = Caller(*await asyncio.open_connection("127.0.0.1", self.port))
        self.callers.append(caller)
        return caller

    async def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        caller = await self.connect()
        caller.send(method, path, body, headers)
        return await caller.receive()

    async def post(self, path: str, document: Any, headers: Mapping[str, str] | None = None) -> Answer:
        return await self.ask("POST", path, json.dumps(document).encode(), headers)

    async def quiet(self) -> None:
        """Wait until no request is being worked on."""
        async with asyncio.timeout(BOUND_S):
            while self.worker.http.running:
                await asyncio.sleep(0.001)

    def records(self) -> list[Record]:
        """Everything in the journal, in the order it was written."""
        found: list[Record] = []
        for segment in sorted(journal_folder(self.folder).glob("*/*.seg")):
            content, at = segment.read_bytes(), 0
            while at + 16 <= len(content):
                end = at + 12 + int.from_bytes(content[at + 4 : at + 8], "little")
                found.append(unpack(content[at:end]))
                at = end
        return found

    def of_kind(self, kind: str) -> list[Record]:
        return [record for record in self.records() if record.meta["k"] == kind]

    def outcome(self) -> Record:
        """The one exchange's `settled` record; fails if there is not exactly one."""
        (record,) = self.of_kind("settled")
        (facts,) = self.of_kind("admitted")
        assert facts.meta["id"] == record.meta["id"]
        return record


@asynccontextmanager
async def plane(
    tmp_path: Path, one: str, two: str = "http://127.0.0.1:9", config: str = CONFIG, **more: Any
) -> AsyncIterator[Plane]:
    """Run a data plane with `config`; backend `one` is at that URL, `two` at the other."""
    text = config.replace("{data}", str(tmp_path)).replace("{one}", one).replace("{two}", two)
    snapshot = load(
        text.replace("{hash}", KEY_HASH),
        providers=("openai", "anthropic"),
        guardrails=plugins.guardrails(),
        generation=1,
        environ={},
    )
    running = _start(tmp_path, snapshot, **more)
    await running.worker.start()
    try:
        yield running
    finally:
        for caller in running.callers:
            caller.writer.transport.abort()
        running.worker.http.close()
        await running.quiet()
        await running.worker.close()
        for caller in running.callers:
            with contextlib.suppress(OSError):
                await caller.writer.wait_closed()
        await _settled_down(running.worker)


async def _settled_down(worker: Worker) -> None:
    """Let every connection's end reach its protocol: a transport that outlives its loop complains."""
    pools = [upstream.pool for upstream in worker.gateway.in_force.upstreams.values()]
    for connection in [connection for pool in pools for connection in pool._connections]:
        connection.cancel()
    async with asyncio.timeout(BOUND_S):
        while worker.http.connections or any(pool.open for pool in pools):
            await asyncio.sleep(0)


def _start(folder: Path, snapshot: Snapshot, **more: Any) -> Plane:
    clock = SystemClock()
    sweeper, installed = Sweeper(clock), Installed()
    journal = JournalWriter.open(journal_folder(folder), snapshot.journal, clock)
    gateway = Gateway(
        in_force=prepare(snapshot, None, installed, clock, sweeper),
        journal=more.get("journal", journal),
        sweeper=sweeper,
        clock=clock,
        mint=IdMint(clock.time),
        draw=random.Random(7).random,
        dialects=plugins.load_all("dialect"),
        token_secret=TOKEN_SECRET,
    )
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    port = listener.getsockname()[1]
    return Plane(Worker(gateway, journal, listener, installed), port, folder)
