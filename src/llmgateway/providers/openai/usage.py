"""Token counts as OpenAI's APIs write them, in the older and the newer spelling, and as its imitators do."""

from typing import Any, Final

from llmgateway.domain.usage import Usage, take_counts, token_count

# Their name → ours. Where two of theirs mean the same, the later one wins.
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
    take_counts(usage, raw, _COUNTS)
    for name, fields in _DETAILS:
        details = raw.get(name)
        if isinstance(details, dict):
            take_counts(usage, details, fields)
    if usage.input_tokens is None and usage.output_tokens is None:
        # embeddings and rerank of some servers: everything is input, and only the total is told
        usage.input_tokens = token_count(raw.get("total_tokens"))
