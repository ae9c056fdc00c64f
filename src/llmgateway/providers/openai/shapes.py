"""Where the texts are in OpenAI's streams: chat completions, completions and responses.

https://platform.openai.com/docs/api-reference/chat/streaming, …/completions and …/responses-streaming.
"""

from collections.abc import Mapping
from typing import Any, Final

from llmgateway.ports.shape import Ending, Pieces, Slot
from llmgateway.providers.openai.endings import ChoicesEnding, ResponsesEnding
from llmgateway.wire.jsoncodec import decode, encode
from llmgateway.wire.replies import SHAPE_ERRORS, place

_UNKNOWN: Final = Pieces([], is_known=False)
_FAULT: Final = Pieces([], is_known=False, ended=None)  # what was said before it goes on before it
_CHUNK: Final = frozenset(
    {"id", "object", "created", "model", "system_fingerprint", "service_tier", "choices", "usage", "obfuscation"}
)
_CHOICE: Final = frozenset(
    {"index", "delta", "text", "finish_reason", "logprobs", "stop_reason", "native_finish_reason"}
)
_TEXTS: Final = frozenset({"content", "reasoning_content", "reasoning", "refusal"})
_QUIET: Final = frozenset({"role"})
_CALL: Final = frozenset({"index", "id", "type", "function"})
_DELTA: Final = frozenset(
    {
        "type",
        "item_id",
        "output_index",
        "content_index",
        "summary_index",
        "delta",
        "sequence_number",
        "logprobs",
        "obfuscation",
        "response_id",
    }
)
# What does not come in pieces: names of a format, ids, files. All else in a member that is not known here may.
_IN_ONE: Final = frozenset(
    {"id", "type", "role", "name", "format", "status", "data", "signature", "encrypted_content", "url"}
)
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})
# Where the texts of what begins are, and whose deltas go on with them.
_PARTS: Final = {
    "output_text": ("text", "output_text"),
    "refusal": ("refusal", "refusal"),
    "reasoning_text": ("text", "reasoning_text"),
    "summary_text": ("text", "reasoning_summary_text"),
}
_ITEMS: Final = {
    "function_call": ("arguments", "function_call_arguments"),
    "mcp_call": ("arguments", "mcp_call_arguments"),
    "custom_tool_call": ("input", "custom_tool_call_input"),
    "code_interpreter_call": ("code", "code_interpreter_call_code"),
}


class ChoicesShape:
    """Chat completions and completions: a chunk has pieces of each choice."""

    def pieces(self, event: Any) -> Pieces:
        try:
            return self._pieces(event)
        except SHAPE_ERRORS:
            return _FAULT if isinstance(event, dict) and event.get("error") else _UNKNOWN

    def _pieces(self, event: Any) -> Pieces:
        slots: list[Slot] = []
        ended = set[Any]()
        is_known, is_bare, is_altered = event.keys() <= _CHUNK, not event.get("usage"), False
        for choice in event["choices"]:
            index = place(choice.get("index"))
            if choice.get("logprobs") is not None:
                choice["logprobs"], is_altered = None, True  # they repeat the text token by token
            if choice.get("message") is not None:
                choice["message"], is_altered = None, True  # it repeats the text so far, with the beginning of a value
            is_known = choice.keys() <= _CHOICE and is_known
            if isinstance(choice.get("text"), str):
                slots.append(Slot((index, "text"), choice, "text"))
            for name, value in (choice.get("delta") or {}).items():
                is_known = _of_member(name, value, (index, choice["delta"]), slots) and is_known
                is_bare = is_bare and name not in _QUIET
            if choice.get("finish_reason"):  # some servers write an empty one into every chunk
                ended.add(index)
        return Pieces(slots, is_known, is_bare and is_known and not ended, is_altered, frozenset(ended))

    def ending(self) -> Ending:
        return ChoicesEnding()

    def carrier(self, event: Any, slot: Slot) -> tuple[Any, Slot]:
        index, kind, *rest = slot.channel
        if kind == "other":
            return self._again(event, slot)
        call: dict[str, Any] = {"arguments": ""}
        holder: dict[str, Any] = {slot.key: ""} if kind != "call" else call
        choice: dict[str, Any] = {"index": index, "finish_reason": None}
        if kind == "text":
            choice["text"], holder = "", choice
        elif kind == "call":
            choice["delta"] = {"tool_calls": [{"index": rest[0], "function": call}]}
        else:
            choice["delta"] = holder
        made = {name: value for name, value in event.items() if name not in {"choices", "usage"}}
        made["choices"] = [choice]
        return made, slot._replace(holder=holder)

    def _again(self, event: Any, slot: Slot) -> tuple[Any, Slot]:
        """An event of the same form in which nothing is said."""
        made = {name: value for name, value in decode(encode(event)).items() if name != "usage"}
        found = slot
        for each in self._pieces(made).slots:
            each.holder[each.key] = ""
            found = each if each.channel == slot.channel else found
        for choice in made["choices"]:
            choice["finish_reason"] = None
        return made, found


