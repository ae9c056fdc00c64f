"""Making a report: few questions to the store, and what is put together of the answers."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from llmgateway.ports.report import Took, Traffic, Window
from llmgateway.ports.store import StoreReader
from llmgateway.report.document import Report, RouteReport
from llmgateway.report.rollouts import MAX_ROLLOUTS, RolloutStory, belongs, story_of
from llmgateway.report.service import service_of
from llmgateway.report.wanted import WantedReport, periods_of, window_of

T = TypeVar("T", Traffic, Took)
Step = Callable[[str], None]
"""Hears which part is looked at."""

MAX_ROUTES: Final = 20


async def report(reader: StoreReader, wanted: WantedReport, step: Step = lambda _: None) -> Report:
    """Look up what happened from `wanted.since` to `wanted.until`. StoreError."""
    step("log")
    kept = await reader.report_kept()
    periods = periods_of(wanted, kept)
    window = window_of(wanted, periods)
    step("traffic")
    traffic = await reader.report_traffic(window)
    step("latency")
    durations, first_tokens = await reader.report_durations(window), await reader.report_first_tokens(window)
    routes = _routes(traffic, wanted.route)
    told = []
    for route in routes[:MAX_ROUTES]:
        step(route)
        seen = await reader.seen_versions([route])
        service = service_of(_of(traffic, route), _of(durations, route), _of(first_tokens, route), seen)
        told.append(RouteReport(route, service, await _rollouts(reader, route, window)))
    homeless = sum(each.exchanges for each in traffic if each.route is None)
    return Report(wanted, kept, periods, told, max(0, len(routes) - MAX_ROUTES), homeless)


def _routes(traffic: Iterable[Traffic], route: str | None) -> list[str]:
    """The route that was asked for, or those with traffic, the busiest first."""
    if route is not None:
        return [route]
    counts: Counter[str] = Counter()
    for each in traffic:
        if each.route is not None:
            counts[each.route] += each.exchanges
    return [name for name, _ in sorted(counts.items(), key=lambda each: (-each[1], each[0]))]


def _of(groups: Iterable[T], route: str) -> list[T]:
    return [each for each in groups if each.route == route]


async def _rollouts(reader: StoreReader, route: str, window: Window) -> Sequence[RolloutStory]:
    """Those that were under way in the time, the oldest first."""
    found = []
    for record in await reader.rollouts(route, limit=MAX_ROLLOUTS):
        story = story_of(record, await reader.transitions(record.id), await reader.approvals(record.id))
        if belongs(story, window.since, window.until):
            found.append(story)
    return found[::-1]
