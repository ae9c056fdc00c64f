"""Two loads compared by their p99. On a shared machine one second of noise is a p99 of its own, so the rounds of each
side are summed up by their median, and a difference below what a timer can tell is none. Pure.
"""

from collections.abc import Sequence
from statistics import median
from typing import Any, Final

from bench.faults.figure import Figure
from bench.spread import TIMES

TOLD_S: Final = 0.0005

Reports = Sequence[dict[str, Any]]


def p99(reports: Reports) -> float:
    """The median of the rounds' p99, in seconds; endless where nothing was answered."""
    found = [one["latency"]["p99"] for one in reports if one["latency"]]
    return median(found) if found else float("inf")


def times(before: Reports, after: Reports) -> float:
    """How many times as long p99 became; 1 where it fell, or grew by less than can be told."""
    grown = p99(after) - p99(before)
    return 1 + grown / p99(before) if grown > TOLD_S else 1.0


def slower(name: str, before: Reports, after: Reports, limit: float) -> Figure:
    """The figure: p99 may become `limit` times as long."""
    found = times(before, after)
    measured = f"{found:.2f} {TIMES} ({1000 * p99(before):.2f} to {1000 * p99(after):.2f} ms)"
    return Figure(name, f"≤ {limit:g} {TIMES}", measured, found <= limit)
