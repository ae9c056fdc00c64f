"""A realtime session's events, of which only those that count are looked into: `session.created`, `response.done`.

A session has many responses; their usage is added up.
"""

from typing import Any, Final

from llmgateway.domain.usage import Usage, token_count
from llmgateway.wire.jsoncodec import encode
from llmgateway.wire.replies import SHAPE_ERRORS, BaseReader, text_of

_LOOKED_INTO: Final = (b'"response.done"', b'"session.created"')
_COUNTS: Final = (  # where it stands, its name there, ours
    (None, "input_tokens", "input_tokens"),
    (None, "output_tokens", "output_tokens"),
    ("input_token_details", "cached_tokens", "cached_tokens"),
    ("output_token_details", "reasoning_tokens", "reasoning_tokens"),
)


class RealtimeReader(BaseReader):
    """Reads what a backend says in one session of `/v1/realtime`; `message` tells its responses as far as they fit."""

    def __init__(self) -> None:
        BaseReader.__init__(self)
        self._responses: list[Any] = []
        self.is_complete = True  # its frames say whether a session ended well

    def event(self, name: bytes, data: bytes) -> None:
        if any(mark in data for mark in _LOOKED_INTO):
            super().event(name, data)

    def take(self, name: bytes, value: Any) -> None:  # noqa: ARG002  # the port's signature
        if value["type"] == "session.created":
            self.response_id = text_of(value["session"], "id")
            self.response_model = text_of(value["session"], "model")
        elif value["type"] == "response.done":
            self._take_response(value["response"])

    def message(self) -> bytes | None:
        if not self._responses:
            return None
        try:
            return encode(self._responses)
        except SHAPE_ERRORS:  # nested more deeply than JSON can be written
            return None

    def _take_response(self, response: dict[str, Any]) -> None:
        self.has_content = True
        add_usage(self.usage, response.get("usage"))
        details = response.get("status_details")
        reason = text_of(details, "reason") if isinstance(details, dict) else None
        self.finish_reason = reason or text_of(response, "status")
        if self.has_room(self.event_bytes):
            self._responses.append(response)


def add_usage(usage: Usage, raw: Any) -> None:
    """Add one response's counts; what is no count adds nothing."""
    if not isinstance(raw, dict):
        return
    for place, name, ours in _COUNTS:
        within = raw.get(place) if place is not None else raw
        count = token_count(within.get(name)) if isinstance(within, dict) else None
        if count is not None:
            setattr(usage, ours, (getattr(usage, ours) or 0) + count)
