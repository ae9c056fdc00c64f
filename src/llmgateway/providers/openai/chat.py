"""Replies of `/v1/chat/completions`, as OpenAI, vLLM, llama.cpp, DeepSeek, OpenRouter and others stream them."""

from collections.abc import Callable
from typing import Any, Final

from llmgateway.providers.openai.choices import ChoicesReader, Growing
from llmgateway.wire.replies import PART_COST, BaseReader, Text, text_of

_CUSTOM: Final = "custom"


class _Call:
    """One tool call; its arguments come in fragments."""

    __slots__ = ("arguments", "id", "kind", "name")

    def __init__(self) -> None:
        self.id: str | None = None
        self.kind = "function"
        self.name: str | None = None
        self.arguments = Text()

    def grow(self, function: dict[str, Any] | None, reader: BaseReader) -> None:
        if function:
            self.name = text_of(function, "name") or self.name
            reader.keep(self.arguments, function.get(self.member) or "")

    @property
    def place(self) -> str:
        """The member of a call that it is in."""
        return _CUSTOM if self.kind == _CUSTOM else "function"

    @property
    def member(self) -> str:
        """Where what it is called with stands: a custom tool takes any text."""
        return "input" if self.kind == _CUSTOM else "arguments"

    def finished(self) -> dict[str, Any]:
        return {"name": self.name, self.member: self.arguments.whole()}


class _Choice(Growing):
    _role = "assistant"
    _reasoning: Text | None = None
    _reasoning_name = "reasoning_content"
    _refusal: Text | None = None
    _audio: Text | None = None
    _calls: dict[int, _Call] | None = None
    _function: _Call | None = None

    def grow(self, choice: dict[str, Any], reader: BaseReader) -> None:
        delta = choice.get("delta")
        if not delta:
            return
        content = delta.get("content")
        if content:
            reader.has_content = True
            reader.keep(self.text, content)
        if len(delta) > 1 or not content:
            for name, value in delta.items():
                take = _PARTS.get(name)
                if value and take is not None:
                    take(self, name, value, reader)

    def take_role(self, _name: str, role: str, _reader: BaseReader) -> None:
        self._role = str(role)[:32]

    def take_reasoning(self, name: str, text: str, reader: BaseReader) -> None:
        self._reasoning_name = name
        self._reasoning = self._kept(self._reasoning, text, reader)

    def take_refusal(self, _name: str, text: str, reader: BaseReader) -> None:
        self._refusal = self._kept(self._refusal, text, reader)

    def take_audio(self, _name: str, audio: dict[str, Any], reader: BaseReader) -> None:
        """Keep the transcript; the sound itself is not put together again."""
        self._audio = self._kept(self._audio, audio.get("transcript") or "", reader)

    def take_function(self, _name: str, function: dict[str, Any], reader: BaseReader) -> None:
        self._function = self._function or _Call()
        reader.has_content = True
        self._function.grow(function, reader)

    def take_calls(self, _name: str, calls: list[dict[str, Any]], reader: BaseReader) -> None:
        reader.has_content = True
        for part in calls:
            call = self._call(part, reader)
            if call is not None:
                call.id = text_of(part, "id") or call.id
                call.kind = text_of(part, "type") or call.kind
                if part.get(_CUSTOM):
                    call.kind = _CUSTOM
                call.grow(part.get(_CUSTOM) or part.get("function"), reader)

    def _call(self, part: dict[str, Any], reader: BaseReader) -> _Call | None:
        """Find the call that a fragment belongs to; begin a new one where it belongs to none."""
        self._calls = calls = self._calls or {}
        index = part.get("index")
        if not isinstance(index, int):  # servers that send whole calls number them by their order
            index = len(calls) if part.get("id") or not calls else len(calls) - 1
        call = calls.get(index)
        if call is None and reader.has_room(PART_COST):
            call = calls[index] = _Call()
        return call

    @staticmethod
    def _kept(text: Text | None, piece: str, reader: BaseReader) -> Text:
        text = text or Text()
        reader.has_content = True
        reader.keep(text, piece)
        return text

    def finished(self) -> dict[str, Any]:
        content = self.text.whole()
        message: dict[str, Any] = {"role": self._role, "content": content or None if self._has_other() else content}
        if self._reasoning is not None:
            message[self._reasoning_name] = self._reasoning.whole()
        if self._refusal is not None:
            message["refusal"] = self._refusal.whole()
        if self._audio is not None:
            message["audio"] = {"transcript": self._audio.whole()}
        if self._function is not None:
            message["function_call"] = self._function.finished()
        if self._calls:
            message["tool_calls"] = [
                {"id": call.id, "type": call.kind, call.place: call.finished()}
                for _, call in sorted(self._calls.items())
            ]
        return {"message": message}

    def _has_other(self) -> bool:
        return bool(self._calls or self._function or self._refusal or self._audio)


_PARTS: Final[dict[str, Callable[[_Choice, str, Any, BaseReader], None]]] = {
    "role": _Choice.take_role,
    "reasoning_content": _Choice.take_reasoning,  # DeepSeek, older vLLM
    "reasoning": _Choice.take_reasoning,  # OpenRouter, newer vLLM
    "refusal": _Choice.take_refusal,
    "audio": _Choice.take_audio,
    "function_call": _Choice.take_function,
    "tool_calls": _Choice.take_calls,
}


class ChatReader(ChoicesReader):
    """Reads one reply of `/v1/chat/completions`."""

    choice_type = _Choice
    object_name = "chat.completion"
