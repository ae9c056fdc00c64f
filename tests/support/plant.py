"""A data folder whose journal a test writes, and the control plane over it, as often as a test wants one."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from tests.support.exchanges import ExchangeFactory

from llmgateway.app.control import build_control
from llmgateway.app.parts import Started
from llmgateway.config.snapshot import Journal, Snapshot
from llmgateway.controlplane.ingest import Ingester
from llmgateway.domain.clock import SystemClock
from llmgateway.journal.layout import journal_folder
from llmgateway.journal.records import admitted, settled
from llmgateway.journal.writer import JournalWriter
from llmgateway.store.sqlite import SqliteStore


class Plant:
    """`snapshot` names the data folder; its route `support` has the version v1."""

    def __init__(self, snapshot: Snapshot) -> None:
        folder = Path(snapshot.data.dir)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.factory = ExchangeFactory(start=SystemClock().time())
        self.journal = JournalWriter.open(journal_folder(folder), Journal(), SystemClock())
        self.started = Started(folder / "config.toml", "", snapshot)

    def log(self, count: int, **changes: Any) -> None:
        """Write so many exchanges of v1 into the journal."""
        for _ in range(count):
            exchange = self.factory.exchange(assigned_version="v1", served_version="v1", **changes)
            self.journal.append(admitted(exchange, None))
            self.journal.append(settled(exchange, exchange.started + 0.5, None))

    @asynccontextmanager
    async def control(self) -> AsyncIterator[tuple[Ingester, SqliteStore]]:
        """A control plane."""
        control, ingester, store = build_control(self.started, self.listener)
        await control.start()
        try:
            yield ingester, store
        finally:
            await control.stop()
            await store.close()

    async def ask(self, method: str, path: str) -> tuple[int, Any]:
        """Ask its admin listener: the status, and the JSON or text that came back."""
        async with aiohttp.ClientSession() as http, http.request(method, f"{self.url}{path}") as answer:
            return answer.status, await (answer.json() if answer.content_type == "application/json" else answer.text())

    def close(self) -> None:
        self.journal.close()
        self.listener.close()


async def until(condition: Callable[[], Awaitable[bool]], bound_s: float = 30.0) -> None:
    """Wait for what has to become true."""
    async with asyncio.timeout(bound_s):
        while not await condition():
            await asyncio.sleep(0.02)
