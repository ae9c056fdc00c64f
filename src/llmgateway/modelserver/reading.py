"""Reads what the dialects' request bodies have in common. Unknown fields are let be; wrong ones get a 400."""

from collections.abc import Mapping
from typing import Any, Final

from llmgateway.modelserver.prompt import ApiError, Turn
from llmgateway.wire.jsoncodec import encode

_IMAGES: Final = frozenset({"image_url", "input_image", "image"})
_DEEPEST: Final = 6


def gather(content: Any, depth: int = 0) -> tuple[str, int]:
    """Join a message's text parts, also those inside tool results, and count its images."""
    if isinstance(content, str):
        return content, 0
    if not isinstance(content, list) or depth > _DEEPEST:
        return "", 0
    texts, images = [], 0
    for part in content:
        text, more = _part(part, depth)
        texts.append(text)
        images += more
    return "\n".join(text for text in texts if text), images


def _part(part: Any, depth: int) -> tuple[str, int]:
    if isinstance(part, str):
        return part, 0
    if not isinstance(part, dict):
        return "", 0
    if part.get("type") in _IMAGES:
        return "", 1
    if isinstance(text := part.get("text"), str):
        return text, 0
    if part.get("type") == "tool_use":
        return encode(part.get("input")).decode(), 0
    return gather(part.get("content"), depth + 1)


def turn(role: Any, content: Any) -> Turn:
    """Make a turn of a role and a message's content."""
    text, images = gather(content)
    return Turn(str(role), text, images)


def listed(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Take a field that must be a list of objects, or be missing."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ApiError(400, f"'{name}' must be an array of objects.", param=name)
    return value


def number(body: Mapping[str, Any], *names: str, most: int = 10**9) -> int | None:
    """Take the first of several fields that is there, a whole number of at least 1."""
    for name in names:
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise ApiError(400, f"'{name}' must be a whole number from 1 to {most}.", param=name)
        return value
    return None


def stops(value: Any) -> tuple[str, ...]:
    """Read stop sequences: one text or several."""
    if isinstance(value, str):
        return (value,)
    return tuple(word for word in value if isinstance(word, str)) if isinstance(value, list) else ()


def mapping(value: Any) -> Mapping[str, Any]:
    """Take an object, or nothing in place of anything else."""
    return value if isinstance(value, dict) else {}
