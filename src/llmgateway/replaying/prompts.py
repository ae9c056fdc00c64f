"""What a request asks: its hash for telling doubles, and whether it may be sent again without an effect. Pure."""

import unicodedata
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

from llmgateway.wire.jsoncodec import JsonError, decode, encode
from llmgateway.wire.jsonscan import splice

OPERATIONS: Final = frozenset({"chat.completions", "completions", "responses", "messages"})
PATHS: Final = ("/chat/completions", "/completions", "/responses", "/messages")
_ASKING: Final = ("system", "instructions", "messages", "input", "prompt", "tools", "response_format", "text")
_STATEFUL: Final = ("previous_response_id", "conversation", "background", "container", "mcp_servers")
_LOCAL_TOOLS: Final = frozenset({"function", "custom"})  # what the caller runs, and a replay does not
_DEEPEST: Final = 64


def read(request: bytes) -> dict[str, Any] | None:
    """The request as an object; None where it is none."""
    try:
        document = decode(request)
    except JsonError:
        return None
    return document if isinstance(document, dict) else None


def body_of(request: bytes, model: str | None) -> bytes:
    """The request as it was logged, byte for byte, but for the model's name where it is for another route."""
    document = read(request)
    if model is None or document is None or document.get("model") == model:
        return request
    return splice(request, document, {"model": encode(model)})


def prompt_hash(document: Mapping[str, Any]) -> str:
    """The same for requests that ask the same, however they are spaced, cased, composed, and by whom they are sent."""
    asking = {name: document[name] for name in _ASKING if name in document} or dict(document)
    return sha256(encode(_normal(asking, 0))).hexdigest()


def _normal(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return " ".join(unicodedata.normalize("NFKC", value).casefold().split())
    if depth > _DEEPEST:
        return None
    if isinstance(value, list):
        return [_normal(each, depth + 1) for each in value]
    if isinstance(value, dict):
        return {name: _normal(value[name], depth + 1) for name in sorted(value)}
    return value


def has_effects(document: Mapping[str, Any]) -> bool:
    """Whether a model that is asked this may do more than answer: go on with what a provider keeps, or call tools that
    the provider runs itself.
    """
    return any(document.get(name) for name in _STATEFUL) or any(_is_hosted(tool) for tool in _tools(document))


def _tools(document: Mapping[str, Any]) -> Iterator[Any]:
    tools = document.get("tools")
    if isinstance(tools, list):
        yield from tools
    if document.get("web_search_options"):
        yield {"type": "web_search"}


def _is_hosted(tool: Any) -> bool:
    kind = tool.get("type") if isinstance(tool, dict) else None
    return kind is not None and kind not in _LOCAL_TOOLS


def is_path(path: str) -> bool:
    """Whether a request that goes there is one that can be replayed."""
    return path.startswith("/") and path.partition("?")[0].endswith(PATHS)
