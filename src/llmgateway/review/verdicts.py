"""What a review means once the sides have names again: scores of the exchanges, and which of a pair was preferred."""

from collections.abc import Iterator
from typing import Final

from llmgateway.domain.ids import named_id
from llmgateway.domain.review import Item, Kind, Labels, Review
from llmgateway.domain.score import DataType, Score, SourceKind

SIDES: Final = ("left", "right")
_OTHER: Final = {"left": "right", "right": "left"}


def exchange_on(item: Item, side: str) -> str:
    """The exchange that stands on a side of a pair."""
    first = (side == "left") != item.is_swapped
    return item.exchange_id if first or item.other_id is None else item.other_id


def version_on(item: Item, side: str) -> str | None:
    """The version that answered on a side of a pair."""
    return item.served if exchange_on(item, side) == item.exchange_id else item.other_served


def preferred(item: Item, labels: Labels | None) -> dict[str, str | None]:
    """Of a pair's questions that ask for a side: the version that was preferred, None for neither."""
    if not item.is_pair or not labels:
        return {}
    return {
        question: version_on(item, answer) if answer in SIDES else None
        for question, answer in labels.items()
        if answer in {*SIDES, "tie"}
    }


def scores_of(item: Item, review: Review) -> list[Score]:
    """The scores that a review gives its exchanges; of a pair `won`, `lost` and `tie`."""
    if review.kind is Kind.SKIP:
        return []
    return [
        Score(
            named_id("review", item.id, review.reviewer, question, exchange),
            review.at,
            question,
            DataType.CATEGORY,
            value,
            SourceKind.HUMAN,
            review.reviewer,
            exchange_id=exchange,
            run=f"review:{item.queue}",
        )
        for question, answer in review.labels.items()
        for exchange, value in _said(item, answer)
    ]


def _said(item: Item, answer: str) -> Iterator[tuple[str, str]]:
    if item.other_id is None:
        yield item.exchange_id, answer
    elif answer in _OTHER:
        yield exchange_on(item, answer), "won"
        yield exchange_on(item, _OTHER[answer]), "lost"
    else:  # the same of both
        yield item.exchange_id, answer
        yield item.other_id, answer
