"""What was said of the answers, by who said it, and how far judges say what people say. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from llmgateway.domain.score import SourceKind
from llmgateway.ports.report import Labelled
from llmgateway.ports.scores import Group
from llmgateway.report.figures import Share
from llmgateway.rollout.agreement import cohen_kappa
from llmgateway.store.scoresummary import Summary, summaries

MAX_LINES: Final = 60  # the best founded
MAX_JUDGES: Final = 20
_ORDER: Final = (SourceKind.USER, SourceKind.HUMAN, SourceKind.JUDGE, SourceKind.CODE)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often a judge said what people said under one name. `kappa`: beyond chance; None: chance explains it all.
    `identity`: which judge of that name.
    """

    name: str
    judge: str
    same: Share
    kappa: float | None
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Quality:
    """Scores of one route that hold now, by source, name and version; how far each judge agrees with people."""

    lines: Sequence[Summary]
    lines_left_out: int
    agreements: Sequence[Agreement]


def quality_of(groups: Iterable[Group], labelled: Iterable[Labelled]) -> Quality:
    """Sum up what the store has of one route."""
    lines = summaries(groups)
    told = sorted(lines, key=lambda each: -each.of)[:MAX_LINES]
    return Quality(sorted(told, key=_place), len(lines) - len(told), _agreements(labelled))


def _place(line: Summary) -> tuple[int, str, str, str]:
    return _ORDER.index(line.source_kind), line.name, line.category or "", line.version or ""


def _agreements(labelled: Iterable[Labelled]) -> list[Agreement]:
    ordered = sorted(labelled, key=_judge)
    found = []
    for (name, judge, identity), same in groupby(ordered, key=_judge):
        cells = list(same)
        pairs = [(cell.judge, cell.person) for cell in cells for _ in range(cell.answers)]
        agreed = sum(one == two for one, two in pairs)
        found.append(Agreement(name, judge, Share(agreed, len(pairs)), cohen_kappa(pairs), identity))
    return sorted(found, key=lambda each: -each.same.of)[:MAX_JUDGES]


def _judge(cell: Labelled) -> tuple[str, str, str]:
    return cell.name, cell.source_id, cell.identity
