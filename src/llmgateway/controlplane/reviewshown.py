"""Items, reviews and concerns as JSON has them. What would tell a reviewer which version is which is left out until an
item is closed.
"""

from collections.abc import Sequence
from typing import Any, Final

from llmgateway.domain.review import Concern, Item, Kind, Review, Schema, State
from llmgateway.review.labels import shown_schema
from llmgateway.review.verdicts import SIDES, exchange_on, preferred, version_on

CLOSED: Final = frozenset({State.DONE, State.SKIPPED})


def shown_item(item: Item, now: float) -> dict[str, Any]:
    """An item as lists have it. Of an open pair nobody is told which exchanges it is of."""
    is_open = item.state not in CLOSED
    return {
        "id": item.id,
        "queue": item.queue,
        "kind": "pair" if item.is_pair else "exchange",
        "exchange_id": None if item.is_pair and is_open else item.exchange_id,
        "route": item.route,
        "reason": item.reason,
        "priority": item.priority,
        "created_at": item.created_at,
        "due_at": item.due_at,
        "note": item.note,
        "added_by": item.added_by,
        "schema": item.schema,
        "schema_number": item.schema_number,
        "needed": item.needed,
        "state": item.state,
        "version": item.version,
        "claimed_by": item.holder(now),
        "claimed_until": item.claimed_until if item.holder(now) else None,
        "closed_at": item.closed_at,
        "labels": item.labels,
    }


def shown_schema_of(schema: Schema) -> dict[str, Any]:
    return {"name": schema.name, "number": schema.number, **shown_schema(schema)}


def shown_review(review: Review) -> dict[str, Any]:
    shown: dict[str, Any] = {"reviewer": review.reviewer, "at": review.at, "kind": review.kind}
    if review.kind is Kind.SKIP:
        return shown | {"reason": review.comment}
    return shown | {"labels": review.labels, "comment": review.comment, "correction": review.correction}


def visible(item: Item, said: Sequence[Review], who: str) -> list[dict[str, Any]]:
    """What others said, once that can sway nobody any more; before, one's own."""
    is_open = item.state is State.OPEN
    return [shown_review(review) for review in said if not is_open or review.reviewer == who]


def exported(item: Item, said: Sequence[Review]) -> dict[str, Any]:
    """A closed item with all that is known of it."""
    names: dict[str, Any] = {"version": item.served} if not item.is_pair else _named(item)
    return {
        "id": item.id,
        "queue": item.queue,
        "kind": "pair" if item.is_pair else "exchange",
        "route": item.route,
        "reason": item.reason,
        "created_at": item.created_at,
        "closed_at": item.closed_at,
        "state": item.state,
        "schema": item.schema,
        "schema_number": item.schema_number,
        "exchange_id": item.exchange_id,
        **names,
        "labels": item.labels,
        "reviews": [shown_review(review) for review in said],
    }


def _named(item: Item) -> dict[str, Any]:
    sides = {side: {"exchange_id": exchange_on(item, side), "version": version_on(item, side)} for side in SIDES}
    return {"other_id": item.other_id, **sides, "preferred": preferred(item, item.labels)}


def shown_concern(concern: Concern, *, is_blind: bool = False) -> dict[str, Any]:
    """A concern; `is_blind`: without what it would tell of a pair that whoever sees it has still to look at."""
    return {
        "id": concern.id,
        "at": concern.at,
        "by": concern.by,
        "route": concern.route,
        "version": None if is_blind else concern.version,
        "severity": concern.severity,
        "text": concern.text,
        "owner": concern.owner,
        "exchange_id": None if is_blind else concern.exchange_id,
        "blind": is_blind,
        "state": concern.state,
        "closed_at": concern.closed_at,
        "closed_by": concern.closed_by,
        "closed_reason": concern.closed_reason,
    }
