"""How a stream of messages is ended well by a guardrail's words: blocks are closed, and the reason is a refusal."""

from typing import Any, Final

from llmgateway.wire.endings import APART, BaseEnding, Channel, Said, check_room
from llmgateway.wire.jsoncodec import encode

_REASON: Final = "refusal"


class _Block:
    __slots__ = ("has_said", "kind")

    def __init__(self, kind: str, *, has_said: bool) -> None:
        self.kind = kind
        self.has_said = has_said


class MessagesEnding(BaseEnding):
    """Knows which content blocks are open, and how many tokens the backend has counted."""

    def __init__(self) -> None:
        self._open: dict[int, _Block] = {}
        self._next = 0
        self._output_tokens = 0

    def take(self, value: dict[str, Any]) -> None:
        kind = value["type"]
        if kind == "content_block_delta":
            self._open[value["index"]].has_said |= bool(value["delta"].get("text"))
        elif kind == "content_block_start":
            block, index = value["content_block"], int(value["index"])
            self._open[index] = _Block(block["type"], has_said=bool(block.get("text")))
            self._next = max(self._next, index + 1)
            check_room(len(self._open))
        elif kind == "content_block_stop":
            del self._open[value["index"]]
        elif kind == "message_start":
            self.is_begun = True
            self._count(value["message"].get("usage"))
        elif kind == "message_delta":
            self._count(value.get("usage"))

    def end(self, text: str, channel: Channel | None) -> list[Said]:
        index = channel[0] if channel is not None else None
        block = self._open.get(index) if isinstance(index, int) else None
        said: list[Said] = []
        if block is not None and block.kind == "text":
            said.append(_delta(index, APART + text if block.has_said else text))
        said += [_event("content_block_stop", index=each) for each in sorted(self._open)]
        if block is None or block.kind != "text":
            said.append(_event("content_block_start", index=self._next, content_block={"type": "text", "text": ""}))
            said += (_delta(self._next, text), _event("content_block_stop", index=self._next))
        stop = {"stop_reason": _REASON, "stop_sequence": None}
        said.append(_event("message_delta", delta=stop, usage={"output_tokens": self._output_tokens}))
        said.append(_event("message_stop"))
        return said

    def _count(self, usage: Any) -> None:
        tokens = usage.get("output_tokens") if isinstance(usage, dict) else None
        if isinstance(tokens, int):
            self._output_tokens = tokens


def _delta(index: Any, text: str) -> Said:
    return _event("content_block_delta", index=index, delta={"type": "text_delta", "text": text})


def _event(kind: str, **members: Any) -> Said:
    return kind.encode(), encode({"type": kind, **members})
