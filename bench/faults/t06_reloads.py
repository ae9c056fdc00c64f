"""T6: the configuration is reloaded again and again under load, and one in ten is invalid."""

import asyncio
import json
import random
from time import monotonic
from typing import Final

from tests.support.killing_load import Caller
from tests.support.ledger import Ledger, Request

from bench.faults.figure import Figure, at_most, none_of
from bench.faults.stage import CHAT, Rig, Stage, stage

TITLE: Final = "reloads under load, one in ten invalid"
IN_FORCE_S: Final = 1.0
INVALID: Final = ("[routes.chat", 'listen = "nowhere"\n', "[backends.one]\nprovider = 3\n", "[nonsense]\nx = 1\n")


async def run(rig: Rig) -> list[Figure]:
    """Nobody's request fails, and whoever asks after the reload is served by the new configuration."""
    count, pause = rig.pick(100, 30), rig.pick(2.0, 0.1)
    draw, ledger = random.Random(rig.seed), Ledger(prefix="t6")
    old, wrong, times = [], [], []
    async with stage(rig) as played:
        text = played.gateway.config.read_text()
        async with played.load(ledger, callers=6, pause_s=0.01) as load:
            await load.progress(20)
            for number in range(count):
                rig.say(f"reload {number + 1} of {count}")
                if number % 10 == 5:
                    wrong += await _invalid(played, text + draw.choice(INVALID))
                else:
                    took, found = await _valid(played, text, f"model-{number}")
                    times.append(took)
                    old += found
                await asyncio.sleep(pause)
        books = await played.books(ledger)
    return [
        none_of(f"failed requests in {count} reloads", books.failures, books.requests),
        *books.figures(),
        none_of("answers by an old configuration after the reload was told done", old),
        none_of("invalid files taken, or workers that differ", wrong),
        at_most("in force on all workers after", max(times), IN_FORCE_S, "s"),
    ]


async def _valid(played: Stage, text: str, model: str) -> tuple[float, list[str]]:
    """Ask for another model of the backend; the seconds until that was in force, and answers that came from before."""
    played.gateway.config.write_text(text.replace(CHAT, CHAT + f'model = "{model}"\n'))
    began = monotonic()
    report = await played.admin("/admin/v1/reload", method="POST")
    took = monotonic() - began
    seen = [await _model(played, f"{model}-{at}") for at in range(6)]
    found = [f"{each} for {model}: {json.dumps(report)[:80]}" for each in seen if each != model]
    return took, found


async def _model(played: Stage, marker: str) -> str:
    """What the backend is asked for on a new connection."""
    caller = Caller(played.gateway.port)
    try:
        await caller.ask(Request(marker, is_stream=False))
    finally:
        caller.close()
    return played.backend.models[marker]


async def _invalid(played: Stage, text: str) -> list[str]:
    before = (await played.admin("/admin/v1/live"))["generation"]
    played.gateway.config.write_text(text)
    report = await played.admin("/admin/v1/reload", method="POST")
    after = await played.admin("/admin/v1/live")
    found = [] if after["generation"] == before else [f"taken: {json.dumps(report)[:100]}"]
    return found + [f"worker on {each['generation']}" for each in after["workers"] if each["generation"] > before]
