"""What was said, summed up for people: shares and means with how sure one may be of them. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from llmgateway.domain.proportion import mean_interval, wilson
from llmgateway.domain.score import DataType, SourceKind
from llmgateway.ports.scores import Group


@dataclass(frozen=True, slots=True)
class Summary:
    """One line: what one kind of source said under one name about one version.

    `category`: of categories there is a line for each, and `of` is how many were given in all. `figure`: the share of
    yes, or of the category, or the numbers' mean; None for texts. `interval`: 95 %, Wilson's for shares.
    """

    route: str | None
    version: str | None
    name: str
    data_type: DataType
    source_kind: SourceKind
    category: str | None
    count: int
    of: int
    figure: float | None
    interval: tuple[float, float] | None

    def shown(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "route": self.route,
            "version": self.version,
            "name": self.name,
            "data_type": self.data_type.value,
            "source_kind": self.source_kind.value,
            "category": self.category,
            "count": self.count,
            "of": self.of,
            "figure": self.figure,
            "interval": None if self.interval is None else list(self.interval),
        }


def summaries(groups: Iterable[Group]) -> list[Summary]:
    """Sum up, in the groups' order."""
    return [
        _summary(group, sum(each.count for each in same))
        for _, found in groupby(groups, key=_slot)
        for same in [list(found)]
        for group in same
    ]


def _slot(group: Group) -> Sequence[object]:
    return group.route, group.version, group.name, group.data_type, group.source_kind


def _summary(group: Group, of: int) -> Summary:
    figure: float | None = None
    interval: tuple[float, float] | None = None
    match group.data_type:
        case DataType.BOOL:
            figure, interval = group.total / group.count, wilson(round(group.total), group.count)
        case DataType.CATEGORY:
            figure, interval = group.count / of, wilson(group.count, of)
        case DataType.NUMBER:
            figure, interval = group.total / group.count, mean_interval(group.total, group.squares, group.count)
        case DataType.TEXT:
            pass
    return Summary(
        group.route,
        group.version,
        group.name,
        group.data_type,
        group.source_kind,
        group.category,
        group.count,
        of,
        figure,
        interval,
    )
