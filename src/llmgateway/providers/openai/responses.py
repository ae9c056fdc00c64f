"""Replies of `/v1/responses`: events named `response.*`, of which the last holds the whole answer.

The pieces are kept as well, so that an answer that breaks off is still told as far as it came.
"""

from collections.abc import Callable
from typing import Any, Final

from llmgateway.providers.openai.usage import read_usage
from llmgateway.wire.jsoncodec import encode
from llmgateway.wire.replies import DONE, PART_COST, SHAPE_ERRORS, BaseReader, Text, error_words, text_of

TextKey = tuple[int, str, int]  # output item, the field it grows in, part of that field

# event → (field of the item, type of its parts, the event's field with the part's number); no parts: the field is text
TEXTS: Final = {
    "response.output_text.delta": ("content", "output_text", "content_index"),
    "response.refusal.delta": ("content", "refusal", "content_index"),
    "response.reasoning_text.delta": ("content", "reasoning_text", "content_index"),
    "response.reasoning_summary_text.delta": ("summary", "summary_text", "summary_index"),
    "response.function_call_arguments.delta": ("arguments", "", ""),
    "response.mcp_call_arguments.delta": ("arguments", "", ""),
    "response.custom_tool_call_input.delta": ("input", "", ""),
    "response.code_interpreter_call_code.delta": ("code", "", ""),
}


class ResponsesReader(BaseReader):
    """Reads one reply of `/v1/responses`."""

    urgent: tuple[bytes, ...] = (
        b"response.completed",
        b"response.incomplete",
        b"response.failed",
        b'"error"',
        b"event: error",
        DONE,
    )
    _head: dict[str, Any] | None = None  # the response as it was when it began
    _final: dict[str, Any] | None = None  # the response as it ended

    def __init__(self) -> None:
        BaseReader.__init__(self)  # not super(), which costs more than all the rest
        self._items: dict[int, dict[str, Any]] = {}
        self.texts: dict[TextKey, Text] = {}  # what has come of items that are not done
        self._part_types: dict[TextKey, str] = {}

    def take_unreadable(self, data: bytes) -> None:
        if data.startswith(DONE):  # not OpenAI's, but some servers add it
            self.is_finished = True
        else:
            super().take_unreadable(data)

    def take(self, name: bytes, value: Any) -> None:
        kind = value.get("type") or name.decode("latin-1")
        place = TEXTS.get(kind)
        if place is not None:
            self._take_text(place, value)
        elif (step := _STEPS.get(kind)) is not None:
            step(self, value)
        elif kind.endswith((".delta", ".partial_image")):
            self.has_content = True
        elif not kind or "error" in value:
            self._take_error(value)

    def take_whole(self, value: dict[str, Any]) -> None:
        self.error = error_words(value)
        self._take_response(value)

    def message(self) -> bytes | None:
        if self._final is None and self._head is None and not self._items and not self.texts:
            return None
        try:
            return encode(self._final or self.sofar())
        except SHAPE_ERRORS:  # an item of no known shape, or nested more deeply than JSON can be written
            return None

    def _begin(self, value: dict[str, Any]) -> None:
        response = value["response"]
        self._take_response(response)
        if self.has_room(self.event_bytes):
            self._head = response

    def _end(self, value: dict[str, Any]) -> None:
        self.is_finished = True
        response = value["response"]
        self._take_response(response)
        self.is_complete = self.error is None
        self.has_content = self.has_content or bool(response.get("output"))
        self._final = response
        self._items.clear()
        self.texts.clear()

    def _fail(self, value: dict[str, Any]) -> None:
        self._end(value)
        self.error = error_words(value["response"]) or "The response failed."
        self.is_complete = False

    def _take_error(self, value: dict[str, Any]) -> None:
        self.error = error_words(value) or self.error
        self.is_complete = False

    def _take_item(self, value: dict[str, Any]) -> None:
        item = value["item"]
        if not isinstance(item, dict):
            raise TypeError("an output item is no object")
        if self.has_room(PART_COST + self.event_bytes):
            self._items[int(value.get("output_index", 0))] = item

    def _end_item(self, value: dict[str, Any]) -> None:
        self._take_item(value)
        index = value.get("output_index", 0)
        self.has_content = True
        for key in [key for key in self.texts if key[0] == index]:
            del self.texts[key]

    def _take_text(self, place: tuple[str, str, str], value: dict[str, Any]) -> None:
        self.has_content = True
        field, part_type, number = place
        key = (int(value.get("output_index", 0)), field, int(value.get(number, 0)))
        text = self.texts.get(key)
        if text is None:
            if not self.has_room(PART_COST):
                return
            text = self.texts[key] = Text()
            self._part_types[key] = part_type
        self.keep(text, value["delta"])

    def _take_response(self, response: dict[str, Any]) -> None:
        self.response_id = text_of(response, "id") or self.response_id
        self.response_model = text_of(response, "model") or self.response_model
        read_usage(self.usage, response.get("usage"))
        status = text_of(response, "status")
        if status is not None and status not in _RUNNING:
            details = response.get("incomplete_details")
            self.finish_reason = text_of(details, "reason") if isinstance(details, dict) else status

    def sofar(self) -> dict[str, Any]:
        """The response as far as it has come."""
        output = [item for _, item in sorted(self.items().items())]
        return {**(self._head or {"object": "response"}), "status": "incomplete", "output": output}

    def items(self) -> dict[int, dict[str, Any]]:
        """Put together the items that are done and the texts of those that are not, by their place in the output."""
        items = {index: dict(item) for index, item in self._items.items()}
        for key, text in sorted(self.texts.items()):
            index, field, _ = key
            item = items.setdefault(index, {"type": "message", "role": "assistant", "status": "incomplete"})
            part_type = self._part_types[key]
            if not part_type:
                item[field] = text.whole()
            else:
                part = {"type": part_type, "refusal" if part_type == "refusal" else "text": text.whole()}
                item[field] = [*(item.get(field) or ()), part]
        return items


_RUNNING: Final = frozenset({"queued", "in_progress"})
_STEPS: Final[dict[str, Callable[[ResponsesReader, dict[str, Any]], None]]] = {
    "response.created": ResponsesReader._begin,  # noqa: SLF001  # the class's own table of transitions
    "response.output_item.added": ResponsesReader._take_item,  # noqa: SLF001
    "response.output_item.done": ResponsesReader._end_item,  # noqa: SLF001
    "response.completed": ResponsesReader._end,  # noqa: SLF001
    "response.incomplete": ResponsesReader._end,  # noqa: SLF001
    "response.failed": ResponsesReader._fail,  # noqa: SLF001
    "error": ResponsesReader._take_error,  # noqa: SLF001
}
