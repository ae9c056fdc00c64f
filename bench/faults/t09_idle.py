"""T9: ten thousand idle connections that are kept alive."""

import asyncio
import socket
from time import monotonic
from typing import Final

from bench.faults.figure import Figure, at_least, at_most, none_of
from bench.faults.latency import slower
from bench.faults.limits import WIDE, raise_descriptors
from bench.faults.stage import Rig, Setting, stage
from bench.process import Cpu

TITLE: Final = "ten thousand idle connections"
EACH_KIB: Final = 12.0
CPU: Final = 2.0  # per cent of a core
SLOWER: Final = 1.1  # times
RATE: Final = 100.0
KEEP: Final = '[server.timeouts]\nkeepalive = "10m"\n'
_PROBE: Final = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def run(rig: Rig) -> list[Figure]:
    """They cost little memory, hardly any processor time, and nobody else's."""
    count, seconds = rig.pick(10_000, 2_000), rig.pick(10.0, 3.0)
    raise_descriptors()
    async with stage(rig, Setting(limits=WIDE + KEEP)) as played:
        assert played.gateway.process is not None
        await played.measure(1.0)
        before = [await played.measure(seconds, rate=RATE) for _ in range(2)]
        await played.caught_up()
        low = played.pss()
        rig.say(f"{count} connections")
        held = await asyncio.to_thread(_connect, played.gateway.port, count)
        try:
            await asyncio.sleep(1.0)
            high = played.pss()
            rig.say("idle")
            used = await _idle(played.gateway.process.pid, seconds)
            during = [await played.measure(seconds, rate=RATE) for _ in range(2)]
            lost = sum(not _lives(each) for each in held)
        finally:
            for each in held:
                each.close()
    errors = sum(one["errors"] for one in (*before, *during))
    return [
        at_least("connections held", len(held) - lost, count),
        at_most("memory of each", (high - low) / max(1, len(held)) / 1024, EACH_KIB, "KiB"),
        at_most("processor, of a core, while nothing happens", 100 * used, CPU, "%"),
        none_of("failed requests of others", errors),
        slower("p99 of others meanwhile", before, during, SLOWER),
    ]


def _connect(port: int, count: int) -> list[socket.socket]:
    """So many connections that have been used once. The first that can't be made ends it."""
    held: list[socket.socket] = []
    for _ in range(count):
        try:
            sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        except OSError:
            break
        sock.sendall(_PROBE)
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
