"""T13: the caller leaves, in each phase: how soon the backend is left, and how soon that is on record."""

import asyncio
import sqlite3
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from time import monotonic
from typing import Final

from tests.support.rows import SSE, delta
from tests.support.wire_backend import Step, WireBackend, chunk, chunked_head, expect, send, until_closed

from bench.faults.figure import Figure, at_least, at_most
from bench.faults.stage import Rig, Setting, Stage, stage
from bench.spread import percentile

TITLE: Final = "the caller leaves"
LEFT_S: Final = 0.2
RECORD_S: Final = 1.0
GRACE_S: Final = 10.0
_HALF: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"


@dataclass(frozen=True)
class Phase:
    """When the caller leaves: once the backend is so far with its script, and the caller has `seen` so much."""

    name: str
    script: list[Step]
    is_stream: bool = True
    seen: bytes = b""


PHASES: Final = (
    Phase("before the head of the reply", [expect(), until_closed()]),
    Phase("before the first token", [expect(), send(chunked_head(SSE)), until_closed()]),
    Phase("in a stream", [expect(), send(chunked_head(SSE) + chunk(delta("hi"))), until_closed()], seen=delta("hi")),
    Phase("in a whole answer", [expect(), send(_HALF), until_closed()], is_stream=False),
)
_ROUTE: Final = """
[backends.pN]
provider = "openai"
base_url = "http://127.0.0.1:PORT/v1"
[routes.pN.versions.v1]
backends = ["pN"]
"""


async def run(rig: Rig) -> list[Figure]:
    """A model that nobody listens to any more must not go on."""
    count, figures = rig.pick(50, 12), []
    async with AsyncExitStack() as stack:
        backends = [await stack.enter_async_context(WireBackend(phase.script)) for phase in PHASES]
        routes = [_ROUTE.replace("pN", f"p{at}").replace("PORT", str(each.port)) for at, each in enumerate(backends)]
        played = await stack.enter_async_context(stage(rig, Setting(routes="".join(routes))))
        recorded = []
        for at, (phase, backend) in enumerate(zip(PHASES, backends, strict=True)):
            rig.say(phase.name)
            waits = []
            for number in range(count):
                left, noted = await _leave(played, phase, backend, f"p{at}", f"t13-{at}-{number}")
                waits.append(left)
                recorded.append(noted)
            figures.append(
                at_most(f"{phase.name}: backend left, p99", 1000 * percentile(sorted(waits), 0.99), 200, "ms", 1)
            )
    figures.append(at_most("on record after, p99", percentile(sorted(recorded), 0.99), RECORD_S, "s"))
    figures.append(
        at_least("records of callers who left", sum(each < GRACE_S for each in recorded), count * len(PHASES))
    )
    return figures


async def _leave(played: Stage, phase: Phase, backend: WireBackend, route: str, user: str) -> tuple[float, float]:
    """Ask, and go away; the seconds until the backend's connection is closed, and until the store has the record."""
    asked = len(backend.requests)
    reader, writer = await asyncio.open_connection("127.0.0.1", played.gateway.port)
    writer.write(_request(route, user, is_stream=phase.is_stream))
    async with asyncio.timeout(GRACE_S):
        await backend.until(lambda: len(backend.requests) > asked)
        if phase.seen:
            await reader.readuntil(phase.seen)
    wire = backend.connections[-1]
    await asyncio.sleep(0.02)  # what the script sends has arrived
    began = monotonic()
    writer.transport.abort()
    await wire.until(lambda: wire.left_at is not None)
    assert wire.left_at is not None
    left = wire.left_at - began
    return left, await _recorded(played, user, began)


async def _recorded(played: Stage, user: str, began: float) -> float:
    with closing(sqlite3.connect(f"file:{played.store}?mode=ro", uri=True)) as connection:
        while monotonic() - began < GRACE_S:
            row = connection.execute('SELECT "end" FROM exchange WHERE user = ?', (user,)).fetchone()
            if row is not None and row[0] == "client_closed":
                break
            await asyncio.sleep(0.01)
    return monotonic() - began


def _request(route: str, user: str, *, is_stream: bool) -> bytes:
    body = (
        f'{{"model":"{route}","user":"{user}","stream":{str(is_stream).lower()},'
        f'"messages":[{{"role":"user","content":"hi"}}]}}'
    ).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
