"""A control plane with a real configuration file, a real store and real links, and workers that are nothing but a link."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from tests.support.control import status

from llmgateway import plugins
from llmgateway.config import lastgood
from llmgateway.config.loader import Examined, examine
from llmgateway.config.problems import ConfigError
from llmgateway.config.prompts import parted
from llmgateway.controlplane.configfile import ConfigFile
from llmgateway.controlplane.control import Control
from llmgateway.controlplane.erasing import Erasing
from llmgateway.controlplane.events import Events
from llmgateway.controlplane.ledger import Ledger
from llmgateway.controlplane.live import Recent
from llmgateway.controlplane.parts import Parts
from llmgateway.controlplane.registry import Registry
from llmgateway.dataplane.link import Link
from llmgateway.domain.clock import SystemClock
from llmgateway.journal.layout import journal_folder
from llmgateway.store.sqlite import SqliteStore
from llmgateway.telemetry.frames import (
    MAX_SNAPSHOT_BYTES,
    MAX_STATUS_BYTES,
    STATUS,
    frame,
    revision,
    socket_path,
)

PROVIDERS = ("openai", "anthropic")
TOKEN_SECRET = b"of the data folder, 32 bytes long"
CANARY = "sk-canary-0123456789"
CONFIG = f"""\
# the gateway of the test
[admin]
listen = "127.0.0.1:8081"
[backends.one]
provider = "openai"
base_url = "http://127.0.0.1:9001/v1"   # the first
api_key = "{CANARY}"
[backends.two]
provider = "openai"
base_url = "http://127.0.0.1:9002/v1"
api_key = "env:TWO"
[routes.chat]
[routes.chat.versions.v1]
backends = ["one"]
weight = 90   # most of it
[routes.chat.versions.v2]
backends = ["two"]
model = "m2"
weight = 10
[routes."vendor/m-*".versions.pass]
backends = ["one"]
"""


class AdminGateway:
    """One folder and one admin socket. `environ` is what secrets are looked up in."""

    def __init__(self, folder: Path, text: str = CONFIG) -> None:
        self.data = folder / "data"
        self.file = folder / "config.toml"
        self.file.write_text(text)
        self.environ = {"TWO": "sk-two", "TOKEN": "an admin token of some length"}
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.headers: dict[str, str] = {}
        self.store = SqliteStore(self.data / "store.sqlite3", query_s=5.0)

    def judge(self, text: str, generation: int) -> Examined:
        return examine(text, providers=PROVIDERS, generation=generation, environ=self.environ, name=str(self.file))

    def begun_with(self) -> str:
        """What a first start puts in force: the file's text with those of its prompts behind it."""
        text = self.file.read_text()
        try:
            return self.judge(text, 1).whole
        except ConfigError:
            return text

    def control(self) -> Control:
        """A control plane as a start makes it: with the last text that was in force, else the file's."""
        kept = lastgood.load(self.data)
        generation, text = (kept.generation, kept.text) if kept else (1, self.begun_with())
        parts = Parts(
            snapshot=self.judge(parted(text)[0], generation).snapshot,
            text=text,
            data_dir=self.data,
            listener=self.listener,
            clock=SystemClock(),
            ledger=Ledger(),
            recent=Recent(SystemClock()),
            examine=lambda number: examine(
                self.file, providers=PROVIDERS, generation=number, environ=self.environ, now=None
            ),
            save=lambda text, number: lastgood.save(self.data, text, number),
            file=ConfigFile(self.file, self.judge),
            store=self.store,
            dialects=plugins.load_all("dialect"),
            classes=plugins.classes,
            token_secret=TOKEN_SECRET,
            events=Events(self.store),
        )
        parts.erasing = Erasing(self.store, journal_folder(self.data), parts.clock)
        parts.services = {"erasures": parts.erasing.run}
        parts.registry = Registry(self.store, parts.snapshot, parts.clock)
        return Control(parts)

    @asynccontextmanager
    async def running(self, workers: int = 2) -> AsyncIterator[tuple[Control, list["LinkedWorker"]]]:
        """A control plane with so many workers, once all have said who they are and the start is in the history."""
        control = self.control()
        await control.start()
        linked = [LinkedWorker(self, slot) for slot in range(workers)]
        try:
            for worker in linked:
                worker.link.start()
            await until(lambda: len(control.links.live()) == workers)
            await until(self._is_noted)
            yield control, linked
        finally:
            for worker in linked:
                await worker.link.close()
            await control.stop()
            await self.store.close()

    async def _is_noted(self) -> bool:
        """Whether the store has taken the start down."""
        return (await self.store.last_generation())[1] is not None

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """Ask the admin API: the status, and the JSON or text that came back."""
        answer_status, _, content = await self.ask_whole(method, path, **options)
        return answer_status, content

    async def ask_whole(self, method: str, path: str, **options: Any) -> tuple[int, Any, Any]:
        headers = {**self.headers, **options.pop("headers", {})}
        url = self.url + ("" if path.startswith("/") else "/admin/v1/") + path
        async with aiohttp.ClientSession() as http:
            async with http.request(method, url, headers=headers, **options) as answer:
                is_json = answer.content_type == "application/json"
                return answer.status, answer.headers, await (answer.json() if is_json else answer.text())

    async def put_text(self, text: str, match: str | None = "*", **query: str) -> tuple[int, Any]:
        """Replace the whole configuration."""
        headers = {"Content-Type": "application/toml"} | ({"If-Match": match} if match else {})
        return await self.ask("PUT", "config", data=text.encode(), headers=headers, params=query)

    async def weights(
        self, route: str = "chat", query: dict[str, str] | None = None, **weights: Any
    ) -> tuple[int, Any]:
        return await self.ask("PUT", f"routes/{route}/weights", json=weights, params=query or {})

    async def history(self) -> list[dict[str, Any]]:
        return list((await self.ask("GET", "generations"))[1]["generations"])


class LinkedWorker:
    """A data plane that has nothing but a link. `refuses`: says no to texts that hold it; `is_deaf`: says nothing."""

    def __init__(self, gateway: AdminGateway, slot: int) -> None:
        text = gateway.begun_with()
        kept = lastgood.load(gateway.data)
        self.slot, self.generation, self.text = slot, kept.generation if kept else 1, kept.text if kept else text
        self.refuses: str | None = None
        self.took: list[int] = []
        path = gateway.data / "run" / "control.sock"
        self.link = Link(path, self._status, self._take, held=self.text, period_s=0.02)

    def _status(self) -> dict[str, Any]:
        return status(self.slot, incarnation=f"w{self.slot}", generation=self.generation)

    async def _take(self, generation: int, text: str, _document: object) -> str | None:
        if self.refuses is not None and self.refuses in text:
            return "no such certificate"
        self.generation, self.text = generation, text
        self.took.append(generation)
        return None


@asynccontextmanager
async def silent_worker(gateway: AdminGateway, slot: int) -> AsyncIterator[asyncio.StreamReader]:
    """A worker that says who it is and then nothing more; gives what it is sent."""
    text = gateway.begun_with()
    path = gateway.data / "run" / "control.sock"
    with socket_path(path) as short:
        reader, writer = await asyncio.open_unix_connection(short, limit=MAX_SNAPSHOT_BYTES)
    writer.write(frame(STATUS, status(slot, incarnation="silent") | {"revision": revision(text)}, MAX_STATUS_BYTES))
    try:
        yield reader
    finally:
        writer.transport.abort()


async def until(condition: Any, seconds: float = 8.0) -> None:
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.01)
