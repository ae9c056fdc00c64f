"""How to understand an OpenAI caller, and how to answer so that OpenAI's SDKs raise what they should."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from llmgateway.dialects.openai.operations import OPERATIONS
from llmgateway.dialects.openai.refusal import refusal
from llmgateway.domain.errors import GatewayError
from llmgateway.ports.dialect import Declared
from llmgateway.wire.conversation import continued
from llmgateway.wire.fields import flag, metadata, tags, text
from llmgateway.wire.jsoncodec import encode
from llmgateway.wire.prefix import Place

_OWNER: Final = "llmgateway"
_MESSAGES: Final = {"chat.completions": "messages", "responses": "input"}
_SYSTEM: Final = {
    "chat.completions": Place.MESSAGES,
    "responses": Place.INSTRUCTIONS,
    "responses.compact": Place.INSTRUCTIONS,
    "responses.input_tokens": Place.INSTRUCTIONS,
}
_KNOWN: Final = frozenset({"session_id"})


class OpenAIDialect:
    """What callers with OpenAI's SDKs speak. Their SDKs raise by status and read `code` and `param` of the error."""

    name = "openai"

    operation = staticmethod(OPERATIONS.find)
    operations = OPERATIONS.names()
    refusal = staticmethod(refusal)
    system_places: Mapping[str, Place] = _SYSTEM

    def declared(self, body: Mapping[str, Any]) -> Declared:
        """Read `stream`, `user` (or its successor `safety_identifier`), `metadata` and the conversation.

        Most bodies have few of them: what is not there is not read.
        """
        entries = metadata(body) if "metadata" in body else None
        is_stream = "stream" in body and flag(body, "stream")
        user = text(body, "user") if "user" in body else None
        if user is None and "safety_identifier" in body:
            user = text(body, "safety_identifier")
        session = text(entries, "session_id", "metadata.session_id") if entries else None
        if session is None and "conversation" in body:
            session = _conversation(body)
        return Declared(is_stream, user, session, tags(entries, _KNOWN) if entries else None)

    def error_body(self, error: GatewayError, exchange_id: str) -> bytes:
        return encode({"error": _described(error), "request_id": exchange_id})

    def error_event(self, error: GatewayError, exchange_id: str) -> bytes:
        """SDKs raise because of `error`; what reads events of `/v1/responses` itself looks at the fields beside it."""
        event = {
            "type": "error",
            "sequence_number": 0,
            "code": error.code,
            "message": error.message,
            "param": error.param,
            "error": _described(error),
            "request_id": exchange_id,
        }
        return b"data: " + encode(event) + b"\n\n"

    def session_error(self, error: GatewayError, exchange_id: str, about: str | None = None) -> bytes:
        """SDKs hand it on as any event: what it is about is in `error.event_id`."""
        described = {**_described(error), "event_id": about}
        return encode({"type": "error", "event_id": f"event_{exchange_id}", "error": described})

    def again(self, operation: str, document: Mapping[str, Any], answer: str, complaint: str) -> dict[str, Any] | None:
        """Chats and responses; a response that goes on from a stored one has it in `input` all the same."""
        member = _MESSAGES.get(operation)
        return continued(document, member, answer, complaint) if member is not None else None

    def models_body(self, names: Sequence[str], created: int) -> bytes:
        return encode({"object": "list", "data": [_model(name, created) for name in names]})

    def model_body(self, name: str, created: int) -> bytes:
        return encode(_model(name, created))


def _described(error: GatewayError) -> dict[str, str | None]:
    return {"message": error.message, "type": error.kind.type, "param": error.param, "code": error.code}


def _model(name: str, created: int) -> dict[str, str | int]:
    return {"id": name, "object": "model", "created": created, "owned_by": _OWNER}


def _conversation(body: Mapping[str, Any]) -> str | None:
    """`/v1/responses` names a conversation by its id or by an object that has it."""
    value = body.get("conversation")
    if isinstance(value, dict):
        return text(value, "id", "conversation.id")
    return text(body, "conversation")
