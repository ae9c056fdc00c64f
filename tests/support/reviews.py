"""Items and reviews for tests."""

from typing import Any

from llmgateway.domain.review import Item, Kind, Reason, Review
from llmgateway.review.sampling import item_id


def item(exchange_id: str = "x1", **changes: Any) -> Item:
    """An open item about an exchange."""
    queue, reason = changes.pop("queue", "default"), changes.pop("reason", Reason.RANDOM)
    made: dict[str, Any] = {
        "id": item_id(queue, exchange_id, changes.get("other_id"), reason), "queue": queue, "exchange_id": exchange_id,
        "reason": reason, "created_at": 1_700_000_000.0, "schema": "answer", "schema_number": 1, "added_by": "ann",
    }  # fmt: skip
    return Item(**(made | changes))


def review(of: Item, reviewer: str = "ann", quality: str = "good", **changes: Any) -> Review:
    made: dict[str, Any] = {"kind": Kind.REVIEW, "labels": {"quality": quality}}
    return Review(of.id, reviewer, 1_700_000_100.0, **(made | changes))
