"""T2: kill -9 of the supervisor, and of all processes at once; how fast the rest of the journal is read."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import Final

import psutil
from tests.support.killing import campaign, roles

from bench.faults.figure import Figure, at_least, at_most, none_of
from bench.faults.stage import Rig, Stage, stage
from bench.load import Spec

TITLE: Final = "kill -9 of the supervisor, and of everything"
READY_S: Final = 3.0
REPLAY: Final = 20_000  # records a second
RECORDS: Final = 2  # an exchange
STILL_S: Final = 5.0  # control may stand still for 10 s before the supervisor ends it


async def run(rig: Rig) -> list[Figure]:
    """What the orphans have begun they finish; the next start goes on where the last one was cut."""
    kills = rig.pick(10, 2)
    (rig.folder / "kill").mkdir()
    (rig.folder / "replay").mkdir()
    found = {}
    async with campaign(rig.folder / "kill", seed=rig.seed) as killing:
        for victim in ("supervisor", "all"):
            found[victim] = []
            for number in range(kills):
                rig.say(f"{victim}: kill {number + 1} of {kills}")
                found[victim].append(await killing.round(victim))
        problems = await killing.settle()
    rig.say("a backlog is read")
    async with stage(replace(rig, folder=rig.folder / "replay")) as played:
        replay = await _replay(played)
    return [
        none_of("acknowledged exchanges lost, doubled or invented", problems),
        none_of(
            "exchanges under way that failed with the supervisor", [s for r in found["supervisor"] for s in r.strangers]
        ),
        at_most("ready again, supervisor killed", max(one.recovery_s for one in found["supervisor"]), READY_S, "s"),
        at_most("ready again, all killed", max(one.recovery_s for one in found["all"]), READY_S, "s"),
        at_least("records replayed a second", replay, REPLAY),
    ]


async def _replay(played: Stage) -> float:
    """Let a backlog grow while control stands still; the records a second at which it is read then."""
    await played.measure(0.5)
    control = roles(played.gateway).control
    assert control is not None
    await played.caught_up()
    control.suspend()
    try:
        with played.start_load(Spec(0, mode="closed", seconds=STILL_S - 1, connections=64)) as process:
            report = await asyncio.to_thread(process.line, STILL_S + 60)
    finally:
        with suppress(psutil.Error):
            control.resume()
    began = monotonic()
    await played.caught_up()
    return float(report["done"] * RECORDS / (monotonic() - began))
