"""T23: what the durable log adds to an answer's last byte: three gateways in turns, one of which logs nothing."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Final

from bench.faults.figure import Figure, at_least, at_most
from bench.faults.latency import p99
from bench.faults.stage import Rig, Setting, Stage, stage

TITLE: Final = "what the durable log costs"
ADDED_MS: Final = {"process": 2.0, "disk": 10.0}
RATE: Final = 200.0
# A quota that nothing fits into, and the operator's leave to serve without a log: the path without the journal.
OFF: Final = 'max_size = "1MiB"\nserve_unlogged = true\nreserve = "1MiB"\n'


async def run(rig: Rig) -> list[Figure]:
    """p99 of each, the median of rounds in turns."""
    rounds, seconds = rig.pick(8, 3), rig.pick(6.0, 2.0)
    reports: dict[str, list[dict[str, Any]]] = {"off": [], "process": [], "disk": []}
    async with AsyncExitStack() as stack:
        stages: dict[str, Stage] = {}
        for name in reports:
            folder = rig.folder / name
            folder.mkdir()
            journal = OFF if name == "off" else f'durability = "{name}"\nreserve = "1MiB"\n'
            stages[name] = await stack.enter_async_context(stage(replace(rig, folder=folder), Setting(journal=journal)))
        for each in stages.values():
            await each.measure(1.0)
        for number in range(rounds):
            for name, each in stages.items():
                rig.say(f"{name}: round {number + 1} of {rounds}")
                reports[name].append(await each.measure(seconds, rate=RATE))
        await asyncio.sleep(1.0)
        logged = len(stages["process"].rows()[0])
    base = p99(reports["off"])
    return [
        *(
            at_most(f"added to p99 by durability {name}", 1000 * max(0.0, p99(reports[name]) - base), limit, "ms")
            for name, limit in ADDED_MS.items()
        ),
        at_least("exchanges logged", logged, sum(one["done"] for one in reports["process"])),
    ]
