"""What chat and legacy completions share: chunks with `choices`, each of which grows until it has a finish reason."""

from io import StringIO
from typing import Any, ClassVar

from llmgateway.providers.openai.usage import read_usage
from llmgateway.wire.jsoncodec import encode
from llmgateway.wire.replies import PART_COST, BaseReader, error_words, text_of


class Growing:
    """One choice as it grows. A subclass knows where the text of its API stands."""

    __slots__ = ("finish_reason", "text")

    def __init__(self) -> None:
        self.text = StringIO()
        self.finish_reason: str | None = None

    def grow(self, choice: dict[str, Any], reader: BaseReader) -> None:
        """Take this choice's part of one chunk; the reader keeps the account of room."""
        raise NotImplementedError

    def finished(self) -> dict[str, Any]:
        """Give the choice, but for index and finish reason, in the form it has in a reply without streaming."""
        raise NotImplementedError


class ChoicesReader(BaseReader):
    """Reads streams of chunks up to `[DONE]`, and whole replies with `choices`.

    An answer is whole when every choice seen has its finish reason: some servers send no `[DONE]`.
    """

    __slots__ = ("_choices", "_created", "_open", "_raw_usage")
    choice_type: ClassVar[type[Growing]]
    object_name: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self._choices: dict[int, Growing] = {}
        self._open = 0  # choices without a finish reason
        self._created: int | None = None
        self._raw_usage: Any = None

    def event(self, name: bytes, data: bytes) -> None:
        if data.startswith(b"[DONE]"):
            self.is_complete = self.error is None
            self.is_finished = True
        else:
            super().event(name, data)

    def take(self, name: bytes, value: Any) -> None:  # noqa: ARG002  # the port's signature
        if self.response_id is None:
            self._take_head(value)
        usage = value.get("usage")
        if usage is not None:
            self._raw_usage = usage
            read_usage(self.usage, usage)
        choices = value.get("choices")
        if not choices or "error" in value:
            self._take_error(value)
        for choice in choices or ():
            self._grow(choice)

    def take_whole(self, value: dict[str, Any]) -> None:
        self._take_head(value)
        read_usage(self.usage, value.get("usage"))
        self.error = error_words(value)
        for choice in value.get("choices") or ():
            self.finish_reason = self.finish_reason or text_of(choice, "finish_reason")

    def message(self) -> bytes | None:
        if not self._choices:
            return None
        reply: dict[str, Any] = {
            "id": self.response_id,
            "object": self.object_name,
            "created": self._created,
            "model": self.response_model,
            "choices": [
                {"index": index, **choice.finished(), "finish_reason": choice.finish_reason}
                for index, choice in sorted(self._choices.items())
            ],
        }
        if self.fingerprint is not None:
            reply["system_fingerprint"] = self.fingerprint
        if self._raw_usage is not None:
            reply["usage"] = self._raw_usage
        try:
            return encode(reply)
        except TypeError:  # a usage object nested more deeply than JSON can be written
            return None

    def _take_head(self, value: dict[str, Any]) -> None:
        self.response_id = text_of(value, "id") or self.response_id
        self.response_model = text_of(value, "model") or self.response_model
        self.fingerprint = text_of(value, "system_fingerprint") or self.fingerprint
        created = value.get("created")
        if isinstance(created, int):
            self._created = created

    def _take_error(self, value: dict[str, Any]) -> None:
        words = error_words(value)
        if words is not None:
            self.error = words
            self.is_complete = False

    def _grow(self, choice: dict[str, Any]) -> None:
        index = choice.get("index", 0)
        state = self._choices.get(index) or self._begin(index)
        if state is None:
            return
        state.grow(choice, self)
        reason = choice.get("finish_reason")
        if reason and state.finish_reason is None and isinstance(reason, str):
            self._finish(state, index, reason)

    def _begin(self, index: int) -> Growing | None:
        if not isinstance(index, int):
            raise TypeError("a choice's index is no number")
        if not self.has_room(PART_COST):
            return None
        state = self._choices[index] = self.choice_type()
        self._open += 1
        self.is_complete = False
        return state

    def _finish(self, state: Growing, index: int, reason: str) -> None:
        state.finish_reason = reason
        if index == 0 or self.finish_reason is None:
            self.finish_reason = reason
        self._open -= 1
        self.is_complete = self._open == 0 and self.error is None
