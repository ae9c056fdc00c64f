"""The live view as one document: what `llmgateway top` and the admin API show. Pure: figures in, JSON-able out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from llmgateway.controlplane.ingest import Lag
from llmgateway.controlplane.live import WINDOW_S, Recent
from llmgateway.controlplane.worker import WorkerState
from llmgateway.domain.event import GatewayEvent

MAX_ALARMS: Final = 20  # that are shown, the newest


@dataclass(frozen=True, slots=True)
class Status:
    """How the control process and its gateway are, apart from traffic."""

    version: str
    generation: int
    uptime_s: float
    unready: Sequence[str]
    starts: Mapping[int, int]
    task_failures: Mapping[str, int]
    lag: Lag | None  # None: nothing ingests here
    store_error: str | None
    backends: Sequence[Mapping[str, Any]] = ()  # as `byhand` shows them
    alarms: Sequence[GatewayEvent] = ()  # that have not cleared


def overview(recent: Recent, workers: Sequence[WorkerState], status: Status, now: float) -> dict[str, Any]:
    """Traffic of the last minute, workers and backends now. `now` is monotonic."""
    fresh = [worker for worker in workers if not worker.is_stale(now)]
    return {
        "version": status.version,
        "generation": status.generation,
        "uptime_s": status.uptime_s,
        "ready": not status.unready,
        "unready": list(status.unready),
        "window_s": WINDOW_S,
        "whole": recent.whole(),
        "versions": recent.versions(),
        "in_flight": _summed(fresh, "in_flight"),
        "open_streams": _summed(fresh, "open_streams"),
        "connections": sum(worker.gauge("connections") for worker in fresh),
        "backends": _backends(fresh),
        "out": [_out(backend) for backend in status.backends if backend["why"]],
        "alarms": [_alarm(each) for each in status.alarms[-MAX_ALARMS:]],
        "workers": [_worker(worker, status.starts, now) for worker in workers],
        "journal": _journal(status),
        "task_failures": dict(status.task_failures),
    }


def _journal(status: Status) -> dict[str, Any]:
    lag = status.lag
    if lag is None:
        return {"lag_s": None, "unread_bytes": None, "open_exchanges": None, "store_error": status.store_error}
    return {
        "lag_s": lag.seconds,
        "unread_bytes": lag.bytes,
        "open_exchanges": lag.open,
        "store_error": status.store_error,
    }


def _worker(worker: WorkerState, starts: Mapping[int, int], now: float) -> dict[str, Any]:
    return {
        "slot": worker.slot,
        "pid": worker.pid,
        "generation": worker.generation,
        "seen_s": max(0.0, now - worker.seen),
        "stale": worker.is_stale(now),
        "in_flight": sum(worker.by_name("in_flight").values()),
        "connections": worker.gauge("connections"),
        "journal_full": bool(worker.gauge("journal_full")),
        "slowest_write_s": worker.gauge("slowest_write_s"),
        "memory_bytes": worker.gauge("memory_bytes"),
        "memory_share": worker.gauge("memory_share"),
        "body_bytes": worker.gauge("body_bytes"),
        "overload_step": int(worker.gauge("overload_step")),
        "overload_cause": worker.word("overload_cause"),
        "starts": starts.get(worker.slot, 1),
    }


def _out(backend: Mapping[str, Any]) -> dict[str, Any]:
    """A backend with something against it."""
    return {name: backend[name] for name in ("name", "state", "why", "since", "until")}


def _alarm(event: GatewayEvent) -> dict[str, Any]:
    return {"id": event.id, "kind": event.kind.value, "at": event.at, "text": event.text}


def _summed(workers: Sequence[WorkerState], gauge: str) -> dict[str, float]:
    sums: dict[str, float] = {}
    for worker in workers:
        for name, count in worker.by_name(gauge).items():
            sums[name] = sums.get(name, 0) + count
    return sums


def _backends(workers: Sequence[WorkerState]) -> dict[str, dict[str, float]]:
    backends: dict[str, dict[str, float]] = {}
    for worker in workers:
        for name, pool in worker.pools().items():
            sums = backends.setdefault(name, {})
            for state, count in pool.items():
                if state == "ewma_s":
                    sums[state] = max(sums.get(state, 0), count)
                    continue
                sums[state] = sums.get(state, 0) + count
    return backends
