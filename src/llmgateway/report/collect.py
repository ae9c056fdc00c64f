"""Making a report: few questions to the store, and what is put together of the answers."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from llmgateway.domain.event import GatewayEvent
from llmgateway.ports.events import WantedEvents
from llmgateway.ports.generations import GenerationHead
from llmgateway.ports.report import MAX_GROUPS, Found, Labelled, Reviewed, Took, Traffic, Window
from llmgateway.ports.scores import WantedScores
from llmgateway.ports.store import StoreReader
from llmgateway.report.document import Report, RouteReport
from llmgateway.report.findings import findings_of
from llmgateway.report.people import MAX_EVENTS, Some, changes_of, concerns_of, reviews_of, some
from llmgateway.report.quality import quality_of
from llmgateway.report.reviewers import Looked
from llmgateway.report.rollouts import MAX_ROLLOUTS, RolloutStory, belongs, story_of
from llmgateway.report.service import service_of
from llmgateway.report.wanted import WantedReport, periods_of, window_of

T = TypeVar("T", Traffic, Took, Found, Labelled, Reviewed)
Step = Callable[[str], None]
"""Hears which part is looked at."""

MAX_ROUTES: Final = 20
PAGE: Final = 200
LOOKS: Final = 100  # pages at most: as many events as are kept
ALL_CONCERNS: Final = 1_000  # of one route


@dataclass(frozen=True, slots=True)
class _Counted:
    """What was counted of all routes at once."""

    traffic: Sequence[Traffic]
    durations: Sequence[Took]
    first_tokens: Sequence[Took]
    found: Sequence[Found]
    labelled: Sequence[Labelled]
    reviewed: Sequence[Reviewed]
    looked: Looked

    @property
    def is_cut(self) -> bool:
        told = (self.traffic, self.durations, self.first_tokens, self.found, self.labelled, self.reviewed)
        return any(len(each) >= MAX_GROUPS for each in told)


async def report(reader: StoreReader, wanted: WantedReport, step: Step = lambda _: None) -> Report:
    """Look up what happened from `wanted.since` to `wanted.until`. StoreError."""
    step("the log")
    kept = await reader.report_kept()
    periods = periods_of(wanted, kept)
    window = window_of(wanted, periods)
    counted = await _counted(reader, window, step)
    routes = _routes(counted.traffic, wanted.route)
    told = []
    for route in routes[:MAX_ROUTES]:
        step(f"route {route}")
        told.append(await _route(reader, route, window, counted))
    step("changes")
    return Report(
        wanted=wanted,
        kept=kept,
        periods=periods,
        routes=told,
        events=await _events(reader, window, None),
        changes=changes_of(await _changes(reader, window)),
        routes_left_out=max(0, len(routes) - MAX_ROUTES),
        is_cut=counted.is_cut,
        homeless=sum(each.exchanges for each in counted.traffic if each.route is None),
    )


async def _counted(reader: StoreReader, window: Window, step: Step) -> _Counted:
    step("requests")
    traffic = await reader.report_traffic(window)
    step("times of answers")
    durations, first_tokens = await reader.report_durations(window), await reader.report_first_tokens(window)
    step("guardrails")
    found = await reader.report_verdicts(window)
    step("scores and reviews")
    return _Counted(
        traffic,
        durations,
        first_tokens,
        found,
        await reader.report_labelled(window),
        await reader.report_reviewed(window),
        await reader.reviewed(None, since=window.since),
    )


async def _route(reader: StoreReader, route: str, window: Window, counted: _Counted) -> RouteReport:
    seen = await reader.seen_versions([route])
    scores = WantedScores(route=route, since=window.since, until=window.until)
    concerns = await reader.concerns(route=route, limit=ALL_CONCERNS)
    durations, first_tokens = _of(counted.durations, route), _of(counted.first_tokens, route)
    return RouteReport(
        route=route,
        service=service_of(_of(counted.traffic, route), durations, first_tokens, seen),
        quality=quality_of(await reader.score_groups(scores), _of(counted.labelled, route)),
        findings=findings_of(_of(counted.found, route)),
        rollouts=await _rollouts(reader, route, window),
        events=await _events(reader, window, route),
        reviews=reviews_of(_of(counted.reviewed, route), counted.looked, route, window.until),
        concerns=concerns_of(concerns, window.since, window.until),
    )


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
        counts, _ = await reader.epoch_counts(record.id)
        story = story_of(record, await reader.transitions(record.id), await reader.approvals(record.id), counts)
        if belongs(story, window.since, window.until):
            found.append(story)
    return found[::-1]


async def _events(reader: StoreReader, window: Window, route: str | None) -> Some[GatewayEvent]:
    """A route's events, or those of no route, as they happened: of those that are told the oldest first. Looks at so
    many at most, and tells fewer, the newest.
    """
    found: list[GatewayEvent] = []
    before: str | None = None
    asked = WantedEvents(route=route, since=window.since, until=window.until)
    for _ in range(LOOKS):
        page = await reader.events(asked, limit=PAGE, before=before)
        found += [each for each in page if each.route == route]
        if len(page) < PAGE:
            break
        before = page[-1].id
    newest = some(found, MAX_EVENTS)
    return Some(newest.told[::-1], newest.left_out)


async def _changes(reader: StoreReader, window: Window) -> list[GenerationHead]:
    """What was put in force in the time, or was tried, the newest first."""
    found: list[GenerationHead] = []
    before: int | None = None
    for _ in range(LOOKS):
        page = await reader.generations(limit=PAGE, before=before)
        found += [each for each in page if window.since <= each.at < window.until]
        if len(page) < PAGE or page[-1].at < window.since:
            break
        before = page[-1].number
    return found
