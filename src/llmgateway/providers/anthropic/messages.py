"""Replies of `/v1/messages`: a message that starts, blocks that grow, a delta with the end's reason, a stop."""

from collections.abc import Callable
from typing import Any, Final

from llmgateway.providers.anthropic.usage import Counts, read_usage
from llmgateway.wire.jsoncodec import JsonError, decode, encode
from llmgateway.wire.replies import PART_COST, SHAPE_ERRORS, BaseReader, Text, error_words, text_of

# delta → (its own field, the block's field that grows)
_DELTAS: Final = {
    "text_delta": ("text", "text"),
    "input_json_delta": ("partial_json", "input"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("signature", "signature"),
}
_PROSE: Final = ("text", "thinking")  # blocks that start out empty


class _Block:
    """One content block as it grows."""

    __slots__ = ("citations", "start", "texts")

    def __init__(self, start: dict[str, Any]) -> None:
        self.start = start
        self.texts: dict[str, Text] = {}
        self.citations: list[Any] = []

    def finished(self) -> dict[str, Any]:
        block = dict(self.start)
        for field, text in self.texts.items():
            value = text.whole()
            block[field] = _input(value) if field == "input" else (block.get(field) or "") + value
        if self.citations:
            block["citations"] = [*(block.get("citations") or ()), *self.citations]
        return block


class MessagesReader(BaseReader):
    """Reads one reply of `/v1/messages`. An answer is whole once its stop reason is known."""

    urgent: tuple[bytes, ...] = (b"message_stop", b'"error"', b"event: error")
    _head: dict[str, Any] | None = None
    _counts: Counts | None = None

    def __init__(self) -> None:
        BaseReader.__init__(self)  # not super(), which costs more than all the rest
        self._end: dict[str, Any] = {}
        self._raw_usage: dict[str, Any] = {}
        self._blocks: dict[int, _Block] = {}

    def take(self, name: bytes, value: Any) -> None:
        step = _STEPS.get(value.get("type") or name.decode("latin-1"))
        if step is not None:
            step(self, value)
        elif "error" in value:
            self.take_error(value)

    def take_whole(self, value: dict[str, Any]) -> None:
        self._take_head(value)
        read_usage(self.usage, value.get("usage"))
        self.error = error_words(value)
        self.finish_reason = text_of(value, "stop_reason")

    def message(self) -> bytes | None:
        if self._head is None:
            return None
        try:
            blocks = [block.finished() for _, block in sorted(self._blocks.items())]
            return encode({**self._head, "content": blocks, **self._end, "usage": self._raw_usage})
        except SHAPE_ERRORS:  # a block of no known shape, or nested more deeply than JSON can be written
            return None

    def take_start(self, value: dict[str, Any]) -> None:
        message = value["message"]
        self._take_head(message)
        self._take_usage(message.get("usage"))
        if self.has_room(self.event_bytes):
            self._head = message

    def take_block(self, value: dict[str, Any]) -> None:
        block = value["content_block"]
        if not isinstance(block, dict):
            raise TypeError("a content block is no object")
        if block.get("type") not in _PROSE or block.get("text"):
            self.has_content = True
        if self.has_room(PART_COST + self.event_bytes):
            self._blocks[int(value["index"])] = _Block(block)

    def take_delta(self, value: dict[str, Any]) -> None:
        self.has_content = True
        delta = value["delta"]
        kind = delta["type"]
        block = self._blocks.get(value["index"])
        if block is None:
            self.parse_errors += not self.is_truncated  # it has not begun
            return
        fields = _DELTAS.get(kind)
        if fields is not None:
            theirs, ours = fields
            text = block.texts.get(ours)
            if text is None:
                text = block.texts[ours] = Text()
            self.keep(text, delta[theirs])
        elif kind == "citations_delta" and self.has_room(self.event_bytes):
            block.citations.append(delta["citation"])

    def take_end(self, value: dict[str, Any]) -> None:
        self._take_usage(value.get("usage"))
        delta = value.get("delta") or {}
        reason = text_of(delta, "stop_reason")
        if reason is not None:
            self.finish_reason = reason
            self.is_complete = self.error is None
        if self.has_room(self.event_bytes):
            self._end.update(delta)

    def take_stop(self, _value: dict[str, Any]) -> None:
        self.is_finished = True
        self.is_complete = self.error is None

    def take_error(self, value: dict[str, Any]) -> None:
        self.error = error_words(value)
        self.is_complete = False

    def _take_head(self, message: dict[str, Any]) -> None:
        self.response_id = text_of(message, "id")
        self.response_model = text_of(message, "model")

    def _take_usage(self, raw: Any) -> None:
        """Take totals so far; a later event tells only those that have changed."""
        if self._counts is None:
            self._counts = Counts(self.usage)
        self._counts.read(raw)
        if isinstance(raw, dict) and self.has_room(self.event_bytes):
            self._raw_usage.update({name: value for name, value in raw.items() if value is not None})


_STEPS: Final[dict[str, Callable[[MessagesReader, dict[str, Any]], None]]] = {
    "message_start": MessagesReader.take_start,
    "content_block_start": MessagesReader.take_block,
    "content_block_delta": MessagesReader.take_delta,
    "message_delta": MessagesReader.take_end,
    "message_stop": MessagesReader.take_stop,
    "error": MessagesReader.take_error,
}


def _input(fragments: str) -> Any:
    """A tool's input out of its fragments; what broke off in the middle stays a string."""
    try:
        return decode(fragments) if fragments else {}
    except JsonError:
        return fragments
