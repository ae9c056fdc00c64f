"""How to understand an Anthropic caller, and how to answer so that Anthropic's SDKs raise what they should."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from llmgateway.dialects.anthropic.operations import OPERATIONS
from llmgateway.dialects.anthropic.refusal import refusal
from llmgateway.domain.errors import GatewayError
from llmgateway.ports.dialect import Declared
from llmgateway.wire.conversation import continued
from llmgateway.wire.fields import flag, metadata, tags, text
from llmgateway.wire.jsoncodec import encode
from llmgateway.wire.prefix import Place

_SYSTEM: Final = {"messages": Place.SYSTEM, "messages.count_tokens": Place.SYSTEM}
_KNOWN: Final = frozenset({"user_id", "session_id"})

# docs.anthropic.com/en/api/errors: the type goes with the status
_TYPES: Final = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class AnthropicDialect:
    """What callers with Anthropic's SDKs speak. Our code stands in `error.details.error_code`, where they look."""

    name = "anthropic"

    operation = staticmethod(OPERATIONS.find)
    operations = OPERATIONS.names()
    refusal = staticmethod(refusal)
    system_places: Mapping[str, Place] = _SYSTEM

    def declared(self, body: Mapping[str, Any]) -> Declared:
        """Read `stream` and, in `metadata`, `user_id`; `session_id` there is for backends that let it pass."""
        entries = metadata(body) if "metadata" in body else None
        is_stream = "stream" in body and flag(body, "stream")
        if not entries:
            return Declared(is_stream)
        return Declared(
            is_stream,
            text(entries, "user_id", "metadata.user_id"),
            text(entries, "session_id", "metadata.session_id"),
            tags(entries, _KNOWN),
        )

    def error_body(self, error: GatewayError, exchange_id: str) -> bytes:
        details = {"error_code": error.code}
        if error.param is not None:
            details["param"] = error.param
        described = {"type": _type(error.status), "message": error.message, "details": details}
        return encode({"type": "error", "error": described, "request_id": exchange_id})

    def error_event(self, error: GatewayError, exchange_id: str) -> bytes:
        """The SDKs skip events without a name, so this one has one."""
        return b"event: error\ndata: " + self.error_body(error, exchange_id) + b"\n\n"

    def again(self, operation: str, document: Mapping[str, Any], answer: str, complaint: str) -> dict[str, Any] | None:
        return continued(document, "messages", answer, complaint) if operation == "messages" else None

    def models_body(self, names: Sequence[str], created: int) -> bytes:
        """All of them are one page."""
        return encode(
            {
                "data": [_model(name, created) for name in names],
                "has_more": False,
                "first_id": names[0] if names else None,
                "last_id": names[-1] if names else None,
            }
        )

    def model_body(self, name: str, created: int) -> bytes:
        return encode(_model(name, created))


def _type(status: int) -> str:
    return _TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error")


def _model(name: str, created: int) -> dict[str, str]:
    born = datetime.fromtimestamp(created, UTC).isoformat().replace("+00:00", "Z")
    return {"type": "model", "id": name, "display_name": name, "created_at": born, "lifecycle": "active"}
