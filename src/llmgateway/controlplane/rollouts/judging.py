"""One exchange of a rollout: which of the bad events it is, and which metrics can judge it at all.

The rule is the same for both versions and looks at the version assigned: what another one saved in its place is a
failure still. Who left before the end is judged by slowness alone; what the gateway itself did wrong, by nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from llmgateway.config.rollouts import MetricName
from llmgateway.controlplane.rollouts.policy import Slow
from llmgateway.domain.errors import ERRORS, OF_GUARDRAILS, Fault
from llmgateway.domain.exchange import End
from llmgateway.guarding.pieces import answer_and_refusal_of
from llmgateway.ports.store import Body, Row
from llmgateway.wire.cutoff import CUT_OFF
from llmgateway.wire.jsoncodec import JsonError, decode
from llmgateway.wire.refusals import REASONS, declines

_LEFT: Final = frozenset({End.CLIENT_CLOSED.value, End.CLIENT_STALLED.value})
_OURS: Final = frozenset({End.GATEWAY_ERROR.value, End.INTERRUPTED.value})
_FAILED: Final = frozenset({End.UPSTREAM_ERROR.value, End.TRUNCATED.value, End.TIMEOUT.value})
_BLOCKED: Final = "guardrail_blocked"
_MAX_READ: Final = 4 * 1024 * 1024  # bytes of an answer that is looked into

Judge = Callable[[Row, Sequence[Body], Slow], bool]


def is_ours(row: Row) -> bool:
    """Whether the gateway itself is at fault, so that the exchange says nothing of any version."""
    code = row.get("error_code")
    if row.get("end") in _OURS:
        return True
    kind = ERRORS.get(code or "")
    return kind is not None and kind.fault is Fault.GATEWAY


def has_failed(row: Row) -> bool:
    """Whether the assigned version failed: nobody answered, an error did, or another version."""
    if row.get("error_code") in OF_GUARDRAILS:
        return False
    served, assigned = row.get("served_version"), row.get("assigned_version")
    return row.get("end") in _FAILED or (row.get("status") or 0) >= 400 or served not in (None, assigned)


def bad_events(
    row: Row, bodies: Sequence[Body], slow: Slow, metrics: Mapping[str, Any] | frozenset[str]
) -> dict[str, bool]:
    """For each metric that can judge the exchange, whether it was bad. Empty for what says nothing."""
    if is_ours(row):
        return {}
    found: dict[str, bool] = {}
    if MetricName.SLOW in metrics:
        found[MetricName.SLOW.value] = is_slow(row, slow)
    if row.get("end") in _LEFT:
        return found
    failed = has_failed(row)
    if MetricName.ERROR in metrics:
        found[MetricName.ERROR.value] = failed
    if not failed:
        found |= {name: judge(row, bodies) for name, judge in _OF_ANSWERS.items() if name in metrics}
    return found


def is_slow(row: Row, slow: Slow) -> bool:
    """Whether the first token or the whole took longer than allowed. A stream that never began has waited in vain."""
    duration, first = row.get("duration_s") or 0.0, row.get("first_token_s")
    if slow.total_s is not None and duration > slow.total_s:
        return True
    if slow.first_token_s is None or not row.get("stream"):
        return False
    return (duration if first is None else first) > slow.first_token_s


def _is_refusal(row: Row, bodies: Sequence[Body]) -> bool:
    if row.get("finish_reason") in REASONS:
        return True
    return any(body.kind == "reply" and body.content is not None and _refuses(body.content) for body in bodies)


def _refuses(content: bytes) -> bool:
    """Whether an answer is a refusal by name, or begins with words that decline."""
    if len(content) > _MAX_READ:
        return False
    try:
        document = decode(content)
    except (JsonError, ValueError):
        return False
    if not isinstance(document, dict):
        return False
    answer, refusal = answer_and_refusal_of(document)
    return bool(refusal) or declines(answer)


def _is_truncated(row: Row, _: Sequence[Body]) -> bool:
    return row.get("finish_reason") in CUT_OFF or row.get("output_tokens") == 0


def _is_blocked(row: Row, _: Sequence[Body]) -> bool:
    return row.get("error_code") == _BLOCKED


_OF_ANSWERS: Final[Mapping[str, Callable[[Row, Sequence[Body]], bool]]] = {
    MetricName.REFUSAL.value: _is_refusal,
    MetricName.TRUNCATED.value: _is_truncated,
    MetricName.BLOCKED.value: _is_blocked,
}
