"""The status a worker sends to control each second, put together from what its parts know.

Only numbers, and only names that the configuration or the table of errors holds. Nothing a caller wrote enters here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmgateway.dataplane.gauges import Gauges
from llmgateway.dataplane.overload import Overload
from llmgateway.journal.stats import WriterStats
from llmgateway.limits.bodies import BodyMemory

Figures = Mapping[str, float]


def _nothing() -> dict[str, Any]:
    return {}


@dataclass(slots=True)
class Sources:
    """Where a status takes what other objects know. Each is called once a second on the event loop; all are optional.

    `pools`: backend → its `open` connections, and what the worker knows of its health (`Standing.figures`). `sheds`:
    exchanges that got no place at a backend, by reason.
    `journal`: what its writer has done; `unlogged`: exchanges served without a record (`serve_unlogged`);
    `is_full`: the journal turns new exchanges away. `unready`: why this worker should be sent nothing new.
    `memory`: bytes that the process holds. `overload`, `bodies`: the gateway's.
    """

    generation: Callable[[], int] = int
    connections: Callable[[], int] = int
    pools: Callable[[], Mapping[str, Figures]] = _nothing
    journal: Callable[[], WriterStats] = WriterStats
    sheds: Callable[[], Mapping[str, int]] = _nothing
    unlogged: Callable[[], int] = int
    is_full: Callable[[], bool] = bool
    unready: Callable[[], str | None] = lambda: None
    memory: Callable[[], int] = int
    overload: Overload = field(default_factory=Overload)
    bodies: BodyMemory = field(default_factory=lambda: BodyMemory(0))


@dataclass(slots=True)
class Live:
    """One incarnation of one worker, as it tells of itself."""

    slot: int
    pid: int
    incarnation: str
    gauges: Gauges
    sources: Sources

    def status(self) -> dict[str, Any]:
        """The fields of a `status` frame (telemetry.frames). Counters are since the start of this incarnation."""
        gauges, sources = self.gauges, self.sources
        journal = sources.journal()
        return {
            "slot": self.slot,
            "pid": self.pid,
            "incarnation": self.incarnation,
            "generation": sources.generation(),
            "gauges": {
                "in_flight": _positive(gauges.in_flight),
                "open_streams": _positive(gauges.open_streams),
                "shadows": _positive(gauges.shadows),
                "open_tunnels": _positive(gauges.open_tunnels),
                "connections": sources.connections(),
                "pools": {name: dict(pool) for name, pool in sources.pools().items()},
                "journal_full": int(sources.is_full()),
                "slowest_write_s": journal.take_slowest(),
                "unready": sources.unready() or "",
            }
            | _pressure(sources),
            "counters": {
                "refused": dict(gauges.refused),
                "journal": _journal(journal, sources.unlogged()),
                "sheds": {str(reason): count for reason, count in sources.sheds().items()},  # no enum
                "guardrail_answers": {str(result): count for result, count in gauges.answers.items()},
                "overload": dict(sources.overload.counts) | {"body": sources.bodies.refused},
            },
            "histograms": {
                "loop_lag": [*gauges.lag_counts, gauges.lag_sum_s],
                "queue_wait": gauges.queue_wait,
                "guardrail_answer": gauges.answer_wait,
            },
        }


def _pressure(sources: Sources) -> dict[str, Any]:
    overload = sources.overload
    return {
        "overload_step": int(overload.step),
        "overload_cause": overload.cause,
        "memory_share": overload.memory,
        "memory_bytes": sources.memory(),
        "body_bytes": sources.bodies.held,
    }


def _journal(stats: WriterStats, unlogged: int) -> dict[str, float]:
    return {
        "records": stats.records,
        "bytes": stats.bytes,
        "writes": stats.writes,
        "write_s": stats.write_s,
        "refused": stats.refused,
        "faults": stats.faults,
        "unlogged": unlogged,
    }


def _positive(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count > 0}
