"""What people did: reviews, concerns, changes to the configuration. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from llmgateway.domain.review import Concern, ConcernState
from llmgateway.ports.generations import GenerationHead
from llmgateway.ports.report import Reviewed
from llmgateway.report.reviewers import Looked, agreement, rates

T = TypeVar("T")

MAX_CONCERNS: Final = 50
MAX_CHANGES: Final = 50
MAX_AUTHORS: Final = 20  # those with the most changes
MAX_EVENTS: Final = 100
WAITING: Final = frozenset({"open", "disputed"})


@dataclass(frozen=True, slots=True)
class Some(Generic[T]):
    """The first of many, and how many there are beside them."""

    told: Sequence[T]
    left_out: int = 0


def some(all_of_them: Sequence[T], most: int) -> Some[T]:
    return Some(all_of_them[:most], max(0, len(all_of_them) - most))


@dataclass(frozen=True, slots=True)
class Reviews:
    """Items that were added in the time, by reason: how many wait, are done, were skipped. What reviewers said of them:
    how many `reviews` by how many `reviewers`, how far they agree, and what holds of those drawn at random.
    """

    by_reason: Mapping[str, Mapping[str, int]]
    reviews: int
    reviewers: int
    agreement: Sequence[Mapping[str, Any]]
    random_sample: Sequence[Mapping[str, Any]]


def reviews_of(counted: Iterable[Reviewed], looked: Looked, route: str, until: float) -> Reviews:
    """Of one route."""
    by_reason: dict[str, Counter[str]] = {}
    for each in counted:
        by_reason.setdefault(each.reason, Counter())[each.state] += each.items
    ours = [(item, said) for item, said in looked if item.route == route and item.created_at < until]
    return Reviews(
        {reason: dict(told) for reason, told in sorted(by_reason.items())},
        sum(len(said) for _, said in ours),
        len({each.reviewer for _, said in ours for each in said}),
        [each for each in agreement(ours) if each["items"]],
        rates(ours),
    )


def concerns_of(concerns: Iterable[Concern], since: float, until: float) -> Some[Concern]:
    """Those that were raised or closed in the time, or are still open: open ones first, then the newest."""
    ours = [each for each in concerns if each.at < until and _stood(each, since)]
    return some(sorted(ours, key=lambda each: (each.state is not ConcernState.OPEN, -each.at)), MAX_CONCERNS)


def _stood(concern: Concern, since: float) -> bool:
    return concern.at >= since or concern.closed_at is None or concern.closed_at >= since


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes of the configuration, the newest first. `made`: those that came into force, and by whom; `refused`: the
    others.
    """

    heads: Some[GenerationHead]
    made: int
    by_author: Mapping[str, int]
    refused: int


def changes_of(heads: Sequence[GenerationHead]) -> Changes:
    """Of the whole gateway."""
    made = Counter(each.author for each in heads if each.refused is None)
    return Changes(
        some(heads, MAX_CHANGES),
        made.total(),
        dict(made.most_common(MAX_AUTHORS)),
        sum(each.refused is not None for each in heads),
    )
