"""Which exchanges an evaluator looks at: by their ids, so that every version of a route has the same share."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

from llmgateway.config.evaluating import Evaluator

MARK: Final = "evaluator:"  # what the gateway's own questions call themselves, in x-request-id
_RANGE: Final = 2**64


def place(row: Mapping[str, Any]) -> float:
    """Where an exchange stands between 0 and 1: a share has those below it, and so all that a smaller share has.

    A copy stands where its primary does, so that pairs stay together.
    """
    digest = blake2b(str(row.get("shadow_of") or row["id"]).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / _RANGE


def is_wanted(row: Mapping[str, Any], definition: Evaluator) -> bool:
    """Whether it is of a route that the evaluator looks at."""
    return not definition.routes or row.get("route") in definition.routes


def claimed(row: Mapping[str, Any]) -> str | None:
    """The evaluator in whose name this exchange was asked for. Any caller may write that."""
    named = row.get("caller_request_id")
    if not isinstance(named, str) or not named.startswith(MARK):
        return None
    return named.removeprefix(MARK).partition(":")[0]


def is_guardrails(row: Mapping[str, Any]) -> bool:
    """Whether it was a guardrail's question. Tags are the gateway's, and the operator's."""
    tags = row.get("tags")
    return isinstance(tags, Mapping) and "guardrail" in tags and "judged" in tags
