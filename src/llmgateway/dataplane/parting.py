"""How tunnels end: one table from what happened to what is recorded and what each side is told. Plain values."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from llmgateway.domain.errors import Fault, GatewayError
from llmgateway.domain.exchange import End
from llmgateway.wire.websocket import (
    GOING_AWAY,
    INTERNAL_ERROR,
    NORMAL,
    POLICY,
    PROTOCOL_ERROR,
    SERVICE_RESTART,
    TOO_BIG,
    FrameFault,
)

_GOOD_ORDER: Final = frozenset({None, NORMAL, GOING_AWAY})
_NEVER_SENT: Final = frozenset({1004, 1005, 1006, 1015})  # RFC 6455, section 7.4


class Cause(Enum):
    """What ended a tunnel that neither side closed with a close frame."""

    BACKEND_GONE = auto()
    BACKEND_TOO_LONG = auto()
    BACKEND_BROKE_RULES = auto()
    CALLER_TOO_LONG = auto()
    CALLER_BROKE_RULES = auto()
    CALLER_LEFT = auto()
    CALLER_STALLED = auto()
    IDLE = auto()
    EXPIRED = auto()
    DRAINED = auto()
    REGUARDED = auto()


@dataclass(frozen=True, slots=True)
class Ending:
    """`end` and `error` go into the record; `to_caller` and `to_backend` are close codes, None: it has gone, or has
    been told by the other side's own close frame.
    """

    end: End
    error: str | None
    to_caller: int | None
    to_backend: int | None
    detail: str | None = None

    @property
    def reason(self) -> str:
        """Words for a close frame."""
        return "" if self.error is None else GatewayError(self.error).message


ENDINGS: Final[dict[Cause, Ending]] = {
    Cause.BACKEND_GONE: Ending(End.TRUNCATED, "upstream_truncated", INTERNAL_ERROR, None),
    Cause.BACKEND_TOO_LONG: Ending(End.UPSTREAM_ERROR, "upstream_too_long", TOO_BIG, TOO_BIG),
    Cause.BACKEND_BROKE_RULES: Ending(End.UPSTREAM_ERROR, "upstream_protocol", INTERNAL_ERROR, PROTOCOL_ERROR),
    Cause.CALLER_TOO_LONG: Ending(End.REFUSED, "payload_too_large", TOO_BIG, TOO_BIG),
    Cause.CALLER_BROKE_RULES: Ending(End.REFUSED, "bad_request", PROTOCOL_ERROR, GOING_AWAY),
    Cause.CALLER_LEFT: Ending(End.CLIENT_CLOSED, "client_closed", None, None),
    Cause.CALLER_STALLED: Ending(End.CLIENT_STALLED, "client_stalled", None, None),
    Cause.IDLE: Ending(End.TIMEOUT, "tunnel_idle", GOING_AWAY, GOING_AWAY),
    Cause.EXPIRED: Ending(End.TIMEOUT, "tunnel_expired", GOING_AWAY, GOING_AWAY),
    Cause.DRAINED: Ending(End.COMPLETED, "draining", GOING_AWAY, GOING_AWAY),
    Cause.REGUARDED: Ending(End.COMPLETED, "guardrails_changed", SERVICE_RESTART, GOING_AWAY),
}


def closed_by_caller(code: int | None) -> Ending:
    """The caller sent a close frame, which the backend has; if that does not answer, the caller gets its own back."""
    detail = _detail("caller", code)
    if code in _GOOD_ORDER:
        return Ending(End.COMPLETED, None, code or NORMAL, None, detail)
    is_sound = code is not None and 1000 <= code < 5000 and code not in _NEVER_SENT
    return Ending(End.CLIENT_CLOSED, "client_closed", code if is_sound else PROTOCOL_ERROR, None, detail)


def closed_by_backend(code: int | None) -> Ending:
    """The backend sent a close frame; the caller gets that very frame, and its answer goes back."""
    detail = _detail("backend", code)
    if code in _GOOD_ORDER:
        return Ending(End.COMPLETED, None, None, None, detail)
    return Ending(End.UPSTREAM_ERROR, "upstream_error", None, None, detail)


def broken_by_caller(fault: FrameFault) -> Ending:
    return ENDINGS[Cause.CALLER_TOO_LONG if fault.code == TOO_BIG else Cause.CALLER_BROKE_RULES]


def broken_by_backend(fault: FrameFault) -> Ending:
    return ENDINGS[Cause.BACKEND_TOO_LONG if fault.code == TOO_BIG else Cause.BACKEND_BROKE_RULES]


def left_by_caller(reason: GatewayError | None, closed: Ending | None) -> Ending:
    """The caller's connection is gone. `closed`: the end that it had announced before."""
    if reason is not None and reason.code == "client_stalled":
        return ENDINGS[Cause.CALLER_STALLED]
    return closed or ENDINGS[Cause.CALLER_LEFT]


def unguarded(error: GatewayError) -> Ending:
    """Guardrails can't follow the session any further, or have failed."""
    is_fault = error.kind.fault is Fault.GATEWAY
    end, code = (End.GATEWAY_ERROR, INTERNAL_ERROR) if is_fault else (End.REFUSED, POLICY)
    return Ending(end, error.code, code, GOING_AWAY)


def _detail(who: str, code: int | None) -> str:
    return f"closed by the {who} with {code if code is not None else 'no code'}"
