"""The most requests a second: a closed loop. On a machine whose cores the generator and the backend share, this says
how much is left for the contender, so compare it only with its neighbours in the table.
"""

from typing import Any, Final

from bench.load import Spec
from bench.run import Bench, by_name

NAME: Final = "throughput"
TITLE: Final = "Throughput"
CONNECTIONS: Final = 32


def run(bench: Bench) -> dict[str, Any]:
    """`contenders`: the rounds' reports by name; `us` is of a request."""
    reports = []
    for each in bench.rounds(bench.contenders.values(), "throughput"):
        spec = Spec(each.port, mode="closed", seconds=bench.settings.seconds / 2, connections=CONNECTIONS)
        reports.append((each, bench.tried(each, spec)))
    return {"connections": CONNECTIONS, "contenders": by_name(reports)}
