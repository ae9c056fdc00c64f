"""What the journal says of an exchange. The one place where an exchange's facts and outcome get their names on disk.

Four kinds of record, told apart by `k`:
- `admitted`: the facts, written before the first byte goes upstream
- `settled`: the outcome, written before the caller gets the last byte
- `refused`: facts and outcome in one, for a known caller who was turned away before any backend was asked
- `scored`: what a user says of an exchange, which may be another worker's, or not there at all

Times of day are Unix seconds, durations seconds, sizes bytes. Blobs: `request` and `reply` (what was said), `events`
(a stream's raw bytes, where the route asks for them).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from llmgateway.config.snapshot import Bodies
from llmgateway.domain.exchange import Attempt, Exchange
from llmgateway.domain.score import Score
from llmgateway.journal.frame import seal

Buffers = list[bytes]
JSON: Final = "application/json"
_HASH, _NONE = Bodies.HASH, Bodies.NONE  # here, since to ask the enum costs more than a call
_WHOLE: Final = frozenset({Bodies.FULL, Bodies.REDACTED})  # redacted is what whoever calls has redacted


@dataclass(slots=True)
class Body:
    """A body on its way into the journal. `content` None: it was too large, binary, or not wanted."""

    content: bytes | None
    size: int
    media: str = JSON
    is_truncated: bool = False
    sha256: str | None = None


Kept = Body | bytes | None
"""What a record takes for a body. Bytes are JSON kept whole: the ordinary case, which needs no object of its own."""


def kept(content: bytes, policy: Bodies, limit: int, sha256: str | None = None) -> Kept:
    """Apply a route's body policy to JSON; the quicker `stored`."""
    return content if policy in _WHOLE and len(content) <= limit else stored(content, policy, limit, sha256=sha256)


def stored(content: bytes, policy: Bodies, limit: int, media: str = JSON, *, sha256: str | None = None) -> Body | None:
    """Apply a route's body policy: keep it (at most `limit` bytes), only its hash, or nothing.

    `sha256`: the hash, where it is known already.
    """
    if policy is _NONE:
        return None
    size = len(content)
    if policy is _HASH:
        return Body(None, size, media, sha256=sha256 or hashlib.sha256(content).hexdigest())
    if size > limit:
        digest = sha256 or hashlib.sha256(content).hexdigest()
        return Body(content[:limit], size, media, is_truncated=True, sha256=digest)
    return Body(content, size, media)


def admitted(exchange: Exchange, request: Kept) -> Buffers:
    """The facts, and the request as it came."""
    meta = _facts(exchange)
    meta["k"] = "admitted"
    return _packed(meta, "request", request)


def settled(exchange: Exchange, now: float, reply: Kept, events: Body | None = None) -> Buffers:
    """The outcome, and the answer as it went. `now` is monotonic."""
    meta = _outcome(exchange, now)
    if exchange.shadow_left_out is not None:  # no column: the ledger counts it as the row goes by
        meta["shadow_left_out"] = exchange.shadow_left_out
    meta["k"] = "settled"
    meta["id"] = exchange.id
    if exchange.operation.is_tunnel:
        meta["request_bytes"] = exchange.request_bytes  # known at the end, not at the admission
    return _packed(meta, "reply", reply, "events", events)


def refused(exchange: Exchange, now: float, request: Kept, reply: Kept = None) -> Buffers:
    """Facts and outcome of an exchange that no backend ever saw. `reply`: what was said instead of an answer."""
    meta = _facts(exchange)
    meta.update(_outcome(exchange, now))
    meta["k"] = "refused"
    return _packed(meta, "request", request, "reply", reply)


def scored(score: Score, generation: int) -> Buffers:
    """What a user said, as it may be stored."""
    return seal(
        {
            "k": "scored",
            "id": score.id,
            "at": score.at,
            "generation": generation,
            "exchange_id": score.exchange_id,
            "reference": score.reference,
            "key": score.key,
            "name": score.name,
            "data_type": score.data_type,
            "value": score.value,
            "source_kind": score.source_kind,
            "source_id": score.source_id,
            "comment": score.comment,
        }
    )


def _packed(meta: dict[str, Any], name: str, body: Kept, other: str = "", beside: Kept = None) -> Buffers:
    if type(body) is bytes and beside is None:
        size = len(body)
        meta[name] = {"size": size, "media": JSON}
        meta["blobs"] = ((name, size),)
        return seal(meta, body)
    blobs: list[bytes] = []
    lengths: list[tuple[str, int]] = []
    for kind, each in ((name, body), (other, beside)):
        if each is None:
            continue
        described = each if isinstance(each, Body) else Body(each, len(each))
        meta[kind] = _description(described)
        if described.content is not None:
            blobs.append(described.content)
            lengths.append((kind, len(described.content)))
    if blobs:
        meta["blobs"] = lengths
    return seal(meta, *blobs)


def _description(body: Body) -> dict[str, Any]:
    about: dict[str, Any] = {"size": body.size, "media": body.media}
    if body.sha256 is not None:
        about["sha256"] = body.sha256
    if body.is_truncated:
        about["truncated"] = True
    return about


def _facts(exchange: Exchange) -> dict[str, Any]:
    facts: dict[str, Any] = {
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
        "assigned_by": exchange.assigned_by,
        "user": exchange.user,
        "session": exchange.session,
        "tags": exchange.tags,
        "user_agent": exchange.user_agent,
        "caller_request_id": exchange.caller_request_id,
        "idempotency_key": exchange.idempotency_key,
        "request_bytes": exchange.request_bytes,
        "shadow_of": exchange.shadow_of,
    }
    if exchange.rollout is not None:
        facts |= {"rollout": exchange.rollout, "epoch": exchange.epoch, "unit": exchange.unit}
    return facts


def _outcome(exchange: Exchange, now: float) -> dict[str, Any]:
    usage = exchange.usage
    start = exchange.started
    first_token = exchange.first_token
    verdicts = {"verdicts": exchange.verdicts} if exchange.verdicts else {}
    return verdicts | {
        "status": exchange.status,
        "end": exchange.end,
        "phase": exchange.phase,
        "error_code": exchange.error_code,
        "error_detail": exchange.error_detail,
        "served_version": exchange.served_version,
        "duration_s": now - start,
        "first_token_s": None if first_token is None else first_token - start,
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
        "attempts": _attempts(exchange.attempts, start),
    }


def _attempts(attempts: Sequence[Attempt], start: float) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    for attempt in attempts:
        began, connected = attempt.started, attempt.connected
        first_byte, ended = attempt.first_byte, attempt.ended
        told.append(
            {
                "backend": attempt.backend,
                "version": attempt.version,
                "kind": attempt.kind,
                "offset_s": began - start,
                "reused": attempt.is_reused,
                "connect_s": None if connected is None else connected - began,
                "first_byte_s": None if first_byte is None else first_byte - began,
                "total_s": None if ended is None else ended - began,
                "status": attempt.status,
                "result": attempt.result,
                "detail": attempt.detail,
                "input_tokens": attempt.input_tokens,
                "output_tokens": attempt.output_tokens,
            }
        )
    return told
