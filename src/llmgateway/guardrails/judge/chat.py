"""Chats with a judge: what is shown of texts, the request, and the text of the answer."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from llmgateway.ports.asking import OpinionError, document
from llmgateway.wire.extracts import Extract

_LEFT_OUT: Final = "\n[…]\n"
_BROKEN_OFF: Final = ("length", "content_filter")  # compared, not looked up: an answer may hold anything

Message = dict[str, str]


class Shown(NamedTuple):
    """What is shown of one text: which it is, and whose word."""

    piece: int
    source: str
    text: str


def shown(parts: Sequence[Extract], texts: Sequence[tuple[str, str]]) -> list[Shown]:
    """Put the parts of each text together; what is no part of the conversation comes first."""
    found: dict[int, str] = {}
    ends: dict[int, int] = {}
    for part in parts:
        gap = _LEFT_OUT if part.start > ends.get(part.piece, part.start) else ""
        overlap = max(0, ends.get(part.piece, 0) - part.start)
        found[part.piece] = found.get(part.piece, "") + gap + part.text[overlap:]
        ends[part.piece] = part.end
    every = [Shown(piece, texts[piece][1], text) for piece, text in found.items()]
    return sorted(every, key=lambda each: each.source not in {"system", "other"})


def reply_text(answer: bytes) -> str:
    """Read the text of a chat completion; OpinionError where there is none, or where it broke off."""
    choices = document(answer).get("choices")
    choice = choices[0] if type(choices) is list and choices else None
    message = choice.get("message") if type(choice) is dict else None
    content: Any = message.get("content") if type(message) is dict else None
    if type(choice) is not dict or type(content) is not str:
        raise OpinionError("The answer is no chat completion with a text.")
    if choice.get("finish_reason") in _BROKEN_OFF:
        raise OpinionError("The answer broke off before its end.")
    return content
