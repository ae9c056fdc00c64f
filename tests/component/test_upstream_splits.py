"""Rows U7, U9 and U11 at every place where a stream can be cut (T20): by the network, or by a backend that leaves.

Recorded streams are sent in two pieces cut at each offset, byte by byte, and broken off at each offset. Many exchanges
run over one plane, so callers and backends here are as plain as can be.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from tests.support.plane import BOUND_S, Plane, plane
from tests.support.rows import CONFIG, raw_caller, request
from tests.support.wire_backend import chunk
from tests.support.wire_cases import COUNTS, Case, cases

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
TO_THE_END = HEAD + b"connection: close\r\n\r\n"
AT_ONCE = 8  # callers beside each other
END = chunk(b"")

# In these every offset is tried, in the others every so-manieth.
THOROUGH = {"openai/chat_stream", "openai/responses_stream", "anthropic/messages_stream"}
STRIDE = 23

STREAMS = {str(case): case for case in cases() if case.is_stream}
WHOLE = {name: case for name, case in STREAMS.items() if case.expected["is_complete"] and not case.expected["error"]}
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}


def every(name: str, size: int) -> range:
    return range(1, size) if name in THOROUGH else range(1, size, STRIDE)


class Pieces(asyncio.Protocol):
    """A backend that answers each request with the pieces its `x-case`-like body names, one write and one turn each."""

    def __init__(self, script: Callable[[int], tuple[list[bytes], bool]]) -> None:
        self._script = script
        self._buffer = b""
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if found and len(body) == int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            self._buffer = b""
            number = json.loads(body)["metadata"]["number"]
            task = asyncio.get_running_loop().create_task(self._play(*self._script(int(number))))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _play(self, pieces: list[bytes], stays: bool) -> None:
        for piece in pieces:
            self._transport.write(piece)
            for _ in range(3):
                await asyncio.sleep(0)
        if not stays:
            self._transport.close()


@asynccontextmanager
async def serving(tmp_path, script: Callable[[int], tuple[list[bytes], bool]]) -> AsyncIterator[Plane]:
    """A plane before a backend that answers request `number` with `script(number)`: pieces, and whether it stays open."""
    server = await asyncio.get_running_loop().create_server(lambda: Pieces(script), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        async with plane(tmp_path, url, config=CONFIG) as running:
            yield running
    finally:
        server.close()


@dataclass(frozen=True)
class Got:
    """What one caller got: status, the bytes of the body, and whether they came to their proper end."""

    status: int
    body: bytes
    is_whole: bool


async def collect(running: Plane, case: Case, numbers: range) -> dict[int, Got]:
    """Ask once for each number, some at a time; gives what came, by number."""
    waiting, got = iter(numbers), {}
    model = "claude" if case.folder.parent.name == "anthropic" else "once"

    async def worker() -> None:
        for number in waiting:
            document = {**case.request["body"], "model": model, "metadata": {"number": str(number)}, "stream": True}
            got[number] = await ask(running, case.request["path"], json.dumps(document).encode())

    async with asyncio.timeout(BOUND_S * 6):
        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return got


async def ask(running: Plane, path: str, body: bytes) -> Got:
    async with raw_caller(running) as caller:
        caller.send(request(body, path=path, more=b"connection: close\r\n"))
        raw = await caller.rest()
    head, _, rest = raw.partition(b"\r\n\r\n")
    status = int(head[9:12])
    if b"transfer-encoding: chunked" not in head.lower():
        return Got(status, rest, True)
    return Got(status, *unchunked(rest))


def unchunked(raw: bytes) -> tuple[bytes, bool]:
    body, at = b"", 0
    while True:
        line = raw.find(b"\r\n", at)
        if line < 0:
            return body, False
        size = int(raw[at:line], 16)
        if size == 0:
            return body, raw[line:] == b"\r\n\r\n"
        body += raw[line + 2 : line + 2 + size]
        at = line + 4 + size


def outcomes(running: Plane) -> dict[int, dict]:
    """The outcome of each exchange by its number; there must be exactly one."""
    numbers = {record.meta["id"]: int(record.meta["tags"]["number"]) for record in running.of_kind("admitted")}
    settled = running.of_kind("settled")
    assert len(settled) == len(numbers) == len({record.meta["id"] for record in settled})
    return {numbers[record.meta["id"]]: record.meta for record in settled}


def counted(meta: dict) -> dict[str, int]:
    return {name: meta[name] for name in COUNTS if meta[name] is not None}
