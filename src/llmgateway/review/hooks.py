"""What goes into the queue by itself: what guardrails let pass with a finding, thumbs down, and some of all."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

from llmgateway.config.review import Review
from llmgateway.domain.exchange import is_of_caller
from llmgateway.domain.review import Reason
from llmgateway.domain.score import Polarity, Score, SourceKind, polarity
from llmgateway.review.sampling import share

HOUR_S: Final = 3_600.0
_PASSING: Final = frozenset({"flag", "allow"})


def reason_of_row(row: Mapping[str, Any], rates: Review) -> Reason | None:
    """Why somebody should look at an exchange that has just come into the store; None for most."""
    if not is_of_caller(row) or not row.get("route"):
        return None
    if rates.near_threshold and is_near(row.get("verdicts") or ()) and drawn(row["id"], Reason.NEAR_THRESHOLD, rates):
        return Reason.NEAR_THRESHOLD
    if rates.random and row.get("end") == "completed" and drawn(row["id"], Reason.RANDOM, rates):
        return Reason.RANDOM
    return None


def is_near(verdicts: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a guardrail found something and let it pass: flagged, or only observed.

    How near a threshold a finding was is not kept; that it was found and did not suffice is what is known of it.
    """
    return any(each.get("action") in _PASSING or each.get("mode") == "observe" for each in verdicts)


def is_thumb_down(score: Score, exchange_id: str, rates: Review) -> bool:
    """Whether a score that has found its exchange brings that into the queue."""
    is_down = score.source_kind is SourceKind.USER and polarity(score) is Polarity.NEGATIVE
    return is_down and drawn(exchange_id, Reason.THUMBS_DOWN, rates)


def drawn(exchange_id: str, reason: Reason, rates: Review) -> bool:
    """Whether an exchange is in the share that a reason has."""
    return share("rate", reason, exchange_id) < rates.rate(reason)


class Allowance:
    """How many items may still come by themselves: so many in an hour, whatever happens."""

    __slots__ = ("_given",)

    def __init__(self) -> None:
        self._given: deque[float] = deque()

    def take(self, now: float, per_hour: int) -> bool:
        """Whether there is room for one more at `now` (seconds, any origin)."""
        while self._given and self._given[0] <= now - HOUR_S:
            self._given.popleft()
        if len(self._given) >= per_hour:
            return False
        self._given.append(now)
        return True
