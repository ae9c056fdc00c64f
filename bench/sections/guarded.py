"""What guardrails inside a stream cost: how much later its first token comes, and the processor time of a chunk.

The gateway beside itself with `pii`, `secrets` and a list of a thousand words on prompts and answers. A hold-back may
wait for one more event, to see whether a word goes on; so the backend sends events at a known distance. The first one
is a word without a space before it, as an answer's first is: of others the space goes on at once.
"""

from typing import Any, Final

from bench.contenders.gateway import Gateway, Guarded
from bench.load import Spec
from bench.run import Bench, by_name

NAME: Final = "guarded"
TITLE: Final = "Guarded streams"
RATE: Final = 8.7  # new streams a second: no multiple of the rate of events, which all streams of the backend share
CHUNKS: Final = 20
CHUNK_RATE: Final = 20  # a second


def run(bench: Bench) -> dict[str, Any]:
    """`contenders`: the rounds' reports by name, `us` for a chunk; `event_s`: how far apart two events are."""
    with Guarded(bench.backend_port) as guarded:
        bench.load(guarded, Spec(guarded.port, rate=RATE, seconds=1.0, chunks=CHUNKS))
        reports = []
        for each in bench.rounds((bench.gateway, guarded), "guarded streams"):
            spec = Spec(each.port, rate=RATE, seconds=bench.settings.seconds, chunks=CHUNKS, chunk_rate=CHUNK_RATE)
            reports.append((each, bench.tried(each, spec, per=CHUNKS)))
    return {"rate": RATE, "event_s": 1 / CHUNK_RATE, "plain": Gateway.name, "contenders": by_name(reports)}
