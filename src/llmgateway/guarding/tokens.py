"""Texts that a request has as numbers: tokens' ids, or vectors. No guardrail can read them."""

from collections.abc import Mapping
from typing import Any, Final

from llmgateway.domain.errors import GatewayError
from llmgateway.wire.jsoncodec import decode
from llmgateway.wire.jsonscan import members

_VECTORS: Final = frozenset({"prompt_embeds", "input_embeds"})
_NAMES: Final = frozenset({"prompt", "input", "suffix", "prompt_token_ids", "input_ids"}) | _VECTORS


def refuse_tokens(document: Mapping[str, Any], body: bytes | None = None) -> None:
    """GatewayError guardrail_unsupported for a request with such a member. `body`: it as it came, for members that come
    twice; None where it is known that none does."""
    present = [name for name in document if name.casefold() in _NAMES]
    if any(_is_unreadable(name, document[name]) for name in present):
        raise _refusal()
    if present and body is not None and (b"\\u00" in body or any(body.count(_quoted(name)) > 1 for name in present)):
        for name, (start, end) in members(body):
            if name.casefold() in _NAMES and _is_unreadable(name, decode(body[start:end])):
                raise _refusal()


def _quoted(name: str) -> bytes:
    return b'"%b"' % name.encode()


def _is_unreadable(name: str, value: Any) -> bool:
    if name.casefold() in _VECTORS:
        return value is not None
    return isinstance(value, list) and any(map(_has_numbers, value))


def _has_numbers(value: Any) -> bool:
    if isinstance(value, list):
        return any(isinstance(each, int | float) for each in value)
    return isinstance(value, int | float)


def _refusal() -> GatewayError:
    return GatewayError("guardrail_unsupported", "The route's guardrails read texts, no ids of tokens.")
