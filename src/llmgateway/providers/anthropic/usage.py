"""Token counts as Anthropic writes them.

Theirs leave what was read from or written to the cache out of `input_tokens`; ours (as OpenTelemetry's, and as
prices are reckoned) hold everything that went in. So the parts are kept, and added up each time.
"""

from typing import Any, Final

from llmgateway.domain.usage import Usage, take_counts, token_count

_TOTALS: Final = (
    ("cache_read_input_tokens", "cached_tokens"),
    ("cache_creation_input_tokens", "cache_write_tokens"),
    ("output_tokens", "output_tokens"),
)
_DETAILS: Final = (("thinking_tokens", "reasoning_tokens"),)


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
        fresh = token_count(raw.get("input_tokens"))
        if fresh is not None:
            self._fresh = fresh
        take_counts(usage, raw, _TOTALS)
        details = raw.get("output_tokens_details")
        if isinstance(details, dict):
            take_counts(usage, details, _DETAILS)
        if self._fresh is not None:
            total = self._fresh + (usage.cached_tokens or 0) + (usage.cache_write_tokens or 0)
            usage.input_tokens = token_count(total)


def read_usage(usage: Usage, raw: Any) -> None:
    """Copy the counts of a usage object that comes once."""
    Counts(usage).read(raw)
