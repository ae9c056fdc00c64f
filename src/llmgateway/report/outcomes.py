"""What came of an exchange, as people ask for it: was it answered, and if not, who was it that stood in the way?"""

from enum import StrEnum
from typing import Final

from llmgateway.domain.errors import ERRORS, Fault
from llmgateway.domain.exchange import End


class Outcome(StrEnum):
    """Of these, `answered` and `failed` say whether the service was available; the others say nothing about it."""

    ANSWERED = "answered"  # whole
    FAILED = "failed"  # no answer, or a part of one, for which the gateway or a backend is to blame
    BLOCKED = "blocked"  # a guardrail was against it
    LIMITED = "limited"  # the caller had asked for more than it may
    REFUSED = "refused"  # the request was not right
    LEFT = "left"  # the caller went before the end


_BLOCKED: Final = frozenset({"guardrail_blocked", "guardrail_unsupported"})
_LIMITED: Final = frozenset({"rate_limited", "too_many_connections"})
_LEFT: Final = frozenset({"client_closed", "client_stalled"})
_OVER: Final = frozenset({"tunnel_idle", "tunnel_expired"})  # a session that had its time
_BY_END: Final = {End.CLIENT_CLOSED: Outcome.LEFT, End.CLIENT_STALLED: Outcome.LEFT, End.REFUSED: Outcome.REFUSED}


def outcome(end: str, status: int | None, code: str | None) -> Outcome:
    """What came of it. A code says most; without one the end and the status do."""
    for codes, found in (
        (_BLOCKED, Outcome.BLOCKED),
        (_LIMITED, Outcome.LIMITED),
        (_LEFT, Outcome.LEFT),
        (_OVER, Outcome.ANSWERED),
    ):
        if code in codes:
            return found
    if code in ERRORS:
        return Outcome.REFUSED if ERRORS[code].fault is Fault.CALLER else Outcome.FAILED
    if end != End.COMPLETED:
        return _BY_END.get(End(end), Outcome.FAILED) if end in set(End) else Outcome.FAILED
    if status is None or status >= 500:
        return Outcome.FAILED
    return Outcome.REFUSED if status >= 400 else Outcome.ANSWERED
