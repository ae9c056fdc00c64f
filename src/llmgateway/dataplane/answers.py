"""What goes back to callers besides a model's words: status lines' companions, errors in their dialect, CORS."""

import math
from typing import Final

from llmgateway.config.snapshot import Cors
from llmgateway.dataplane.call import Call
from llmgateway.domain.errors import GatewayError
from llmgateway.wire.handshake import UPGRADE_WANTED

JSON_TYPE: Final = b"content-type: application/json\r\n"
MAX_RETRY_AFTER_S: Final = 60


def own_head(call: Call) -> bytes:
    """The headers every reply carries: the exchange's id under each name SDKs read it from, and the version."""
    exchange = call.exchange
    exchange_id = exchange.id.encode()
    head = b"x-request-id: %b\r\nx-llmgateway-exchange-id: %b\r\n" % (exchange_id, exchange_id)
    if call.dialect.name == "anthropic":
        head += b"request-id: %b\r\n" % exchange_id
    version = exchange.served_version or exchange.assigned_version
    if version is not None:
        head += b"x-llmgateway-version: %b\r\n" % version.encode()
    cors = call.in_force.snapshot.server.cors
    return head + cors_head(cors, call.incoming.header(b"origin")) if cors.origins else head


def error_head(error: GatewayError) -> bytes:
    """What tells SDKs whether and when to try again."""
    head = JSON_TYPE + (b"x-should-retry: true\r\n" if error.retryable else b"x-should-retry: false\r\n")
    wait = error.retry_after_s
    if wait is None and error.status in {429, 503} and error.retryable:
        wait = 1
    if wait is not None:
        head += b"retry-after: %d\r\n" % max(1, min(MAX_RETRY_AFTER_S, math.ceil(wait)))
    return head + UPGRADE_WANTED if error.code == "upgrade_required" else head


def cors_head(cors: Cors, origin: bytes | None) -> bytes:
    """The headers that let a browser of an allowed origin read the reply; empty for every other."""
    if origin is None or not cors.origins:
        return b""
    if "*" not in cors.origins and origin.decode("ascii", "replace") not in cors.origins:
        return b""
    return (
        b"access-control-allow-origin: %b\r\nvary: origin\r\n"
        b"access-control-expose-headers: x-request-id, x-llmgateway-exchange-id, x-llmgateway-version, "
        b"x-llmgateway-guardrail, retry-after\r\n" % origin
    )


def preflight_head(cors: Cors, origin: bytes | None) -> bytes:
    """The answer to a browser's OPTIONS question (Fetch standard, CORS protocol)."""
    allowed = cors_head(cors, origin)
    if not allowed:
        return b""
    return allowed + (
        b"access-control-allow-methods: GET, POST, DELETE, OPTIONS\r\n"
        b"access-control-allow-headers: authorization, content-type, x-api-key, anthropic-version, anthropic-beta, "
        b"openai-beta, idempotency-key, x-llmgateway-route, x-llmgateway-version, x-stainless-os, x-stainless-lang, "
        b"x-stainless-arch, x-stainless-runtime, x-stainless-runtime-version, x-stainless-package-version, "
        b"x-stainless-retry-count, x-stainless-timeout\r\naccess-control-max-age: %d\r\n" % cors.max_age_s
    )
