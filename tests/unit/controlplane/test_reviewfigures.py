"""The backlog against figures worked out by hand."""

from llmgateway.controlplane import reviewfigures
from llmgateway.controlplane.reviewfigures import ReviewFigures
from llmgateway.ports.reviews import STATUSES, Backlog

NOW = 10_000.0


def test_the_backlog_counts_every_status_and_ages_only_what_waits():
    lines = [Backlog("a", "open", 2, NOW - 50), Backlog("a", "disputed", 1, NOW - 90), Backlog("a", "done", 9, 0.0)]
    figures = ReviewFigures([*lines, Backlog("b", "done", 1, 0.0)], NOW)
    assert figures.counts["a", "open"] == 2
    assert figures.counts["b", "open"] == 0
    assert len(figures.counts) == 2 * len(STATUSES)
    assert figures.ages == {"a": 90.0, "b": 0.0}
    told = reviewfigures.backlog(figures, [NOW - age for age in (90, 50, 10)], NOW)
    assert (told["waiting"], told["age_p50_seconds"], told["age_p95_seconds"]) == (3, 50, 90)
    assert told["queues"][0] == {
        "queue": "a",
        "oldest_age_seconds": 90.0,
        "open": 2,
        "claimed": 0,
        "disputed": 1,
        "done": 9,
        "skipped": 0,
    }
    assert reviewfigures.backlog(ReviewFigures([], NOW), [], NOW) == {
        "queues": [], "waiting": 0, "age_p50_seconds": None, "age_p95_seconds": None,
    }  # fmt: skip
