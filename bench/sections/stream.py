"""Processor time of a streamed chunk: streams at two token rates and at full speed. The share of each stream's request
and of its records is in it, spread over the stream's chunks.
"""

from typing import Any, Final

from bench import payload
from bench.run import Bench, by_name

NAME: Final = "stream"
TITLE: Final = "Streams"
RATES: Final = (50, 150, payload.FULL_SPEED)
FULL_SPEED_STREAMS: Final = 8


def run(bench: Bench) -> dict[str, Any]:
    """`rates`: by token rate, the rounds' reports by name; `us` is of a chunk."""
    settings = bench.settings
    rates = {}
    for rate in RATES:
        among = [each for each in bench.contenders.values() if rate == RATES[0] or not each.is_slow]
        reports = []
        for each in bench.rounds(among, f"streams at {rate or 'full'} speed"):
            count = FULL_SPEED_STREAMS if not rate else 10 if each.is_slow else settings.streams
            spec = bench.streams(each, count, rate, settings.seconds if rate else settings.seconds / 2)
            reports.append((each, bench.tried(each, spec, per=spec.chunks or 1)))
        rates[str(rate)] = by_name(reports)
    return {"streams": settings.streams, "chunks": settings.chunks, "rates": rates}
