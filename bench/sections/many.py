"""A thousand streams at once, 50 tokens a second each: does any of them stand still?

A stall is a gap between two chunks less the gap that the backend made between them. Without any proxy it shows what the
backend, the generator and the machine make of it by themselves.
"""

from typing import Any, Final

from bench.load import Spec
from bench.run import Bench, by_name

NAME: Final = "many"
TITLE: Final = "A thousand streams"
RATE: Final = 50


def run(bench: Bench) -> dict[str, Any]:
    """`contenders`: the reports by name; `us` is of a chunk."""
    count, seconds = bench.settings.many, bench.settings.many_seconds
    reports = []
    for each in bench.quick_ones():
        bench.say(f"{count} streams: {each.name}")
        spec = Spec(
            each.port,
            mode="closed",
            seconds=seconds / 2,
            connections=count,
            chunks=int(RATE * seconds / 2),
            chunk_rate=RATE,
            spread_s=seconds / 2,
        )
        reports.append((each, bench.tried(each, spec, per=spec.chunks or 1)))
    return {"streams": count, "rate": RATE, "contenders": by_name(reports)}
