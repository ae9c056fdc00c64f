"""How streams of chat completions, completions and responses are ended well by a guardrail's words."""

from typing import Any, Final

from llmgateway.providers.openai.responses import TEXTS, ResponsesReader, TextKey
from llmgateway.wire.endings import APART, BaseEnding, Channel, Said, check_room
from llmgateway.wire.jsoncodec import encode
from llmgateway.wire.replies import DONE

_REASON: Final = "content_filter"
_HEAD: Final = ("id", "object", "created", "model", "system_fingerprint", "service_tier")
_NOTHING: Final[dict[str, Any]] = {"annotations": [], "logprobs": []}  # beside a text
_NO_TOKENS: Final = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


class ChoicesEnding(BaseEnding):
    """Chat completions and completions: knows which choices have no finish reason yet.

    Whoever asked for the usage has a member of that name in every chunk, and waits for a chunk with it alone.
    """

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._has_said: dict[int, bool] = {}  # by choice: whether a person would have read something
        self._ended: set[int] = set()
        self._is_chat = True
        self._wants_usage = False
        self._usage: Any = None

    def take(self, value: dict[str, Any]) -> None:
        choices = value.get("choices")
        if choices is None:
            return
        self.is_begun = True
        self._head = {name: value[name] for name in _HEAD if name in value}
        if "usage" in value:
            self._wants_usage, self._usage = True, value["usage"] or self._usage
        for choice in choices:
            self._take_choice(choice)

    def _take_choice(self, choice: dict[str, Any]) -> None:
        index = int(choice.get("index", 0))
        self._is_chat = "text" not in choice
        said = (choice.get("delta") or {}).get("content") if self._is_chat else choice["text"]
        self._has_said[index] = bool(said) or self._has_said.get(index, False)
        check_room(len(self._has_said))
        if choice.get("finish_reason"):
            self._ended.add(index)

    def end(self, text: str, channel: Channel | None) -> list[Said]:
        running = self._has_said.keys() - self._ended
        blocked = channel[0] if channel is not None else min(running, default=0)
        if not isinstance(blocked, int):
            raise TypeError("a choice's index is no number")
        is_new = blocked not in self._has_said
        text = APART + text if self._has_said.get(blocked) else text
        chunks = [self._chunk(blocked, text, is_new=is_new)]
        chunks += [self._chunk(index, "", _REASON) for index in sorted(running | {blocked})]
        if self._wants_usage:
            chunks.append({**self._head, "choices": [], "usage": self._usage or _NO_TOKENS})
        return [*((b"", encode(chunk)) for chunk in chunks), (b"", DONE)]

    def _chunk(self, index: int, text: str, reason: str | None = None, *, is_new: bool = False) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": index}
        if not self._is_chat:
            choice["text"] = text
        else:
            role = {"role": "assistant"} if is_new else {}
            choice["delta"] = {**role, "content": text} if text else role
        choice |= {"logprobs": None, "finish_reason": reason}
        usage = {"usage": None} if self._wants_usage else {}
        return {**self._head, "choices": [choice], **usage}


