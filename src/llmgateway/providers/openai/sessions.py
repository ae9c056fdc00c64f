"""Where the texts are in the events of OpenAI's realtime sessions, and how a response in one is called off.

https://platform.openai.com/docs/api-reference/realtime-server-events; names of the beta are understood, too.
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import Any, Final

from llmgateway.domain.errors import GatewayError
from llmgateway.ports.session import Place
from llmgateway.ports.shape import Pieces, Slot
from llmgateway.wire.jsoncodec import encode
from llmgateway.wire.replies import SHAPE_ERRORS, place

_UNKNOWN: Final = Pieces([], is_known=False)
_SOUND: Final = frozenset({"response.output_audio.delta", "response.audio.delta"})
_DELTA: Final = frozenset(
    {
        "type",
        "event_id",
        "response_id",
        "item_id",
        "output_index",
        "content_index",
        "delta",
        "logprobs",
        "obfuscation",
    }
)
_CONFIGURES: Final = frozenset({"session.update", "session.created", "session.updated"})
_ITEM_EVENTS: Final = frozenset(f"conversation.item.{what}" for what in ("created", "added", "done", "retrieved"))
_TRANSCRIPTION: Final = "conversation.item.input_audio_transcription."
_SEGMENT: Final = _TRANSCRIPTION + "segment"
_ENDS: Final = frozenset({"response.done", _TRANSCRIPTION + "completed", _TRANSCRIPTION + "failed"})
_ABOUT_SOUND: Final = ("input_audio_buffer.", "output_audio_buffer.", _TRANSCRIPTION)
_OF_THE_API: Final = _CONFIGURES | {
    "conversation.created",
    "conversation.item.deleted",
    "conversation.item.truncated",
    "error",
    "mcp_list_tools.in_progress",
    "mcp_list_tools.completed",
    "mcp_list_tools.failed",
    "rate_limits.updated",
    "transcription_session.updated",
}
_SETTINGS: Final = frozenset(
    {"audio", "logprobs", "metadata", "modalities", "output_modalities", "status_details", "usage", "voice"}
)
_CODES: Final = (_DELTA - {"delta", "logprobs"}) | {
    "call_id",
    "conversation_id",
    "id",
    "max_output_tokens",
    "object",
    "output_audio_format",
    "previous_item_id",
    "role",
    "status",
}
_PARTS: Final = {
    "text": ("text", "text"),
    "output_text": ("text", "text"),
    "audio": ("transcript", "audio_transcript"),
    "output_audio": ("transcript", "audio_transcript"),
}
_ITEMS: Final = {
    "function_call": ("arguments", "function_call_arguments"),
    "mcp_call": ("arguments", "mcp_call_arguments"),
}
_IN_ONE: Final = frozenset({"id", "type", "role", "name", "format", "status"})
_USAGE_DETAILS: Final = frozenset({"input_token_details", "output_token_details", "cached_tokens_details"})
_TEXTS: Final = ("text", "transcript", "arguments", "refusal", "output")
_READ: Final = _DELTA | frozenset({*_TEXTS, "id", "item", "part", "response", "content", "name", "call_id", "usage"})
_READ_IN: Final = frozenset({"item", "part", "response", "content", "output", "delta"})
MAX_PART: Final = 64
_FILTERED: Final = {"type": "incomplete", "reason": "content_filter"}


class RealtimeShape:
    """A response's events name it; those of a transcription name the caller's item. See ports.session."""

    def pieces(self, event: Any) -> Pieces:
        try:
            return _pieces(event["type"], event)
        except SHAPE_ERRORS:
            return _UNKNOWN

    def carrier(self, event: Any, slot: Slot) -> tuple[Any, Slot]:
        group: Any = slot.channel[0]
        (_, item, content), kind = group, str(slot.channel[1])
        if event["type"] == _SEGMENT:
            made = {**event, slot.key: ""}
            return made, slot._replace(holder=made)
        if event["type"].endswith(".delta"):
            made = {name: value for name, value in event.items() if name != "logprobs"}
        else:  # what began with a text goes on with deltas
            made = {"type": f"response.{_spelled(kind, event)}.delta", "response_id": event.get("response_id")}
            made |= {"item_id": item, "output_index": event.get("output_index"), "content_index": content}
        if isinstance(made.get("delta"), dict):
            made["delta"] = {slot.key: ""}
            return made, slot._replace(holder=made["delta"])
        made["delta"] = ""
        return made, slot._replace(holder=made, key="delta")

    def owner(self, event: Any) -> Hashable | None:
        try:
            return _owner(event)
        except SHAPE_ERRORS:
            return None

    def item(self, event: Any) -> str | None:
        item, inner = event.get("item_id"), event.get("item")
        name = inner.get("id") if item is None and isinstance(inner, dict) else item
        return name if isinstance(name, str) else None

    def places(self, event: Any) -> Sequence[Place]:
        try:
            if event.keys() <= _DELTA and type(event["delta"]) is str:  # nearly all, and quick
                is_piece = event["delta"] and event["type"].endswith(".delta") and event["type"] not in _SOUND
                return [_place(*_group(event))] if is_piece else []
        except SHAPE_ERRORS:
            pass
        groups: list[Any] = [slot.channel[0] for slot in self.pieces(event).slots if slot.holder[slot.key]]
        return [_place(*group) for group in groups]

    def told(self, event: Any) -> Sequence[Place]:
        try:
            return [] if event["type"].endswith(".delta") else list(_told(event))
        except SHAPE_ERRORS:
            return []

    def is_odd(self, event: Any) -> bool:
        return not event.keys() <= _DELTA and _is_odd(event)

    def is_end(self, event: Any) -> bool:
        return str(event.get("type")) in _ENDS

    def is_sound(self, event: Any) -> bool:
        return str(event.get("type")) in _SOUND

    def standing(self, event: Any) -> str | None:
        session = event.get("session") if str(event.get("type")) in _CONFIGURES else None
        said = session.get("instructions") if isinstance(session, dict) else None
        return said if isinstance(said, str) else None

    def is_echo(self, event: Any) -> bool:
        kind, item = str(event.get("type")), event.get("item")
        if kind in _CONFIGURES:
            return True
        return kind in _ITEM_EVENTS and isinstance(item, dict) and item.get("role") == "system"

    def words(self, event: Any) -> Any:
        kind = str(event.get("type"))
        if kind in _OF_THE_API or kind in _SOUND or kind.startswith(_ABOUT_SOUND):
            return {}
        words = {name: value for name, value in event.items() if _may_be_said(name, value)}
        for name in ("response", "item"):  # as a reply's own members
            if isinstance(inner := words.get(name), dict):
                del words[name]
                words |= {name: value for name, value in inner.items() if _may_be_said(name, value)}
        return words

    def is_answer(self, event: Any) -> bool:
        return str(event.get("type")) == "conversation.item.retrieved"

    def behind(self, event: Any) -> Sequence[str]:
        name = event.get("previous_item_id")
        return [name] if isinstance(name, str) else []

    def is_called_off(self, event: Any) -> bool:
        response = event.get("response")
        return isinstance(response, dict) and response.get("status") == "cancelled"

    def cancel(self, owner: Hashable) -> bytes | None:
        return encode({"type": "response.cancel", "response_id": owner}) if isinstance(owner, str) else None

    def cut(self, event: Any) -> bytes | None:
        response = event.get("response")
        if event.get("type") != "response.done" or not isinstance(response, dict):
            return None
        said = {"object": "realtime.response", "id": response.get("id"), "status": "incomplete"}
        said |= {"status_details": _FILTERED, "output": [], "usage": _counts(response.get("usage"))}
        return encode({"type": "response.done", "event_id": event.get("event_id"), "response": said})

    def failed(self, owner: Hashable, error: GatewayError) -> bytes | None:
        if not isinstance(owner, str):
            return None
        why = {"type": "failed", "error": {"type": error.kind.type, "code": error.code}}
        said = {"object": "realtime.response", "id": owner, "status": "failed", "status_details": why, "output": []}
        return encode({"type": "response.done", "event_id": f"event_{error.code}", "response": said | {"usage": None}})


def _may_be_said(name: str, value: Any) -> bool:
    """Whether a member may have a model's words: what is called as a code is may be none."""
    if name in _CODES:
        is_code = value.isascii() and len(value.split(None, 1)) <= 1 if isinstance(value, str) else None
        return isinstance(value, dict | list) if is_code is None else not is_code
    return name not in _SETTINGS


