"""What is going on in this worker right now, as plain numbers; the link tells the control process each second."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from llmgateway.guarding.trust import Said
from llmgateway.telemetry.histogram import WAIT, empty, observe

LAG_BUCKETS_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


@dataclass(slots=True)
class Gauges:
    """Live figures and counters of what leaves no record in the journal. Label values come from closed sets only."""

    in_flight: Counter[str] = field(default_factory=Counter)  # by route
    open_streams: Counter[str] = field(default_factory=Counter)  # by route
    shadows: Counter[str] = field(default_factory=Counter)  # copies under way, by route
    open_tunnels: Counter[str] = field(default_factory=Counter)  # by route
    refused: Counter[str] = field(default_factory=Counter)  # callers without a key, by error code
    unlogged: int = 0  # exchanges served without a record, where the operator allows that
    lag_counts: list[int] = field(default_factory=lambda: [0] * (len(LAG_BUCKETS_S) + 1))
    lag_sum_s: float = 0.0
    worst_lag_s: float = 0.0  # since it was taken last
    queue_wait: list[float] = field(default_factory=lambda: empty(WAIT))  # for a place at a busy backend

    answers: Counter[str] = field(default_factory=Counter)  # of slow guardrails, by what came of asking
    answer_wait: list[float] = field(default_factory=lambda: empty(WAIT))  # for those that did answer

    def answered(self, seconds: float) -> None:
        """Note how long a slow guardrail took to answer."""
        self.answers[Said.ANSWERED] += 1
        observe(self.answer_wait, WAIT, seconds)

    def waited(self, seconds: float) -> None:
        """Note how long somebody stood in a backend's queue."""
        observe(self.queue_wait, WAIT, seconds)

    def lag(self, seconds: float) -> None:
        """Note how late the event loop was."""
        self.lag_sum_s += seconds
        self.worst_lag_s = max(self.worst_lag_s, seconds)
        for index, bound in enumerate(LAG_BUCKETS_S):
            if seconds <= bound:
                self.lag_counts[index] += 1
                return
        self.lag_counts[-1] += 1

    def take_worst_lag(self) -> float:
        """Read the greatest lag since the last call."""
        worst, self.worst_lag_s = self.worst_lag_s, 0.0
        return worst

    def state(self) -> dict[str, Any]:
        return {
            "in_flight": dict(self.in_flight),
            "open_streams": dict(self.open_streams),
            "open_tunnels": dict(self.open_tunnels),
            "refused": dict(self.refused),
            "loop_lag": {"bounds_s": LAG_BUCKETS_S, "counts": self.lag_counts, "sum_s": self.lag_sum_s},
        }