class ResponsesEnding(BaseEnding):
    """Responses: a reader of its own knows what has been said, and this which items, parts and texts are open."""

    def __init__(self) -> None:
        self._reader = ResponsesReader()
        self._number = 0
        self._open: dict[int, str] = {}  # items' ids by their place in the output
        self._parts: set[tuple[int, str, int]] = set()  # place, what kind of part it is, its number
        self._running: dict[tuple[int, str, int], TextKey] = {}  # place, the events' name, the part's number
        self._next = 0

    def event(self, data: bytes) -> None:
        self._reader.event_bytes = len(data)
        super().event(data)

    def take(self, value: dict[str, Any]) -> None:
        kind = value["type"]
        self._number = int(value.get("sequence_number", self._number)) + 1
        self._reader.take(b"", value)
        if kind == "response.created":
            self.is_begun = True
        elif kind == "response.output_item.added":
            index = int(value["output_index"])
            self._open[index] = value["item"].get("id")
            self._next = max(self._next, index + 1)
            check_room(len(self._open))
        elif kind == "response.output_item.done":
            self._close(int(value["output_index"]))
        elif "output_index" in value:
            self._take_part(kind, value)

    def _take_part(self, kind: str, value: dict[str, Any]) -> None:
        index, name = int(value["output_index"]), kind.rpartition(".")[0]
        number = int(value.get("content_index", value.get("summary_index", 0)))
        if kind in TEXTS:
            self._running[index, name, number] = (index, TEXTS[kind][0], number)
            check_room(len(self._running))
        elif kind.endswith("_part.added"):
            self._parts.add((index, name, number))
            check_room(len(self._parts))
        elif kind.endswith(".done"):
            self._parts.discard((index, name, number))
            self._running.pop((index, name, number), None)

    def _close(self, index: int) -> None:
        self._open.pop(index, None)
        self._parts = {each for each in self._parts if each[0] != index}
        self._running = {each: key for each, key in self._running.items() if each[0] != index}

    def end(self, text: str, channel: Channel | None) -> list[Said]:
        said: list[Said] = []
        at = self._spoken_in(channel)
        if at is not None:
            has_said = self._reader.texts.get((at["output_index"], "content", at["content_index"])) is not None
            self._say(said, "response.output_text.delta", **at, delta=APART + text if has_said else text, logprobs=[])
        for index in sorted(self._open):
            self._end_item(said, index)
        if at is None:
            self._say_item(said, text)
        if self._reader.is_truncated:
            raise ValueError("more has been said than is known")
        response = {**self._reader.sofar(), "incomplete_details": {"reason": _REASON}}
        self._say(said, "response.incomplete", response=response)
        return said

    def _spoken_in(self, channel: Channel | None) -> dict[str, Any] | None:
        """Where the words may stand among those of the model."""
        if channel is None or channel[1] != "response.output_text.delta":
            return None
        index, _, number, _ = channel
        if not isinstance(index, int) or index not in self._open:
            return None
        is_open = (index, "response.content_part", number) in self._parts
        return {"item_id": self._open[index], "output_index": index, "content_index": number} if is_open else None

    def _end_item(self, said: list[Said], index: int) -> None:
        at = {"item_id": self._open[index], "output_index": index}
        for _, name, number in sorted(each for each in self._running if each[0] == index):
            self._end_text(said, at, name, number)
        for _, name, number in sorted(each for each in self._parts if each[0] == index):
            self._end_part(said, at, name, number)
        self._say(said, "response.output_item.done", output_index=index, item=self._item(index))

    def _item(self, index: int) -> dict[str, Any]:
        """An item that ends here, as far as it has come."""
        item = self._reader.items()[index]
        if "content" in item:
            item["content"] = [
                {**_NOTHING, **part} if part["type"] == "output_text" else part for part in item["content"]
            ]
        return {**item, "status": "incomplete"}

    def _end_text(self, said: list[Said], at: dict[str, Any], name: str, number: int) -> None:
        field, kind, place = TEXTS[f"{name}.delta"]
        member = "refusal" if kind == "refusal" else "text" if kind else field
        where = {place: number} if place else {}
        text = self._reader.texts[at["output_index"], field, number].whole()
        more: dict[str, Any] = {"logprobs": []} if kind == "output_text" else {}
        self._say(said, f"{name}.done", **at, **where, **{member: text}, **more)

    def _end_part(self, said: list[Said], at: dict[str, Any], name: str, number: int) -> None:
        field, place = ("content", "content_index") if name == "response.content_part" else ("summary", "summary_index")
        parts = self._item(at["output_index"]).get(field) or ()
        part = parts[number] if number < len(parts) else _part("")
        self._say(said, f"{name}.done", **at, **{place: number}, part=part)

    def _say_item(self, said: list[Said], text: str) -> None:
        """An item of its own."""
        index, name = self._next, f"msg_refusal_{self._next}"
        at = {"item_id": name, "output_index": index, "content_index": 0}
        item = {"id": name, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        self._say(said, "response.output_item.added", output_index=index, item=item)
        self._say(said, "response.content_part.added", **at, part=_part(""))
        self._say(said, "response.output_text.delta", **at, delta=text, logprobs=[])
        self._end_item(said, index)

    def _say(self, said: list[Said], kind: str, **members: Any) -> None:
        """Say an event, and take note of it as of the others."""
        event = {"type": kind, **members, "sequence_number": self._number}
        data = encode(event)
        self.take(event)
        said.append((kind.encode(), data))


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, **_NOTHING}
