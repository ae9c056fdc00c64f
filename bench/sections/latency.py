"""How much later a stream's first token comes: an open loop of short streams, from a backend that answers at once."""

from typing import Any, Final

from bench.load import Spec
from bench.run import Bench, by_name

NAME: Final = "latency"
TITLE: Final = "First token"
RATE: Final = 50.0
CHUNKS: Final = 20


def run(bench: Bench) -> dict[str, Any]:
    """`contenders`: the rounds' reports by name."""
    reports = []
    for each in bench.rounds(bench.contenders.values(), "first token"):
        rate = 5.0 if each.is_slow else RATE
        spec = Spec(each.port, rate=rate, seconds=bench.settings.seconds, chunks=CHUNKS)
        reports.append((each, bench.tried(each, spec)))
    return {"rate": RATE, "contenders": by_name(reports)}
