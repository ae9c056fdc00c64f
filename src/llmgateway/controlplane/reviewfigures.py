"""How the queues are: figures for people, programs and /metrics. Plain arithmetic."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from llmgateway.domain.quantile import quantile
from llmgateway.ports.reviews import STATUSES, Backlog

WAITING: Final = frozenset({"open", "claimed", "disputed"})


class ReviewFigures:
    """What /metrics shows: items by queue and status, and the age of the oldest that waits. Queues are few."""

    __slots__ = ("ages", "counts")

    def __init__(self, backlog: Iterable[Backlog], now: float) -> None:
        self.counts: dict[tuple[str, str], int] = {}
        self.ages: dict[str, float] = {}
        for line in backlog:
            self.counts.update(
                {(line.queue, status): 0 for status in STATUSES if (line.queue, status) not in self.counts}
            )
            self.counts[line.queue, line.status] = line.count
            age = max(0.0, now - line.oldest) if line.status in WAITING else 0.0
            self.ages[line.queue] = max(self.ages.get(line.queue, 0.0), age)


def backlog(figures: ReviewFigures, since: Sequence[float], now: float) -> dict[str, Any]:
    """The queues, and how long what waits has waited; `since`: when it was added, the oldest first."""
    ages = sorted(now - at for at in since)
    return {
        "queues": [
            {"queue": queue, "oldest_age_seconds": age} | {status: figures.counts[queue, status] for status in STATUSES}
            for queue, age in sorted(figures.ages.items())
        ],
        "waiting": len(ages),
        "age_p50_seconds": quantile(ages, 50) if ages else None,
        "age_p95_seconds": quantile(ages, 95) if ages else None,
    }
