"""The closed sets that metric labels come from: the configuration's names and the project's enums.

Nothing a caller wrote becomes a label, and series don't grow with traffic.
Whatever is not in a set is `other`, and the sets themselves are capped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from llmgateway.config.snapshot import Snapshot
from llmgateway.domain.errors import ERRORS, Fault
from llmgateway.domain.exchange import LOST, UNFIT, AttemptKind, End
from llmgateway.routing.health import State

OTHER: Final = "other"  # a value outside its set
NONE: Final = "none"  # no version: the exchange ended before one was chosen
MAX_ROUTES: Final = 20
MAX_VERSIONS: Final = 3  # a route
MAX_BACKENDS: Final = 50
MAX_GUARDRAILS: Final = 20


class Outcome(StrEnum):
    """How an exchange went, in the words an alert is written in."""

    OK = "ok"
    CLIENT_ERROR = "client_error"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    UPSTREAM_ERROR = "upstream_error"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    GATEWAY_ERROR = "gateway_error"
    INTERRUPTED = "interrupted"


OUTCOMES: Final = tuple(Outcome)
RESULTS: Final = frozenset(["ok", *ERRORS])
ATTEMPT_RESULTS: Final = RESULTS | {LOST, UNFIT}
BACKEND_STATES: Final = (*State, "drained")
KINDS: Final = frozenset(AttemptKind)

_BY_END: Final[dict[str, Outcome]] = {
    End.UPSTREAM_ERROR: Outcome.UPSTREAM_ERROR,
    End.TRUNCATED: Outcome.UPSTREAM_ERROR,
    End.TIMEOUT: Outcome.TIMEOUT,
    End.CLIENT_CLOSED: Outcome.CANCELLED,
    End.CLIENT_STALLED: Outcome.CANCELLED,
    End.GATEWAY_ERROR: Outcome.GATEWAY_ERROR,
    End.INTERRUPTED: Outcome.INTERRUPTED,
}
_BY_CODE: Final[dict[str, Outcome]] = {
    "upstream_timeout": Outcome.TIMEOUT,
    "internal_error": Outcome.GATEWAY_ERROR,
    "stream_cut": Outcome.OVERLOADED,
}
_BY_FAULT: Final[dict[Fault, Outcome]] = {
    Fault.CALLER: Outcome.CLIENT_ERROR,
    Fault.GATEWAY: Outcome.OVERLOADED,
    Fault.UPSTREAM: Outcome.UPSTREAM_ERROR,
}


def outcome(end: str | None, status: int, code: str | None) -> Outcome:
    """Name the outcome. An end the table doesn't know is the gateway's own error: it must not pass for success."""
    if status == 429:
        return Outcome.RATE_LIMITED
    if end == End.COMPLETED:
        return Outcome.OK if status < 400 else Outcome.CLIENT_ERROR if status < 500 else Outcome.UPSTREAM_ERROR
    if code in _BY_CODE:
        return _BY_CODE[code]
    if end == End.REFUSED:
        kind = ERRORS.get(code or "")
        return _BY_FAULT[kind.fault] if kind is not None else Outcome.CLIENT_ERROR
    return _BY_END.get(end or "", Outcome.GATEWAY_ERROR)


@dataclass(frozen=True, slots=True)
class Labels:
    """Route → version names, backends and guardrails, as far as they may become labels. `overflow`: names left out.

    `shadows`: the routes that are copied, each with the version its copies are counted for.
    """

    routes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    backends: tuple[str, ...] = ()
    overflow: int = 0
    shadows: Mapping[str, str] = field(default_factory=dict)
    guardrails: tuple[str, ...] = ()

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Labels":
        """Take the names from a configuration, in its order, up to the caps."""
        routes: dict[str, tuple[str, ...]] = {}
        shadows: dict[str, str] = {}
        guardrails = _guardrails(snapshot)
        overflow = max(0, len(snapshot.backends) - MAX_BACKENDS) + max(0, len(guardrails) - MAX_GUARDRAILS)
        for route in snapshot.routes.values():
            names = tuple(dict.fromkeys(version.name for version in (*route.versions, *route.fallback)))
            if len(routes) >= MAX_ROUTES:
                overflow += len(names)
                continue
            routes[route.name] = names[:MAX_VERSIONS]
            overflow += len(names[MAX_VERSIONS:])
            if route.shadow is not None:
                version = route.shadow.version.name
                shadows[route.name] = version if version in routes[route.name] else OTHER
        backends = tuple(snapshot.backends)[:MAX_BACKENDS]
        return cls(routes, backends, overflow, shadows, guardrails[:MAX_GUARDRAILS])

    def has(self, route: str, version: str) -> bool:
        """Whether `cell` could still name this pair."""
        if version in (NONE, OTHER):
            return route == OTHER or route in self.routes
        return version in self.routes.get(route, ())

    def route(self, name: str | None) -> str:
        return name if name is not None and name in self.routes else OTHER

    def backend(self, name: str | None) -> str:
        return name if name is not None and name in self.backends else OTHER

    def guardrail(self, name: str | None) -> str:
        return name if name is not None and name in self.guardrails else OTHER

    def cell(self, row: Mapping[str, Any]) -> tuple[str, str]:
        """The route and version a row counts for. A fallback counts for the version that was assigned: a candidate
        must not look good because another one answered in its place.
        """
        versions = self.routes.get(row.get("route") or "")
        if versions is None:
            return OTHER, OTHER
        version = row.get("assigned_version") or row.get("served_version")
        if version is None:
            return row["route"], NONE
        return row["route"], version if version in versions else OTHER


def _guardrails(snapshot: Snapshot) -> tuple[str, ...]:
    """The names of those in force somewhere, the baseline's first."""
    chains = (snapshot.guarding.baseline, *(route.guardrails for route in snapshot.routes.values()))
    return tuple(dict.fromkeys(guardrail.name for chain in chains for guardrail in chain))
