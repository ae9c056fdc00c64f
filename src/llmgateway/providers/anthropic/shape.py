"""Where the texts are in Anthropic's streams: https://docs.anthropic.com/en/api/messages-streaming."""

from typing import Any, Final

from llmgateway.ports.shape import Ending, Pieces, Slot
from llmgateway.providers.anthropic.ending import MessagesEnding
from llmgateway.wire.replies import SHAPE_ERRORS, place

_UNKNOWN: Final = Pieces([], is_known=False)
_EVENT: Final = frozenset({"type", "index", "delta"})
_TEXTS: Final = {"text_delta": "text", "input_json_delta": "partial_json", "thinking_delta": "thinking"}
_STARTS: Final = {"text_delta": "text", "thinking_delta": "thinking"}
_IN_ONE: Final = frozenset({"type", "signature", "data", "encrypted_content"})
_KNOWN: Final = 2  # parts of a known text's channel: its block and the kind of its deltas
_QUIET: Final = frozenset({"ping", "message_stop"})


class MessagesShape:
    """Messages: `content_block_delta` events have pieces of the block with their index."""

    def pieces(self, event: Any) -> Pieces:
        try:
            kind = event["type"]
            if kind == "content_block_delta":
                return _of_delta(event)
            if kind == "content_block_start":
                return _of_start(event)
            if kind == "content_block_stop":
                return Pieces([], is_known=False, ended=frozenset({place(event.get("index"))}))
            ended = None if kind in {"message_delta", "message_stop", "error"} else frozenset[Any]()
            return Pieces([], is_known=kind in _QUIET and len(event) == 1, ended=ended)
        except SHAPE_ERRORS:
            return _UNKNOWN

    def ending(self) -> Ending:
        return MessagesEnding()

    def carrier(self, event: Any, slot: Slot) -> tuple[Any, Slot]:
        key = _TEXTS.get(str(slot.channel[1]), slot.key) if len(slot.channel) == _KNOWN else slot.key
        kind = slot.channel[1]
        delta = {"type": kind, key: ""} if kind is not None else {key: ""}
        made = {name: value for name, value in event.items() if name != "content_block"}
        return {**made, "type": "content_block_delta", "delta": delta}, slot._replace(holder=delta, key=key)


def _of_delta(event: Any) -> Pieces:
    delta = event["delta"]
    kind = delta.get("type")
    key = _TEXTS.get(kind)
    if key is None or not isinstance(delta.get(key), str) or len(delta) > 2:
        return _of_unknown(kind, event)
    is_json = kind == "input_json_delta"
    slot = Slot((place(event.get("index")), kind), delta, key, is_json, row=None if is_json else kind)
    is_known = event.keys() <= _EVENT
    return Pieces([slot], is_known, is_bare=is_known)


def _of_start(event: Any) -> Pieces:
    """A block may begin with a text, which its deltas go on with."""
    block = event["content_block"]
    texts = [(kind, key) for kind, key in _STARTS.items() if isinstance(block.get(key), str)]
    return Pieces(
        [Slot((place(event.get("index")), kind), block, key, row=kind) for kind, key in texts], is_known=False
    )


def _of_unknown(kind: str, event: Any) -> Pieces:
    """Texts in a delta of another form may be pieces, too."""
    delta = event["delta"]
    texts = [name for name, value in delta.items() if isinstance(value, str) and name not in _IN_ONE]
    slots = [Slot((place(event.get("index")), kind, name), delta, name) for name in texts]
    return Pieces(slots, is_known=kind == "signature_delta" and len(delta) == 2)
