"""T19: every backend fails. Retries must not make it worse, and it must end when the backends do better."""

import asyncio
from contextlib import AsyncExitStack
from time import monotonic
from typing import Final

from tests.support.ledger import Ledger

from bench.faults.backend import Backend
from bench.faults.figure import Figure, at_least, at_most, none_of
from bench.faults.stage import Rig, Setting, stage

TITLE: Final = "every backend fails"
CALLS: Final = 1.2
RECOVERY_S: Final = 5.0
ROUNDING: Final = 2  # each worker keeps a budget of its own, in whole attempts
NAMES: Final = ("a", "b", "c")
_BACKEND: Final = '[backends.NAME]\nprovider = "openai"\nbase_url = "http://127.0.0.1:PORT/v1"\n'
_ROUTE: Final = """
[routes.chat]
fallback = ["v2"]
[routes.chat.versions.v1]
backends = ["a", "b"]
weight = 1
[routes.chat.versions.v2]
backends = ["c"]
weight = 0
"""


async def run(rig: Rig) -> list[Figure]:
    """The backends count what they are asked."""
    fails_s, after_s = rig.pick((30.0, 20.0), (8.0, 8.0))
    ledger = Ledger(prefix="t19")
    async with AsyncExitStack() as stack:
        backends = [await stack.enter_async_context(Backend(seed=rig.seed + at)) for at in range(len(NAMES))]
        tables = [
            _BACKEND.replace("NAME", name).replace("PORT", str(each.port))
            for name, each in zip(NAMES, backends, strict=True)
        ]
        setting = Setting(routes="".join(tables) + _ROUTE)
        played = await stack.enter_async_context(stage(rig, setting, backend=backends[0]))
        async with played.load(ledger, callers=8, pause_s=0.03) as load:
            await load.progress(40)
            rig.say("all fail")
            _fail(backends, 1.0)
            await asyncio.sleep(fails_s)
            calls, requests = _calls(backends), len(ledger.requests)
            rig.say("they do better")
            _fail(backends, 0.0)
            recovery, relapses = await _recovery(ledger, after_s)
    return [
        at_most("attempts a request until then", (calls - ROUNDING) / max(1, requests), CALLS, digits=3),
        at_least("requests until then", requests, 1),
        at_most("the last failure, after they do better", recovery, RECOVERY_S, "s"),
        none_of("failures after five good seconds", relapses),
    ]


def _fail(backends: list[Backend], share: float) -> None:
    for each in backends:
        each.fail = share


def _calls(backends: list[Backend]) -> int:
    return sum(sum(each.heard.values()) for each in backends)


async def _recovery(ledger: Ledger, after_s: float) -> tuple[float, int]:
    """When the last failure came, in seconds from now, and how many came later than RECOVERY_S."""
    began, seen, last, late = monotonic(), len(ledger.failures), 0.0, 0
    while (now := monotonic() - began) < after_s:
        if len(ledger.failures) > seen:
            late += (len(ledger.failures) - seen) * (now > RECOVERY_S)
            seen, last = len(ledger.failures), now
        await asyncio.sleep(0.02)
    return last, late
