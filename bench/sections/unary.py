"""Processor time of a whole request, all processes, and the latency it had: an open loop at a rate that fills nobody's
core. The contenders take turns.
"""

from typing import Any, Final

from bench.run import Bench, by_name

NAME: Final = "unary"
TITLE: Final = "Requests"


def run(bench: Bench) -> dict[str, Any]:
    """`contenders`: the rounds' reports by name."""
    turns = bench.rounds(bench.contenders.values(), "requests")
    reports = by_name((each, bench.tried(each, bench.unary(each))) for each in turns)
    return {"rate": bench.settings.rate, "slow_rate": bench.settings.slow_rate, "contenders": reports}
