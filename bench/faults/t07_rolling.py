"""T7: a rolling restart, in two ways: workers one by one, and a second gateway that takes over behind a load balancer
(the fault proxy, whose target changes). How soon it is ready, and how soon it ends.
"""

import asyncio
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from tests.support.gateway import Gateway, _clear
from tests.support.killing import roles
from tests.support.killing_backend import whole_stream
from tests.support.killing_load import Caller, FailedError
from tests.support.ledger import Request

from bench.faults.backend import Backend
from bench.faults.figure import Figure, at_most, none_of
from bench.faults.proxy import FaultProxy
from bench.faults.stage import Rig, Stage, another, stage
from bench.load import Spec
from bench.process import python

TITLE: Final = "a rolling restart"
READY_S: Final = 2.0
EXIT_S: Final = 1.0
PIECES: Final = 40  # of a stream
PAUSE_S: Final = 0.1  # at most, between two of them
RATE: Final = 100.0  # of other requests
LOAD_S: Final = 5.0


async def run(rig: Rig) -> list[Figure]:
    """Streams that run come to their end byte by byte, and nobody is turned away."""
    streams = rig.pick(100, 20)
    async with (
        Backend(seed=rig.seed, pause_s=PAUSE_S, pieces=PIECES) as backend,
        stage(rig, backend=backend) as played,
    ):
        rig.say("workers are ended one by one")
        cut, other = await _workers(played, streams)
        rig.say("another gateway takes over")
        takeover = await _takeover(played, streams)
        try:
            exit_s = await _idle_exit(takeover.second)
        finally:
            await asyncio.to_thread(_clear, takeover.second)
    return [
        none_of("streams not byte-exact, workers ended one by one", cut, streams),
        none_of("failed requests meanwhile", other["complaints"] or other["errors"], other["sent"]),
        none_of("streams not byte-exact, another gateway takes over", takeover.cut, streams),
        none_of("failed requests in the takeover", takeover.other["complaints"], takeover.other["sent"]),
        at_most("the old gateway ended after", takeover.gone_s, PIECES * PAUSE_S + EXIT_S, "s"),
        at_most("cold start to ready", takeover.ready_s, READY_S, "s"),
        at_most("SIGTERM to the end, idle", exit_s, EXIT_S, "s"),
    ]


@dataclass
class Takeover:
    """The gateway that took over, and how that went."""

    second: Gateway
    ready_s: float
    gone_s: float
    cut: list[str]
    other: dict[str, Any]


async def _workers(played: Stage, count: int) -> tuple[list[str], dict[str, Any]]:
    """End each worker by SIGTERM while streams run; what is wrong with the streams, and the report of other load."""
    with python("bench.load", Spec(played.gateway.port, rate=RATE, seconds=LOAD_S).text()) as load:
        running = [asyncio.ensure_future(_stream(played.gateway.port, f"w{at}")) for at in range(count)]
        await asyncio.sleep(0.5)
        for worker in roles(played.gateway).workers:
            known = {each.pid for each in roles(played.gateway).workers}
            worker.terminate()
            async with asyncio.timeout(30):
                while not {each.pid for each in roles(played.gateway).workers} - known:
                    await asyncio.sleep(0.05)
        cut = [text for text in await asyncio.gather(*running) if text]
        return cut, await asyncio.to_thread(load.line, 60)


async def _takeover(played: Stage, count: int) -> Takeover:
    """Start a second gateway, lead new connections to it, and let the first one drain."""
    second = another(played.rig, "second", _elsewhere(played))
    async with FaultProxy(played.gateway.port) as balancer:
        with python("bench.load", Spec(balancer.port, rate=RATE, seconds=LOAD_S).text()) as load:
            running = [asyncio.ensure_future(_stream(balancer.port, f"s{at}")) for at in range(count)]
            await asyncio.sleep(0.5)
            began = monotonic()
            await asyncio.to_thread(second.start)
            ready_s = monotonic() - began
            balancer.target = second.port
            began = monotonic()
            await asyncio.to_thread(played.gateway.stop, 60)
            gone_s = monotonic() - began
            cut = [text for text in await asyncio.gather(*running) if text]
            other = await asyncio.to_thread(load.line, 60)
    return Takeover(second, ready_s, gone_s, cut, other)


def _elsewhere(played: Stage) -> str:
    """The gateway's configuration, for another one on ports and with a folder of its own."""
    text = played.gateway.config.read_text().replace(str(played.gateway.data), "{data}")
    text = text.replace(f":{played.gateway.port}", ":{port}")
    return text.replace(f":{played.gateway.admin_port}", ":{admin_port}")


async def _idle_exit(gateway: Gateway) -> float:
    await asyncio.sleep(0.5)
    began = monotonic()
    await asyncio.to_thread(gateway.stop)
    return monotonic() - began


async def _stream(port: int, marker: str) -> str | None:
    """Ask for one stream; what is wrong with it."""
    caller = Caller(port)
    try:
        body = await caller.ask(Request(marker, is_stream=True))
    except (OSError, FailedError) as error:
        return f"{marker}: {error}"
    finally:
        caller.close()
    return None if body == whole_stream(marker, PIECES) else f"{marker}: other bytes"
