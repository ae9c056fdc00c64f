"""T15: how long one hostile request holds the worker's loop up."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from tests.support.killing import roles

from bench.faults.figure import Figure, at_least, at_most, none_of
from bench.faults.hostile import corpus
from bench.faults.stage import Rig, Setting, stage
from bench.process import Cpu, Process, python

TITLE: Final = "hostile requests and the event loop"
LAG_MS: Final = 50.0
WORST: Final = 5  # are named
AFTER_S: Final = 0.05
REPLY_S: Final = 10.0
_PROBE: Final = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


async def run(rig: Rig) -> list[Figure]:
    """One worker, so that the probe is on the loop that is attacked. A hold-up is what the probe waits, but no more
    than what the worker computes meanwhile: the rest is the machine's doing. The least of the repetitions counts.
    """
    times, found = rig.pick(5, 2), {}
    async with stage(rig, Setting(workers=1)) as played:
        (worker,) = roles(played.gateway).workers
        with python("bench.faults.probe", str(played.gateway.port)) as process:
            attack = Attack(played.gateway.port, worker.pid, process)
            await asyncio.to_thread(process.line)
            quiet = min([await attack.hold(_PROBE) for _ in range(5)])
            for number, (name, raw) in enumerate(corpus()):
                rig.say(f"{number}: {name}")
                repeat = times if len(raw) > 10_000 or number % rig.pick(1, 4) == 0 else 1
                found[name] = min([await attack.hold(raw) for _ in range(repeat)])
        lives = [each.pid for each in roles(played.gateway).workers] == [worker.pid]
    worst = sorted(found.items(), key=lambda item: -item[1])
    named = ", ".join(f"{name} {1000 * took:.0f} ms" for name, took in worst[:WORST])
    over = [name for name, took in found.items() if took * 1000 > LAG_MS]
    return [
        at_most(f"longest hold-up, of {len(found)} requests ({named})", 1000 * worst[0][1], LAG_MS, "ms", 1),
        none_of("requests that hold up for longer", over, len(found)),
        at_most("hold-up by a request that asks nothing", 1000 * quiet, LAG_MS, "ms", 1),
        at_least("the same worker still serves", float(lives), 1),
    ]


@dataclass
class Attack:
    """A gateway, the worker that is attacked, and who watches it."""

    port: int
    pid: int
    probe: Process

    async def hold(self, raw: bytes) -> float:
        """Send it whole and read what comes; for how long that held the worker up, in seconds."""
        await self._worst()
        before = Cpu.of(self.pid)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(REPLY_S):
                writer.write(raw)
                await _reply(reader)
        writer.transport.abort()
        await asyncio.sleep(AFTER_S)
        return min(await self._worst(), sum(Cpu.of(self.pid).since(before).values()))

    async def _worst(self) -> float:
        """The probe's longest wait since this was asked last."""
        assert self.probe.popen.stdin is not None
        self.probe.popen.stdin.write(b"\n")
        self.probe.popen.stdin.flush()
        return float((await asyncio.to_thread(self.probe.line, 30))["worst"])


async def _reply(reader: asyncio.StreamReader) -> None:
    """Up to the end, or a moment of silence: some requests are rightly waited with."""
    while True:
        try:
            async with asyncio.timeout(0.3):
                if not await reader.read(65_536):
                    return
        except TimeoutError:
            return
