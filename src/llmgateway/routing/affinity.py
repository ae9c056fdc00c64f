"""What a request begins with, as a number: requests that begin alike have the same one.

A model server keeps the computed beginning of recent prompts. Whoever sends the same system prompt and first question
again (the next turn of a conversation) is served much quicker by the server that has seen them.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

from llmgateway.wire.jsoncodec import encode

MAX_BYTES: Final = 16 * 1024  # of each part; what differs later than that shares more than enough
_BEFORE: Final = ("tools", "system", "instructions")  # what model servers put in front
_TURNS: Final = ("messages", "input", "prompt")


def affinity(document: Mapping[str, Any] | None) -> int | None:
    """Hash the tools, the system prompt and the first user message; None where there is nothing of the kind."""
    if document is None:
        return None
    digest = blake2b(digest_size=8)
    found = False
    for name in (*_BEFORE, *_TURNS):
        part = document.get(name)
        if part:
            found = True
            digest.update(b"\0" + encode(_beginning(part))[:MAX_BYTES])
    return int.from_bytes(digest.digest(), "big") if found else None


def _beginning(part: Any) -> Any:
    """A conversation up to its first user message; anything else as it is, long text cut."""
    if isinstance(part, str):
        return part[:MAX_BYTES]
    if not isinstance(part, list):
        return part
    for at, turn in enumerate(part):
        if isinstance(turn, Mapping) and turn.get("role") == "user":
            return part[: at + 1]
    return part
