"""Token counts as Anthropic writes them.

Theirs leave what was read from or written to the cache out of `input_tokens`; ours (as OpenTelemetry's, and as
prices are reckoned) hold everything that went in. So the parts are kept, and added up each time.
"""

from typing import Any

from llmgateway.domain.usage import Usage, token_count


class Counts:
    """The parts of one message's usage. They are totals so far: the last sensible value of each wins."""

    __slots__ = ("_fresh", "usage")

    def __init__(self, usage: Usage) -> None:
        self.usage = usage
        self._fresh: int | None = None  # input that no cache had

    def read(self, raw: Any) -> None:
        if not isinstance(raw, dict):
            return
        usage = self.usage
        self._fresh = _last(raw, "input_tokens", self._fresh)
        usage.cached_tokens = _last(raw, "cache_read_input_tokens", usage.cached_tokens)
        usage.cache_write_tokens = _last(raw, "cache_creation_input_tokens", usage.cache_write_tokens)
        usage.output_tokens = _last(raw, "output_tokens", usage.output_tokens)
        details = raw.get("output_tokens_details")
        if isinstance(details, dict):
            usage.reasoning_tokens = _last(details, "thinking_tokens", usage.reasoning_tokens)
        if self._fresh is not None:
            total = self._fresh + (usage.cached_tokens or 0) + (usage.cache_write_tokens or 0)
            usage.input_tokens = token_count(total)


def read_usage(usage: Usage, raw: Any) -> None:
    """Copy the counts of a usage object that comes once."""
    Counts(usage).read(raw)


def _last(raw: dict[str, Any], name: str, before: int | None) -> int | None:
    count = token_count(raw.get(name))
    return before if count is None else count
