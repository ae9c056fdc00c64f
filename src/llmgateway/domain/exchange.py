"""One caller's request and everything that happened to it: the one object that travels the pipeline.

Created by the worker when a request's head has arrived, filled in by the phases, settled exactly once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from llmgateway.domain.operation import Operation
from llmgateway.domain.usage import Usage

REPLAY_TAG: Final = "replay"  # on exchanges that a replay asked for: its id


def is_of_replay(row: Mapping[str, Any]) -> bool:
    """Whether a replay, or a golden round, asked for an exchange that was logged so."""
    return _is_replay(row.get("assigned_by"), row.get("tags"))


def is_of_caller(row: Mapping[str, Any]) -> bool:
    """Whether an exchange that was logged so is traffic: no copy, and nothing that a replay asked for."""
    return row.get("shadow_of") is None and not is_of_replay(row)


def _is_replay(assigned_by: str | None, tags: Mapping[str, str] | None) -> bool:
    """A caller may send the tag, but it takes a pin, too."""
    return assigned_by == "pin" and REPLAY_TAG in (tags or ())


class Phase(StrEnum):
    """The story of an exchange. The same seven words are functions, metric labels, log fields and headings."""

    AUTHENTICATE = "authenticate"
    ADMIT = "admit"
    GUARD_REQUEST = "guard_request"
    ROUTE = "route"
    DISPATCH = "dispatch"
    RELAY = "relay"
    SETTLE = "settle"


class End(StrEnum):
    """How an exchange ended; the closed set behind `end_reason` in the store."""

    COMPLETED = "completed"  # the caller has the whole answer, or the backend's own 4xx
    REFUSED = "refused"  # the gateway said no before any backend was asked
    UPSTREAM_ERROR = "upstream_error"  # every attempt failed, or the answer did in the middle
    TRUNCATED = "truncated"  # the answer broke off after the caller had seen a part
    TIMEOUT = "timeout"  # a backend deadline passed
    CLIENT_CLOSED = "client_closed"
    CLIENT_STALLED = "client_stalled"
    GATEWAY_ERROR = "gateway_error"  # our own failure
    INTERRUPTED = "interrupted"  # the process died (the ingester writes that), or a copy was cut short by a drain


# Results of attempts that nothing was wrong with but that they are nobody's answer.
LOST: Final = "lost"  # another one had content first
UNFIT: Final = "unfit"  # the answer was not what was asked for, and another has been had


class AttemptKind(StrEnum):
    FIRST = "first"
    RETRY = "retry"
    FALLBACK = "fallback"
    SHADOW = "shadow"  # of a copy, which has no other
    HEDGE = "hedge"  # beside one that is slow
    REPAIR = "repair"  # after an answer that was not what was asked for


@dataclass(slots=True)
class Attempt:
    """One try at one backend. Times are monotonic seconds; `result` is `ok` or an error code."""

    backend: str
    version: str
    kind: AttemptKind
    started: float
    is_reused: bool = False
    connected: float | None = None
    first_byte: float | None = None
    ended: float | None = None
    status: int | None = None
    result: str = "pending"
    detail: str | None = None  # what the backend said, redacted and cut
    input_tokens: int | None = None  # of an attempt that was paid for and not used; the exchange has the others'
    output_tokens: int | None = None


@dataclass(slots=True)
class Exchange:
    """Facts first (known at admission), outcome second (known at the end)."""

    id: str
    received_at: float  # Unix time
    started: float  # monotonic
    generation: int
    dialect: str
    operation: Operation
    method: str
    path: str
    peer: str
    key: str | None = None
    phase: Phase = Phase.AUTHENTICATE
    is_stream: bool = False
    request_model: str | None = None
    request_bytes: int = 0
    user: str | None = None
    session: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    user_agent: str | None = None
    caller_request_id: str | None = None
    idempotency_key: str | None = None

    route: str | None = None
    assigned_version: str | None = None
    probability: float | None = None
    assigned_by: str | None = None  # "split", "rule:NAME", "pin" or "home"
    served_version: str | None = None
    shadow_of: str | None = None  # this is a copy, and that is the id of its primary
    shadow_left_out: str | None = None  # why the copy that was due was not made
    rollout: str | None = None  # the staged rollout that assigned the version
    epoch: int | None = None  # … and its weight epoch then
    unit: str | None = None  # keyed hash of what kept the caller on the version; None: nothing did

    is_admitted: bool = False  # its `admitted` record is in the journal
    is_settled: bool = False
    body_received: float | None = None  # monotonic: the request is here whole
    dispatched: float | None = None  # monotonic: first attempt starts
    first_token: float | None = None  # monotonic: first content reached us
    upstream_ended: float | None = None  # monotonic: last byte from the backend
    attempts: list[Attempt] = field(default_factory=list)
    status: int = 0
    end: End | None = None
    error_code: str | None = None
    error_detail: str | None = None
    usage: Usage = field(default_factory=Usage)
    finish_reason: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    fingerprint: str | None = None
    reply_bytes: int = 0
    parse_errors: int = 0
    verdicts: list[dict[str, str | int]] = field(default_factory=list)  # what guardrails found, counted

    @property
    def is_replay(self) -> bool:
        """Whether a replay asks, and no caller: it is no traffic, and nothing may follow from it."""
        return _is_replay(self.assigned_by, self.tags)

    def overhead_s(self, now: float) -> float:
        """The gateway's own share: from the whole request to the dispatch, and from the backend's end to `now`."""
        received = self.body_received or self.started
        if self.dispatched is None:
            return max(0.0, now - received)
        share = self.dispatched - received
        if self.upstream_ended is not None:
            share += now - self.upstream_ended
        return max(0.0, share)
