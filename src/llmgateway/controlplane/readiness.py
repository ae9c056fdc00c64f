"""Whether this gateway should be sent traffic, as sentences. Pure: facts in, reasons out.

Readiness says nothing of backends: one that fails everywhere would take every gateway out at once. A store that is
away doesn't count either: the journal spools.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from llmgateway.controlplane.worker import WorkerState


@dataclass(frozen=True, slots=True)
class Facts:
    """What readiness rests on. `workers`: the connected ones."""

    generation: int
    workers: Sequence[WorkerState]
    now: float  # monotonic
    is_draining: bool


def unready(facts: Facts) -> list[str]:
    """Why no traffic should come; empty when it may. One worker that serves is enough."""
    if facts.is_draining:
        return ["draining: the gateway is shutting down"]
    missing = unstarted(facts)
    if missing:
        return missing
    fresh = [worker for worker in facts.workers if not worker.is_stale(facts.now)]
    if not fresh:
        return [f"workers: none of {len(facts.workers)} was heard of in the last five seconds"]
    reasons = [worker.word("unready") for worker in fresh]
    return sorted({f"every worker: {reason}" for reason in reasons}) if all(reasons) else []


def unstarted(facts: Facts) -> list[str]:
    """What start-up still waits for."""
    missing = []
    if facts.generation < 1:
        missing.append("config: none is in force")
    if not facts.workers:
        missing.append("workers: none is connected")
    return missing
