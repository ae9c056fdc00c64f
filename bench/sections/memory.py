"""Memory of a stream whose caller reads nothing, from a backend that sends as fast as it can.

First as many ordinary streams as there will be stalled ones, so that what is kept for reuse is not taken for growth.
What the kernel holds in socket buffers is nobody's memory, and about the same for everyone.
"""

from time import sleep
from typing import Any, Final

from bench import payload
from bench.contenders import Contender
from bench.load import Spec
from bench.run import Bench

NAME: Final = "memory"
TITLE: Final = "Memory of a stream"
ENDLESS: Final = 1_000_000  # chunks: no stream comes that far while nobody reads
SETTLED_SHARE: Final = 0.005
LOOKS: Final = 20


def run(bench: Bench) -> dict[str, Any]:
    """`contenders`: bytes before and while the streams stand, and a stream's share of the difference."""
    count = bench.settings.stalled
    return {"streams": count, "contenders": {each.name: _grown(bench, each, count) for each in bench.quick_ones()[1:]}}


def _grown(bench: Bench, contender: Contender, count: int) -> dict[str, Any]:
    bench.say(f"{count} stalled readers: {contender.name}")
    bench.load(
        contender, Spec(0, mode="closed", seconds=1.0, connections=count, chunks=50, chunk_rate=50, spread_s=1.0)
    )
    bench.drained(contender)
    sleep(2)
    before = contender.pss()
    spec = Spec(0, mode="stall", connections=count, chunks=ENDLESS, chunk_rate=payload.FULL_SPEED)
    with bench.loading(contender, spec) as readers:
        readers.line()
        while_stalled = _settled(contender)
    bench.owe(contender, count)
    bench.drained(contender)
    sleep(2)
    return {
        "before": before,
        "stalled": while_stalled,
        "after": contender.pss(),
        "a_stream": (while_stalled - before) / count,
    }


def _settled(contender: Contender) -> int:
    """Wait until it grows no more; the most that was seen."""
    most = 0
    for _ in range(LOOKS):
        sleep(1)
        now = contender.pss()
        if abs(now - most) < SETTLED_SHARE * now:
            return max(now, most)
        most = max(now, most)
    return most
