"""What the journal says of an exchange. The one place where an exchange's facts and outcome get their names on disk.

Three kinds of record, told apart by `k`:
- `admitted`: the facts, written before the first byte goes upstream
- `settled`: the outcome, written before the caller gets the last byte
- `refused`: facts and outcome in one, for a known caller who was turned away before any backend was asked

Times of day are Unix seconds, durations seconds, sizes bytes. Blobs: `request` and `reply` (what was said), `events`
(a stream's raw bytes, where the route asks for them).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llmgateway.config.snapshot import Bodies
from llmgateway.domain.exchange import Attempt, Exchange
from llmgateway.journal.frame import pack

Buffers = list[bytes]


@dataclass(slots=True)
class Body:
    """A body on its way into the journal. `content` None: it was too large, binary, or not wanted."""

    content: bytes | None
    size: int
    media: str = "application/json"
    is_truncated: bool = False
    sha256: str | None = None


def stored(content: bytes, policy: Bodies, limit: int, media: str = "application/json") -> Body | None:
    """Apply a route's body policy: keep it (at most `limit` bytes), only its hash, or nothing."""
    if policy is Bodies.NONE:
        return None
    size = len(content)
    if policy is Bodies.HASH:
        return Body(None, size, media, sha256=hashlib.sha256(content).hexdigest())
    if size > limit:
        return Body(content[:limit], size, media, is_truncated=True, sha256=hashlib.sha256(content).hexdigest())
    return Body(content, size, media)


def admitted(exchange: Exchange, request: Body | None) -> Buffers:
    """The facts, and the request as it came."""
    meta = _facts(exchange)
    meta["k"] = "admitted"
    return _packed(meta, [("request", request)])


def settled(exchange: Exchange, now: float, reply: Body | None, events: Body | None = None) -> Buffers:
    """The outcome, and the answer as it went. `now` is monotonic."""
    meta = _outcome(exchange, now)
    meta["k"] = "settled"
    meta["id"] = exchange.id
    return _packed(meta, [("reply", reply), ("events", events)])


def refused(exchange: Exchange, now: float, request: Body | None) -> Buffers:
    """Facts and outcome of an exchange that no backend ever saw."""
    meta = _facts(exchange)
    meta.update(_outcome(exchange, now))
    meta["k"] = "refused"
    return _packed(meta, [("request", request)])


def _packed(meta: dict[str, Any], bodies: Sequence[tuple[str, Body | None]]) -> Buffers:
    blobs: list[tuple[str, bytes]] = []
    for name, body in bodies:
        if body is None:
            continue
        about: dict[str, Any] = {"size": body.size, "media": body.media}
        if body.sha256 is not None:
            about["sha256"] = body.sha256
        if body.is_truncated:
            about["truncated"] = True
        meta[name] = about
        if body.content is not None:
            blobs.append((name, body.content))
    return pack(meta, blobs)


def _facts(exchange: Exchange) -> dict[str, Any]:
    return {
        "id": exchange.id,
        "at": exchange.received_at,
        "generation": exchange.generation,
        "key": exchange.key,
        "dialect": exchange.dialect,
        "operation": exchange.operation.name,
        "method": exchange.method,
        "path": exchange.path,
        "peer": exchange.peer,
        "stream": exchange.is_stream,
        "request_model": exchange.request_model,
        "route": exchange.route,
        "assigned_version": exchange.assigned_version,
        "probability": exchange.probability,
        "user": exchange.user,
        "session": exchange.session,
        "tags": exchange.tags,
        "user_agent": exchange.user_agent,
        "caller_request_id": exchange.caller_request_id,
        "idempotency_key": exchange.idempotency_key,
        "request_bytes": exchange.request_bytes,
    }


def _outcome(exchange: Exchange, now: float) -> dict[str, Any]:
    usage = exchange.usage
    start = exchange.started
    return {
        "status": exchange.status,
        "end": exchange.end,
        "phase": exchange.phase,
        "error_code": exchange.error_code,
        "error_detail": exchange.error_detail,
        "served_version": exchange.served_version,
        "duration_s": now - start,
        "first_token_s": exchange.first_token - start if exchange.first_token is not None else None,
        "overhead_s": exchange.overhead_s(now),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "usage_estimated": usage.is_estimated,
        "finish_reason": exchange.finish_reason,
        "response_model": exchange.response_model,
        "response_id": exchange.response_id,
        "fingerprint": exchange.fingerprint,
        "reply_bytes": exchange.reply_bytes,
        "parse_errors": exchange.parse_errors,
        "attempts": [_attempt(attempt, start) for attempt in exchange.attempts],
    }


def _attempt(attempt: Attempt, start: float) -> dict[str, Any]:
    def since(moment: float | None) -> float | None:
        return None if moment is None else moment - attempt.started

    return {
        "backend": attempt.backend,
        "version": attempt.version,
        "kind": attempt.kind,
        "offset_s": attempt.started - start,
        "reused": attempt.is_reused,
        "connect_s": since(attempt.connected),
        "first_byte_s": since(attempt.first_byte),
        "total_s": since(attempt.ended),
        "status": attempt.status,
        "result": attempt.result,
        "detail": attempt.detail,
    }
