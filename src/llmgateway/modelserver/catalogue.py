"""`/v1/models`, in both shapes: Anthropic's where `anthropic-version` is sent, OpenAI's otherwise."""

from collections.abc import Mapping
from typing import Any, Final

from llmgateway.modelserver.prompt import CREATED, ApiError

DEFAULT_MODELS: Final = (
    "gpt-4.1-2025-04-14",
    "gpt-4.1-mini",
    "claude-sonnet-5",
    "text-embedding-3-small",
    "omni-moderation-latest",
    "gpt-image-1",
    "gpt-4o-mini-tts",
    "whisper-1",
)


def is_anthropic(path: str, headers: Mapping[str, str]) -> bool:
    """Tell which dialect a request speaks."""
    return path.startswith("/v1/messages") or "anthropic-version" in headers


def models(names: tuple[str, ...], *, for_anthropic: bool) -> dict[str, Any]:
    """List the models."""
    listed = [_entry(name, for_anthropic=for_anthropic) for name in names or DEFAULT_MODELS]
    if for_anthropic:
        return {"data": listed, "has_more": False, "first_id": listed[0]["id"], "last_id": listed[-1]["id"]}
    return {"object": "list", "data": listed}


def model(names: tuple[str, ...], name: str, *, for_anthropic: bool) -> dict[str, Any]:
    """Show one model; where none are listed, any name has one."""
    if names and name not in names:
        raise ApiError(404, f"The model '{name[:100]}' does not exist.", param="model", code="model_not_found")
    return _entry(name, for_anthropic=for_anthropic)


def _entry(name: str, *, for_anthropic: bool) -> dict[str, Any]:
    if for_anthropic:
        return {
            "type": "model",
            "id": name,
            "display_name": name,
            "created_at": "2026-01-01T00:00:00Z",
            "lifecycle": "active",
            "max_input_tokens": 200_000,
            "max_tokens": 64_000,
        }
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "llmgateway-model-server"}
