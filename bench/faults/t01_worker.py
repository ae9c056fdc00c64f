"""T1: kill -9 of one worker at a time, under load."""

import asyncio
from typing import Final

from tests.support.killing import campaign

from bench.faults.figure import Figure, at_most, none_of
from bench.faults.stage import Rig

TITLE: Final = "kill -9 of a worker under load"
BACK_S: Final = 1.0
APART_S: Final = 5.5  # whoever dies younger is taken for one that crashes in a loop, and is waited for longer


async def run(rig: Rig) -> list[Figure]:
    """Nothing that was acknowledged is lost, and only the dead worker's callers notice."""
    kills = rig.pick(20, 3)
    rounds = []
    async with campaign(rig.folder, seed=rig.seed) as killing:
        for number in range(kills):
            rig.say(f"kill {number + 1} of {kills}")
            await asyncio.sleep(APART_S)
            rounds.append(await killing.round("one worker"))
        problems = await killing.settle()
    failures, connections = sum(one.failures for one in rounds), sum(one.connections for one in rounds)
    return [
        none_of("acknowledged exchanges lost, doubled or invented", problems),
        none_of(
            "failures of callers of other workers, or waiting in the queue", [s for r in rounds for s in r.strangers]
        ),
        at_most(f"failures in {kills} kills, of those workers' connections", failures, connections, digits=0),
        at_most("a new worker serves after", max(one.recovery_s for one in rounds), BACK_S, "s"),
    ]
