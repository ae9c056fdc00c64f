"""T9: ten thousand idle connections that are kept alive."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Final

from bench.faults.figure import Figure, at_least, at_most, none_of
from bench.faults.latency import slower
from bench.faults.limits import WIDE, raise_descriptors
from bench.faults.stage import SEND_BUFFER, Rig, Setting, Stage, stage
from bench.process import Cpu, python

TITLE: Final = "ten thousand idle connections"
EACH_KIB: Final = 12.0
CPU: Final = 2.0  # per cent of a core
SLOWER: Final = 1.1  # times
RATE: Final = 100.0
KEEP: Final = '[server.timeouts]\nkeepalive = "10m"\n'
SETTLED_S: Final = 1.0
_PROBE: Final = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
_ASK: Final = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"  # what the bare server answers


async def run(rig: Rig) -> list[Figure]:
    """They cost little memory, hardly any processor time, and nobody else's.

    Others are compared, in rounds that take turns, with what they see while a bare server beside the gateway has the
    same connections: ten thousand cost the machine something, whoever they belong to.
    """
    count, seconds, rounds = rig.pick(10_000, 2_000), rig.pick(8.0, 2.0), rig.pick(5, 1)
    raise_descriptors()
    async with stage(rig, Setting(limits=WIDE + KEEP)) as played:
        with python("bench.backend", str(SEND_BUFFER)) as bare:
            port = int((await asyncio.to_thread(bare.line))["port"])
            await played.measure(1.0)
            await played.caught_up()
            cost = await _cost(played, count, seconds, rig)
            before: list[dict[str, Any]] = []
            during: list[dict[str, Any]] = []
            for number in range(rounds):
                rig.say(f"others, round {number + 1} of {rounds}")
                async with _held(port, count, _ASK):
                    before.append(await played.measure(seconds, rate=RATE))
                async with _held(played.gateway.port, count, _PROBE):
                    during.append(await played.measure(seconds, rate=RATE))
    errors = sum(one["errors"] for one in (*before, *during))
    return [
        *cost,
        none_of("failed requests of others", errors),
        slower("p99 of others meanwhile", before, during, SLOWER),
    ]


async def _cost(played: Stage, count: int, seconds: float, rig: Rig) -> list[Figure]:
    """What the connections take while nothing happens."""
    assert played.gateway.process is not None
    low = played.pss()
    rig.say(f"{count} connections")
    async with _held(played.gateway.port, count, _PROBE) as held:
        high = played.pss()
        rig.say("idle")
        used = await _idle(played.gateway.process.pid, seconds)
        lost = sum(not _lives(each) for each in held)
    return [
        at_least("connections held", len(held) - lost, count),
        at_most("memory of each", (high - low) / max(1, len(held)) / 1024, EACH_KIB, "KiB"),
        at_most("processor, of a core, while nothing happens", 100 * used, CPU, "%"),
    ]


@asynccontextmanager
async def _held(port: int, count: int, request: bytes) -> AsyncIterator[list[socket.socket]]:
    """So many connections for a block, and a moment of rest before it and behind it."""
    held = await asyncio.to_thread(_connect, port, count, request)
    try:
        await asyncio.sleep(SETTLED_S)
        yield held
    finally:
        for each in held:
            each.close()
        await asyncio.sleep(SETTLED_S)


def _connect(port: int, count: int, request: bytes) -> list[socket.socket]:
    """So many connections that have been used once. The first that can't be made ends it."""
    held: list[socket.socket] = []
    for _ in range(count):
        try:
            sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        except OSError:
            break
        sock.sendall(request)
        sock.recv(4096)
        sock.setblocking(False)
        held.append(sock)
    return held


def _lives(sock: socket.socket) -> bool:
    try:
        return bool(sock.recv(1))
    except BlockingIOError:
        return True
    except OSError:
        return False


async def _idle(pid: int, seconds: float) -> float:
    """The share of a core that all its processes take."""
    before, began = Cpu.of(pid), monotonic()
    await asyncio.sleep(seconds)
    return sum(Cpu.of(pid).since(before).values()) / (monotonic() - began)