def _pieces(kind: str, event: Any) -> Pieces:
    if kind in _SOUND:
        return Pieces([], is_known=event.keys() <= _DELTA)
    if kind.endswith(".delta"):
        return _of_delta(kind, event)
    if kind == _SEGMENT and isinstance(event["text"], str):
        return Pieces([Slot(_channel(event, kind), event, "text")], is_known=False)
    if kind.endswith(".added") and "response_id" in event:
        return Pieces(_of_start(event), is_known=False)
    ended = kind.endswith(".done") or kind in _ENDS
    return Pieces([], is_known=False, ended=frozenset({_group(event)}) if ended else frozenset())


def _of_delta(kind: str, event: Any) -> Pieces:
    delta, channel = event["delta"], _channel(event, kind.removesuffix(".delta"))
    is_altered = bool(event.get("logprobs"))
    if is_altered:
        event["logprobs"] = []
    if isinstance(delta, dict):
        texts = [name for name, value in delta.items() if isinstance(value, str) and name not in _IN_ONE]
        slots = [Slot((*channel, name), delta, name) for name in texts]
        return Pieces(slots, is_known=False, is_altered=is_altered)
    if isinstance(delta, int | float):  # some put it to the text all the same
        event["delta"] = delta = encode(delta).decode()
        is_altered = True
    slot = _slot(channel, event, "delta", is_json="arguments" in kind)
    is_known = isinstance(delta, str) and event.keys() <= _DELTA
    return Pieces([slot] if isinstance(delta, str) else [], is_known, is_bare=is_known, is_altered=is_altered)


