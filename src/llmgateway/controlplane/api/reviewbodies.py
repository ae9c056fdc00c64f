"""What the review endpoints take: as OpenAPI says it, and as it is read."""

import math
from collections.abc import Mapping
from typing import Any, Final

from llmgateway.controlplane.endpoints import Body
from llmgateway.controlplane.reviewing import Order, Sample
from llmgateway.domain.review import (
    DEFAULT_QUEUE,
    MAX_CORRECTION,
    MAX_NAME,
    MAX_PRIORITY,
    MAX_REVIEWS,
    MAX_WORDS,
    BadReviewError,
    Reason,
    is_name,
    one_of,
    words_in,
)

MAX_COUNT: Final = 10_000
MAX_DUE_S: Final = 366 * 86_400.0
_ADDING: Final = frozenset({"reason", "queue", "priority", "due_in", "note", "schema", "reviews"})
_WORDS: Final = {"type": "string", "minLength": 1, "maxLength": MAX_WORDS}
_NAME: Final = {"type": "string", "minLength": 1, "maxLength": MAX_NAME}
_ID: Final = {"type": "string", "format": "uuid"}
_VERSION: Final = {"type": "integer"}
_ORDER: Final = {
    "reason": {"type": "string", "enum": list(Reason)},
    "queue": _NAME,
    "priority": {"type": "integer", "minimum": 0, "maximum": MAX_PRIORITY},
    "due_in": {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_DUE_S},
    "note": _WORDS,
    "schema": _NAME,
    "reviews": {"type": "integer", "minimum": 1, "maximum": MAX_REVIEWS},
}


def _json(description: str, limit: int, *, needs: tuple[str, ...] = (), **properties: Any) -> Body:
    shape = {"type": "object", "required": list(needs), "properties": properties, "additionalProperties": False}
    return Body("application/json", description, limit, shape, is_required=bool(needs))


ADD: Final = _json(
    "The exchange, and why somebody should look; `other_id` makes it a blind pair. `due_in` is in seconds.",
    16 * 1024,
    needs=("exchange_id", "reason"),
    exchange_id=_ID,
    other_id=_ID,
    **_ORDER,
)
SAMPLE: Final = _json(
    "What to draw. `since` and `until` are Unix seconds; `stratify`: as many of each version; `pairs`: exchanges with "
    "their shadows' copies. The same draw gives the same exchanges; `seed` makes it another one.",
    16 * 1024,
    needs=("route", "since", "count"),
    route={"type": "string", "minLength": 1, "maxLength": 256},
    since={"type": "number"},
    until={"type": "number"},
    count={"type": "integer", "minimum": 1, "maximum": MAX_COUNT},
    stratify={"type": "string", "enum": ["version"]},
    pairs={"type": "boolean"},
    seed=_NAME,
    **_ORDER,
)
NEXT: Final = _json(
    "From which queue; `resume`: first come back to what you have.", 1024, queue=_NAME, resume={"type": "boolean"}
)
RENEW: Final = _json("The version of the item that you have seen.", 1024, version=_VERSION)
SKIP: Final = _json("Why you can't say anything.", 16 * 1024, needs=("reason",), reason=_WORDS, version=_VERSION)
LABELS: Final = _json(
    "An answer to each question of the item's schema. `version`: the item's, as you have seen it.",
    512 * 1024,
    needs=("labels",),
    labels={"type": "object", "additionalProperties": {"type": "string"}},
    comment=_WORDS,
    correction={"type": "string", "minLength": 1, "maxLength": MAX_CORRECTION},
    version=_VERSION,
)
SCHEMA: Final = _json(
    "Questions with their options.",
    16 * 1024,
    needs=("questions",),
    questions={"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
    takes_correction={"type": "boolean"},
)


def order_in(sent: Mapping[str, Any], by: str, more: frozenset[str] = frozenset()) -> Order:
    """How items are to be added; `more`: further fields that may be there. BadReviewError."""
    if sent.keys() - _ADDING - more:
        known = ", ".join(sorted(_ADDING | more))
        raise BadReviewError(None, f"A field is not known here. Known are {known}.")
    return Order(
        one_of(sent.get("reason", Reason.STRATIFIED if sent.get("stratify") else Reason.RANDOM), "reason", Reason),
        by,
        queue=_name(sent, "queue") or DEFAULT_QUEUE,
        priority=_whole(sent, "priority", 0, MAX_PRIORITY, 0),
        due_in=_number(sent, "due_in", 1e-3, MAX_DUE_S) if "due_in" in sent else None,
        note=words_in(sent, "note"),
        schema=_name(sent, "schema"),
        reviews=_whole(sent, "reviews", 1, MAX_REVIEWS) if "reviews" in sent else None,
    )


OF_ONE: Final = frozenset({"exchange_id", "other_id"})
OF_SAMPLE: Final = frozenset({"route", "since", "until", "count", "stratify", "pairs", "seed"})


def sample_in(sent: Mapping[str, Any]) -> Sample:
    """What is to be drawn; BadReviewError."""
    route, stratify, pairs = words_in(sent, "route", 256), sent.get("stratify"), sent.get("pairs", False)
    if route is None:
        raise BadReviewError("route", "route is missing.")
    if (stratify is not None and stratify != "version") or not isinstance(pairs, bool) or (pairs and stratify):
        raise BadReviewError("stratify", "stratify may be version, and not together with pairs.")
    return Sample(
        route,
        _number(sent, "since", 0, 1e11),
        _whole(sent, "count", 1, MAX_COUNT),
        until=_number(sent, "until", 0, 1e11) if "until" in sent else None,
        stratify=stratify is not None,
        pairs=pairs,
        seed=_name(sent, "seed") or "",
    )


def _name(sent: Mapping[str, Any], field: str) -> str | None:
    name = sent.get(field)
    if name is not None and not (isinstance(name, str) and is_name(name)):
        raise BadReviewError(field, f"{field} must be 1 to {MAX_NAME} letters, digits, '.', '_' and '-'.")
    return name


def _whole(sent: Mapping[str, Any], field: str, low: int, high: int, default: int | None = None) -> int:
    number = sent.get(field, default)
    if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
        raise BadReviewError(field, f"{field} must be a whole number from {low} to {high}.")
    return number


def _number(sent: Mapping[str, Any], field: str, low: float, high: float) -> float:
    number = sent.get(field)
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    if not is_number or not math.isfinite(number or 0) or not low <= (number or 0) <= high:
        raise BadReviewError(field, f"{field} must be a number from {low:g} to {high:g}.")
    return float(number or 0)
