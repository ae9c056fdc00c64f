"""Callers who leave in every phase, a hundred times each, against real processes: nothing of them stays behind."""

import asyncio
import json
import sqlite3
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing
from hashlib import sha256

from tests.support.gateway import Gateway, Starter, start_gateway
from tests.support.rows import SSE, delta
from tests.support.wire_backend import Wire, WireBackend, chunk, chunked_head, until_closed

__all__ = ["start_gateway"]  # a fixture
KEY = "lgw_leaving"
TIMES = 100
BOUND_S = 15.0
CONFIG = f"""
[server]
listen = "127.0.0.1:{{port}}"
workers = 1
[admin]
listen = "127.0.0.1:{{admin_port}}"
[data]
dir = "{{data}}"
[backends.one]
provider = "openai"
base_url = "http://127.0.0.1:BACKEND/v1"
[routes.m.versions.v1]
backends = ["one"]
[keys.app]
hash = "sha256:{sha256(KEY.encode()).hexdigest()}"
"""
MODEL = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n'
FILE = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"x" * 10_000
FORM = "multipart/form-data; boundary=b"


def post(path: str, media: str, body: bytes, more: int = 0) -> bytes:
    """A request that lacks the last `more` bytes of its body."""
    head = f"POST {path} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {KEY}\r\ncontent-type: {media}\r\n"
    head += "expect: 100-continue\r\n" if more else ""
    return f"{head}content-length: {len(body) + more}\r\n\r\n".encode() + body


def chat(**more: object) -> bytes:
    body = json.dumps({"model": "m", "messages": [], **more}).encode()
    return post("/v1/chat/completions", "application/json", body)


CONTINUE = b"100 Continue\r\n\r\n"
# what a caller sends, and what it sees before it leaves; nothing: it leaves when the backend has been asked
PHASES = {
    "before the body": (post("/v1/chat/completions", "application/json", b"", 500), CONTINUE),
    "waiting": (chat(), b""),
    "streaming": (chat(stream=True), b"data: "),
    "uploading": (post("/v1/audio/transcriptions", FORM, MODEL + FILE, 10_000), b""),
    "before the model": (post("/v1/audio/transcriptions", FORM, b"", 10_000), CONTINUE),
}


async def answer_streams(wire: Wire) -> None:
    """Begin to answer who asks for a stream; leave the others waiting."""
    await wire.until(lambda: b'"stream": true' in wire.received or wire.left_at is not None)
    wire.transport.write(chunked_head(SSE) + chunk(delta("x")))


async def leave(gateway: Gateway, backend: WireBackend, request: bytes, sign: bytes) -> None:
    """Let many callers come as far as `sign`, and all of them go at once."""
    asked = len(backend.connections)
    callers = [await asyncio.open_connection("127.0.0.1", gateway.port) for _ in range(TIMES)]
    for _, writer in callers:
        writer.write(request)
    async with asyncio.timeout(BOUND_S):
        for reader, _ in callers if sign else ():
            await reader.readuntil(sign)
    if not sign:
        await backend.until(lambda: len(backend.connections) >= asked + TIMES)
    for _, writer in callers:
        writer.transport.abort()


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(BOUND_S):
        while not await condition():
            await asyncio.sleep(0.1)


def live(gateway: Gateway) -> dict[str, object]:
    with urllib.request.urlopen(f"{gateway.admin_url}/admin/v1/live", timeout=5) as reply:
        return json.loads(reply.read())


def ends(gateway: Gateway) -> Counter[str]:
    with closing(sqlite3.connect(f"file:{gateway.store}?mode=ro", uri=True)) as store:
        return Counter(end for (end,) in store.execute("SELECT end FROM exchange"))


def descriptors(gateway: Gateway) -> int:
    return sum(process.num_fds() for process in gateway.family())


async def test_callers_who_leave_take_everything_with_them(start_gateway: Starter) -> None:
    async with WireBackend([answer_streams, until_closed()]) as backend:
        gateway = start_gateway(CONFIG.replace("BACKEND", str(backend.port)))
        before = descriptors(gateway)
        for request, sign in PHASES.values():
            await leave(gateway, backend, request, sign)
        await backend.until(lambda: all(wire.left_at is not None for wire in backend.connections))

        async def is_quiet() -> bool:
            state = await asyncio.to_thread(live, gateway)
            return not state["in_flight"] and not state["open_streams"] and state["connections"] == 0

        async def is_stored() -> bool:
            return (await asyncio.to_thread(ends, gateway)).total() >= len(PHASES) * TIMES

        await eventually(is_quiet)
        await eventually(is_stored)
        assert ends(gateway) == {"client_closed": len(PHASES) * TIMES}
        assert descriptors(gateway) <= before + 3  # the store's and the journal's own
