"""Why an attempt failed, as operators name it and as the errors do; which of it leads to another attempt."""

from collections.abc import Iterable, Mapping
from typing import Final

from llmgateway.config.rules import FaultKind

CODES: Final[Mapping[FaultKind, frozenset[str]]] = {
    FaultKind.UNREACHABLE: frozenset({"upstream_unreachable", "upstream_tls"}),
    FaultKind.TIMEOUT: frozenset({"upstream_timeout"}),
    FaultKind.RATE_LIMITED: frozenset({"upstream_rate_limited"}),
    FaultKind.SERVER_ERROR: frozenset({"upstream_error"}),
    FaultKind.TRUNCATED: frozenset({"upstream_truncated"}),
    FaultKind.PROTOCOL: frozenset({"upstream_protocol", "upstream_encoding", "unexpected_redirect"}),
    FaultKind.AUTH: frozenset({"upstream_auth"}),
    FaultKind.OVERLOADED: frozenset({"upstream_overloaded", "overloaded"}),
}
"""Faults of one backend that another one, or the same a little later, may not have."""

# After these the same backend is asked again, when there is no other: the rest would end there in the same way.
AGAIN: Final = frozenset(
    {"upstream_unreachable", "upstream_rate_limited", "upstream_error", "upstream_overloaded", "upstream_truncated"}
)
UNSENT: Final = frozenset({"upstream_unreachable", "upstream_tls", "overloaded"})  # no byte of the request went out

_KINDS: Final = {code: kind for kind, codes in CODES.items() for code in codes}


def kind_of(code: str) -> FaultKind | None:
    """What operators call the error `code`; None where no other attempt would help."""
    return _KINDS.get(code)


def leads_on(code: str, faults: Iterable[FaultKind]) -> bool:
    """Tell whether another attempt may follow the error `code` on a route that goes on after `faults`."""
    kind = _KINDS.get(code)
    return kind is not None and kind in faults