def _of_start(event: Any) -> list[Slot]:
    """Parts and items may begin with a text, which their deltas go on with."""
    item = event.get("item")
    slots = _of_begun(event.get("part"), _PARTS, event, event.get("content_index"))
    if isinstance(item, dict):
        slots += _of_begun(item, _ITEMS, event, None)
        for at, part in enumerate(item.get("content") or ()):
            slots += _of_begun(part, _PARTS, event, at)
    return slots


def _of_begun(holder: Any, known: dict[str, tuple[str, str]], event: Any, content: Any) -> list[Slot]:
    key, kind = known.get(str(holder.get("type")), ("", "")) if isinstance(holder, dict) else ("", "")
    if not key or not isinstance(holder.get(key), str):
        return []
    return [_slot((_group(event, content), kind), holder, key, is_json=key == "arguments")]


def _slot(channel: tuple[Any, ...], holder: Any, key: str, *, is_json: bool) -> Slot:
    """Some clients put the parts of an item together."""
    row = None if is_json else (*channel[0][:2], channel[1])
    return Slot(channel, holder, key, is_json, row)


def _channel(event: Any, kind: str) -> tuple[Any, ...]:
    """A text under its two names, the beta's and today's, is one text."""
    return _group(event), kind.removeprefix("response.").removeprefix("output_")


def _group(event: Any, content: Any = None) -> tuple[Any, ...]:
    """Clients put a text together by its item; where that has no name, by its place in the response."""
    item, inner = event.get("item_id"), event.get("item")
    if item is None and isinstance(inner, dict):
        item = inner.get("id")
    where = item if item is not None else place(event.get("output_index"))
    return _owner(event), where, place(event.get("content_index") if content is None else content)


def _place(owner: Any, where: Any, content: Any) -> Place:
    part = content if isinstance(content, int | float) else str(content)[:MAX_PART]
    return Place(where if isinstance(where, str) else f"{owner} {where}", part)


def _told(event: Any) -> Iterator[Place]:
    """Where an event says a text that is no piece."""
    begun = {id(slot.holder) for slot in _pieces(event["type"], event).slots}
    here, part, item = _place(*_group(event)), event.get("part"), event.get("item")
    if any(id(one) not in begun and _says(one) for one in (event, part)):
        yield here
    response = event.get("response")
    items = response.get("output") if isinstance(response, dict) else None
    for each in (item, *(items if isinstance(items, list) else ())):
        if isinstance(each, dict) and isinstance(each.get("id"), str):
            parts = each.get("content")
            inner = [each, *(parts if isinstance(parts, list) else ())]
            if any(id(one) not in begun and _says(one) for one in inner):
                yield Place(each["id"])


def _says(holder: Any) -> bool:
    return isinstance(holder, dict) and any(holder.get(name) and isinstance(holder[name], str) for name in _TEXTS)


def _is_odd(value: Any) -> bool:
    """Whether a name in there is another one's but for its case: some parsers take both for the same."""
    if isinstance(value, list):
        return any(map(_is_odd, value))
    if not isinstance(value, dict):
        return False
    if any(name not in _READ and name.casefold() in _READ for name in value):
        return True
    return any(_is_odd(value[name]) for name in _READ_IN & value.keys())


def _owner(event: Any) -> Hashable | None:
    kind = event["type"]
    if kind.startswith(_TRANSCRIPTION):
        return "item", str(event.get("item_id")), str(place(event.get("content_index")))
    response = event.get("response")
    name = response.get("id") if isinstance(response, dict) else event.get("response_id")
    return name if isinstance(name, str) else None


def _spelled(kind: str, event: Any) -> str:
    """What deltas of this kind are called by the API that the event is of."""
    part = event.get("part")
    is_beta = isinstance(part, dict) and not str(part.get("type")).startswith("output_")
    return kind if is_beta or "arguments" in kind else f"output_{kind}"


def _counts(usage: Any) -> dict[str, Any] | None:
    """A usage's numbers, and nothing else that may stand in there."""
    if not isinstance(usage, dict):
        return None
    counts: dict[str, Any] = {name: value for name, value in usage.items() if _is_count(name, value)}
    for name in _USAGE_DETAILS & usage.keys():
        counts[name] = _counts(usage[name])
    return counts


def _is_count(name: str, value: Any) -> bool:
    return name.endswith("_tokens") and name.replace("_", "").isalpha() and type(value) is int
