"""Everything that can go wrong, as one closed table: code → status, type, who is at fault, whether a retry may help.

The code is what programs match on; the dialects turn a `GatewayError` into the shape their SDKs expect.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """Who has to act."""

    CALLER = "caller"
    GATEWAY = "gateway"
    UPSTREAM = "upstream"


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One row of the table. `retryable` becomes `x-should-retry`."""

    status: int
    type: str
    fault: Fault
    retryable: bool
    message: str


_CALLER, _GATEWAY, _UPSTREAM = Fault.CALLER, Fault.GATEWAY, Fault.UPSTREAM
_INVALID = "invalid_request_error"


def _caller(status: int, message: str, error_type: str = _INVALID, *, retryable: bool = False) -> ErrorKind:
    return ErrorKind(status, error_type, _CALLER, retryable, message)


def _gateway(status: int, message: str, error_type: str = "server_error", *, retryable: bool = True) -> ErrorKind:
    return ErrorKind(status, error_type, _GATEWAY, retryable, message)


def _upstream(status: int, message: str, error_type: str = "upstream_error", *, retryable: bool = True) -> ErrorKind:
    return ErrorKind(status, error_type, _UPSTREAM, retryable, message)


ERRORS: Final[dict[str, ErrorKind]] = {
    # the HTTP message itself
    "bad_request": _caller(400, "The request is not valid HTTP."),
    "request_timeout": _caller(408, "The request did not arrive in time.", retryable=True),
    "uri_too_long": _caller(414, "The request's target is too long."),
    "headers_too_large": _caller(431, "The request's headers are too large or too many."),
    "http_version": _caller(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here."),
    "expectation_failed": _caller(417, "Only Expect: 100-continue is understood."),
    "payload_too_large": _caller(413, "The request's body is larger than allowed."),
    "chunk_flood": _caller(400, "The request's body comes in too many tiny chunks."),
    "unsupported_encoding": _caller(415, "Compressed request bodies are not accepted; send it uncompressed."),
    "unsupported_media_type": _caller(415, "This endpoint does not accept that content type."),
    "method_not_allowed": _caller(405, "This endpoint does not accept that method."),
    "not_found": _caller(404, "There is no such endpoint."),
    "upgrade_required": _caller(426, "This endpoint is a WebSocket: ask for it with Upgrade: websocket."),
    "too_many_connections": _caller(429, "Too many connections from this address.", "rate_limit_error", retryable=True),
    # the body
    "invalid_json": _caller(400, "The body is not valid JSON."),
    "json_too_deep": _caller(400, "The body is nested too deeply."),
    "json_too_complex": _caller(400, "The body has too many elements."),
    "duplicate_key": _caller(400, "The body names a field twice, or in two spellings."),
    "invalid_value": _caller(400, "A field has a value of the wrong kind."),
    "invalid_multipart": _caller(400, "The multipart body is not well formed."),
    # who and what
    "invalid_api_key": _caller(401, "The API key is missing or not valid.", "authentication_error"),
    "conflicting_credentials": _caller(401, "Two different API keys were sent.", "authentication_error"),
    "model_not_found": _caller(
        404, "The model does not exist, or this key may not use it. GET /v1/models lists what it may use."
    ),
    "operation_not_allowed": _caller(403, "This API key may not use this endpoint.", "permission_error"),
    "route_required": _caller(
        400, "No model is named: set the key's default_route, or send the header x-llmgateway-route."
    ),
    "pin_not_allowed": _caller(
        403, "This key may not name a version: leave out the header x-llmgateway-version.", "permission_error"
    ),
    "version_not_found": _caller(404, "The route has no version of the name in the header x-llmgateway-version."),
    "rate_limited": _caller(429, "Too many at once: wait a moment.", "rate_limit_error", retryable=True),
    "guardrail_blocked": _caller(400, "A guardrail does not let this pass."),
    "guardrail_unsupported": _caller(400, "The route's guardrails can't look into what this endpoint takes or gives."),
    "prompt_unsupported": _caller(400, "The route has a prompt of its own, which this endpoint has no place for."),
    "loop_detected": _caller(508, "The request has passed through this gateway before."),
    # the caller went away (never sent: nobody is there to read it)
    "client_closed": _caller(499, "The caller closed the connection."),
    "client_stalled": _caller(499, "The caller stopped reading."),
    # a tunnel's deadline has passed (sent as an event and a close frame, when there is no status any more)
    "tunnel_idle": _caller(408, "Nobody said anything for too long.", retryable=True),
    "tunnel_expired": _caller(408, "The session has lasted as long as sessions may.", retryable=True),
    # this gateway
    "internal_error": _gateway(500, "The gateway failed. The exchange id names the record to look for."),
    "guardrail_unavailable": _gateway(503, "A guardrail of the route could not be asked, so nothing passes."),
    "log_store_full": _gateway(503, "The gateway cannot log the exchange and so does not serve it."),
    "guardrails_changed": _gateway(503, "The route's guardrails have changed: open the session anew."),
    "draining": _gateway(503, "The gateway is shutting down."),
    "overloaded": _gateway(503, "The gateway is overloaded.", "overloaded_error"),
    "stream_cut": _gateway(503, "The gateway runs out of memory and has cut this answer off.", "overloaded_error"),
    "starting": _gateway(503, "The gateway is starting."),
    # the backends
    "upstream_unreachable": _upstream(502, "No backend could be reached."),
    "upstream_timeout": _upstream(504, "The backend did not answer in time.", "timeout_error"),
    "upstream_tls": _upstream(502, "The backend's certificate or TLS handshake was refused."),
    "upstream_auth": _upstream(502, "The backend refused the gateway's credential.", retryable=False),
    "upstream_rate_limited": _upstream(429, "The backend is at its rate limit.", "rate_limit_error"),
    "upstream_error": _upstream(502, "The backend failed."),
    "upstream_overloaded": _upstream(503, "The backend is overloaded.", "overloaded_error"),
    "upstream_truncated": _upstream(502, "The backend's answer broke off."),
    "upstream_protocol": _upstream(502, "The backend's answer is not valid HTTP."),
    "upstream_encoding": _upstream(502, "The backend's answer is encoded in a way that was not asked for."),
    "upstream_too_long": _upstream(502, "The backend's answer went on for longer than allowed."),
    "unexpected_redirect": _upstream(502, "The backend answered with a redirect, which is not followed."),
    "no_healthy_upstream": _upstream(503, "No backend is available."),
}


OF_GUARDRAILS: Final = frozenset({"guardrail_blocked", "guardrail_unavailable", "guardrail_unsupported"})
"""What guardrails decided: nobody's fault, and no other attempt would change it."""


class GatewayError(Exception):
    """A refusal or failure with a code of the table, ready to be rendered in the caller's dialect.

    `message` replaces the table's sentence (and must hold neither secrets nor the caller's raw input),
    `param` names the offending field, `retry_after_s` becomes Retry-After. `refusal`: what is said instead of all this,
    as a normal answer, where the operation has a form for it.
    """

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
        refusal: str | None = None,
    ) -> None:
        self.kind = ERRORS[code]
        self.code = code
        self.message = message or self.kind.message
        self.param = param
        self.retry_after_s = retry_after_s
        self.refusal = refusal
        super().__init__(f"{code}: {self.message}")

    @property
    def status(self) -> int:
        return self.kind.status

    @property
    def retryable(self) -> bool:
        return self.kind.retryable
