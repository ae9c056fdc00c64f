"""A report, as programs have it: everything that pages and texts are written from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any

from llmgateway.domain.event import GatewayEvent
from llmgateway.domain.review import Concern
from llmgateway.ports.report import Kept
from llmgateway.report.figures import Share
from llmgateway.report.findings import Findings
from llmgateway.report.people import Changes, Reviews, Some
from llmgateway.report.quality import Quality
from llmgateway.report.rollouts import RolloutStory
from llmgateway.report.service import Service
from llmgateway.report.wanted import Periods, WantedReport


@dataclass(frozen=True, slots=True)
class RouteReport:
    """What is told of one route."""

    route: str
    service: Service
    quality: Quality
    findings: Findings
    rollouts: Sequence[RolloutStory]
    events: Some[GatewayEvent]
    reviews: Reviews
    concerns: Some[Concern]


@dataclass(frozen=True, slots=True)
class Report:
    """`events`: those of no route. `changes`: of the whole configuration. `homeless`: exchanges that named no route
    that there is. `routes_left_out`: routes that are not told of. `is_cut`: there were more different figures than can
    be counted at once, and the rarest are in none.
    """

    wanted: WantedReport
    kept: Kept
    periods: Periods
    routes: Sequence[RouteReport]
    events: Some[GatewayEvent]
    changes: Changes
    routes_left_out: int
    homeless: int
    is_cut: bool

    def shown(self) -> dict[str, Any]:
        """As JSON has it."""
        shown: dict[str, Any] = _shown(self)
        return shown


def _shown(value: Any) -> Any:
    named = _named(value)
    if named is not None:
        return {str(_shown(name)): _shown(each) for name, each in named.items()}
    if isinstance(value, list | tuple):
        return [_shown(each) for each in value]
    return value.value if isinstance(value, Enum) else value


def _named(value: Any) -> Mapping[Any, Any] | None:
    """What a value consists of, by name; None for what has no parts with names."""
    if isinstance(value, Share):
        low, high = value.interval
        return {"count": value.count, "of": value.of, "share": value.share, "low": low, "high": high}
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return dict(value._asdict())
    return value if isinstance(value, Mapping) else None
