"""Token counts as OpenAI's APIs write them, in the older and the newer spelling, and as its imitators do."""

from typing import Any, Final

from llmgateway.domain.usage import Usage, token_count

_COUNTS: Final = (
    ("prompt_tokens", "input_tokens"),
    ("input_tokens", "input_tokens"),
    ("completion_tokens", "output_tokens"),
    ("output_tokens", "output_tokens"),
    ("prompt_cache_hit_tokens", "cached_tokens"),  # DeepSeek
)
_INPUT_DETAILS: Final = (("cached_tokens", "cached_tokens"), ("cache_write_tokens", "cache_write_tokens"))
_OUTPUT_DETAILS: Final = (("reasoning_tokens", "reasoning_tokens"),)
_DETAILS: Final = (
    ("prompt_tokens_details", _INPUT_DETAILS),
    ("input_tokens_details", _INPUT_DETAILS),
    ("completion_tokens_details", _OUTPUT_DETAILS),
    ("output_tokens_details", _OUTPUT_DETAILS),
)


def read_usage(usage: Usage, raw: Any) -> None:
    """Copy the counts of `raw`. Totals, not increments: the last sensible value of each wins."""
    if not isinstance(raw, dict):
        return
    _copy(usage, raw, _COUNTS)
    for name, fields in _DETAILS:
        details = raw.get(name)
        if isinstance(details, dict):
            _copy(usage, details, fields)
    if usage.is_empty:  # embeddings and rerank of some servers: everything is input, and only the total is told
        usage.input_tokens = token_count(raw.get("total_tokens"))


def _copy(usage: Usage, raw: dict[str, Any], fields: tuple[tuple[str, str], ...]) -> None:
    for theirs, ours in fields:
        if theirs in raw and (count := token_count(raw[theirs])) is not None:
            setattr(usage, ours, count)
