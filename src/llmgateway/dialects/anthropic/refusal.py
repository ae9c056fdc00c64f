"""A message whose words are an operator's and no model's, whole and as a stream.

https://docs.anthropic.com/en/api/messages and …/messages-streaming.
"""

from typing import Any, Final

from llmgateway.ports.dialect import Refusal, Wanted
from llmgateway.wire.jsoncodec import encode

_REASON: Final = "refusal"
_USAGE: Final = {"input_tokens": 0, "output_tokens": 0}
_END: Final = {"stop_reason": _REASON, "stop_sequence": None}


def refusal(text: str, wanted: Wanted) -> Refusal | None:
    """See ports.dialect.Dialect. Only messages have words."""
    if wanted.operation != "messages":
        return None
    message = {
        "id": f"msg_{wanted.exchange_id}",
        "type": "message",
        "role": "assistant",
        "model": wanted.model,
        "content": [{"type": "text", "text": text}],
        **_END,
        "usage": _USAGE,
    }
    return Refusal(encode(message), _events(text, message) if wanted.is_stream else None, _REASON)


def _events(text: str, message: dict[str, Any]) -> bytes:
    begun = {**message, "content": [], "stop_reason": None}
    return b"".join(
        (
            _event("message_start", message=begun),
            _event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
            _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text}),
            _event("content_block_stop", index=0),
            _event("message_delta", delta=_END, usage={"output_tokens": 0}),
            _event("message_stop"),
        )
    )


def _event(kind: str, **members: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), encode({"type": kind, **members}))
