"""What chat and legacy completions share: chunks with `choices`, each of which grows until it has a finish reason."""

from typing import Any, ClassVar

from llmgateway.providers.openai.usage import read_usage
from llmgateway.wire.jsoncodec import encode
from llmgateway.wire.replies import DONE, PART_COST, BaseReader, Text, error_words, text_of


class Growing:
    """One choice as it grows. A subclass knows where the text of its API stands."""

    finish_reason: str | None = None

    def __init__(self) -> None:
        self.text = Text()

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

    urgent: tuple[bytes, ...] = (DONE, b'"error"')
    choice_type: ClassVar[type[Growing]]
    object_name: ClassVar[str]
    _choices: dict[int, Growing] | None = None  # made with the first one
    _open = 0  # choices without a finish reason
    _created: int | None = None
    _raw_usage: Any = None

    def take_unreadable(self, data: bytes) -> None:
        if data.startswith(DONE):
            self.is_complete = self.error is None
            self.is_finished = True
        else:
            super().take_unreadable(data)

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
            index = choice.get("index", 0)
            known = self._choices
            state = (known.get(index) if known else None) or self._begin(index)
            if state is None:
                continue
            state.grow(choice, self)
            reason = choice.get("finish_reason")
            if reason and state.finish_reason is None and isinstance(reason, str):
                self._finish(state, index, reason)

    def take_whole(self, value: dict[str, Any]) -> None:
        self._take_head(value)
        read_usage(self.usage, value.get("usage"))
        self.error = error_words(value)
        for choice in value.get("choices") or ():
            if self.finish_reason is None:
                self.finish_reason = text_of(choice, "finish_reason")

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
        """Take what is there; `text_of` written out, for every reply comes by here."""
        if isinstance(found := value.get("id"), str) and found:
            self.response_id = found
        if isinstance(found := value.get("model"), str) and found:
            self.response_model = found
        if isinstance(found := value.get("system_fingerprint"), str) and found:
            self.fingerprint = found
        if isinstance(created := value.get("created"), int):
            self._created = created

    def _take_error(self, value: dict[str, Any]) -> None:
        words = error_words(value)
        if words is not None:
            self.error = words
            self.is_complete = False

    def _begin(self, index: int) -> Growing | None:
        if not isinstance(index, int):
            raise TypeError("a choice's index is no number")
        if not self.has_room(PART_COST):
            return None
        if self._choices is None:
            self._choices = {}
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