def _of_member(name: str, value: Any, where: tuple[Any, Any], slots: list[Slot]) -> bool:
    """Take one member of a delta; whether it is known."""
    index, delta = where
    if name in _TEXTS and isinstance(value, str):
        slots.append(Slot((index, name), delta, name))
        return True
    if name == "tool_calls" and value is not None:
        known = [_of_call(call, (index, at), slots) for at, call in enumerate(value)]
        return all(known)
    if name in _QUIET or value is None:
        return True
    _of_others(value, delta, name, (index, "other", name), slots)
    return False


def _of_others(value: Any, holder: Any, key: str, channel: tuple[Any, ...], slots: list[Slot]) -> None:
    """Take the texts in a member that is not known: they may be pieces, as those of transcripts and details are."""
    if isinstance(value, str):
        slots.append(Slot(channel, holder, key, is_json=key == "arguments"))
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name not in _IN_ONE:
                _of_others(inner, value, name, (*channel, name), slots)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            if isinstance(inner, dict):
                _of_others(inner, value, "", (*channel, place(inner.get("index", at))), slots)


def _of_call(call: Any, where: tuple[Any, int], slots: list[Slot]) -> bool:
    index, at = where
    function, number = call.get("function"), place(call.get("index", at))
    if function is not None and isinstance(function.get("arguments"), str):
        slots.append(Slot((index, "call", number), function, "arguments", is_json=True))
        return bool(call.keys() <= _CALL and function.get("name") is None)
    _of_others(call, call, "", (index, "other", "call", number), slots)
    return False


class ResponsesShape:
    """Responses: `….delta` events have pieces, `….done` and `response.…` events whole texts."""

    def pieces(self, event: Any) -> Pieces:
        try:
            kind = str(event.get("type"))
            if isinstance(event.get("delta"), str):
                return _of_delta(kind, event)
            if kind.endswith(".delta") and isinstance(event["delta"], dict):
                return Pieces(_of_object(kind, event), is_known=False)
            if kind.endswith(".added"):
                return Pieces(_of_start(event), is_known=False)
            ended = None if kind in _ENDS else frozenset({_group(event)} if kind.endswith(".done") else ())
            return Pieces([], is_known=False, ended=ended)
        except SHAPE_ERRORS:
            return _UNKNOWN

    def ending(self) -> Ending:
        return ResponsesEnding()

    def carrier(self, event: Any, slot: Slot) -> tuple[Any, Slot]:
        made = {name: value for name, value in event.items() if name != "logprobs"}
        if event["type"].endswith(".added"):
            _, kind, content, summary = slot.channel
            where = {**_where(event), "content_index": content, "summary_index": summary}
            made = {"type": kind, **{name: value for name, value in where.items() if value is not None}, "delta": ""}
            return made, slot._replace(holder=made, key="delta")
        if slot.key != "delta":
            made["delta"] = {slot.key: ""}
            return made, slot._replace(holder=made["delta"])
        made["delta"] = ""
        return made, slot._replace(holder=made)


def _of_delta(kind: str, event: Any) -> Pieces:
    if kind in {"response.audio.delta", "response.output_audio.delta", "response.image_generation_call.partial_image"}:
        return Pieces([], is_known=event.keys() <= _DELTA)
    is_altered = bool(event.get("logprobs"))
    if is_altered:
        event["logprobs"] = []
    slot = Slot(_channel(kind, event), event, "delta", is_json="arguments" in kind)
    is_known = event.keys() <= _DELTA
    return Pieces([slot], is_known, is_bare=is_known, is_altered=is_altered)


def _of_start(event: Any) -> list[Slot]:
    """Parts and items may begin with a text, which their deltas go on with."""
    item, where = event.get("item") or {}, _where(event)
    slots = _of_begun(event.get("part"), _PARTS, where) + _of_begun(item, _ITEMS, where)
    for at, part in enumerate(item.get("content") or ()):
        slots += _of_begun(part, _PARTS, where | {"content_index": at})
    for at, part in enumerate(item.get("summary") or ()):
        slots += _of_begun(part, _PARTS, where | {"summary_index": at})
    return slots


def _where(event: Any) -> dict[str, Any]:
    """Where what begins stands, as its deltas say it."""
    names = ("item_id", "output_index", "content_index", "summary_index")
    return {name: event.get(name) for name in names} | {"item_id": event.get("item_id") or _id(event.get("item"))}


def _id(item: Any) -> Any:
    return item.get("id") if isinstance(item, dict) else None


def _of_begun(holder: Any, known: Mapping[str, tuple[str, str]], where: Mapping[str, Any]) -> list[Slot]:
    key, kind = known.get(str(holder.get("type")), ("", "")) if isinstance(holder, dict) else ("", "")
    if not key or not isinstance(holder[key], str):
        return []
    return [Slot(_channel(f"response.{kind}.delta", where), holder, key, is_json="arguments" in kind)]


def _of_object(kind: str, event: Any) -> list[Slot]:
    delta = event["delta"]
    texts = [name for name, value in delta.items() if isinstance(value, str) and name not in _IN_ONE]
    return [Slot((*_channel(kind, event), name), delta, name) for name in texts]


def _channel(kind: str, event: Any) -> tuple[Any, ...]:
    """Clients put a text together by its places; some servers name its item otherwise in each event."""
    return _group(event), kind, place(event.get("content_index")), place(event.get("summary_index"))


def _group(event: Any) -> Any:
    number = event.get("output_index")
    return event.get("item_id") if number is None else place(number)
