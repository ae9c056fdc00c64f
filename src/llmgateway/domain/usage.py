"""Token counts of one exchange, named after OpenTelemetry's GenAI fields."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

TOKEN_LIMIT = 10**9  # a count above it is a backend's mistake, not a bill
_NUMBER: Final = (int, float)


@dataclass(slots=True)
class Usage:
    """What the upstream said it used; `None` is unknown, never zero. `is_estimated` marks our own count."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    is_estimated: bool = False

    @property
    def is_empty(self) -> bool:
        return self.input_tokens is None and self.output_tokens is None


def token_count(value: object) -> int | None:
    """Read a count as upstreams write them: clamp what is absurd, ignore what is no number."""
    if type(value) is int and 0 <= value < TOKEN_LIMIT:  # all but always
        return value
    if isinstance(value, bool) or not isinstance(value, _NUMBER) or math.isnan(value) or value < 0:
        return None
    return int(value) if value < TOKEN_LIMIT else TOKEN_LIMIT


def take_counts(usage: Usage, raw: Mapping[str, Any], names: Iterable[tuple[str, str]]) -> None:
    """Copy counts from `raw`; `names` are theirs and ours. Totals so far, so the last sensible value of each wins."""
    for theirs, ours in names:
        if theirs in raw:
            count = raw[theirs]
            if type(count) is not int or not 0 <= count < TOKEN_LIMIT:  # else token_count would give it back
                count = token_count(count)
            if count is not None:
                setattr(usage, ours, count)


def estimate_tokens(size: int) -> int:
    """Guess the tokens in `size` bytes of UTF-8 text: four bytes each, right within a third for English and Japanese.

    Only for exchanges whose upstream told no usage; always flagged as estimated.
    """
    return (size + 3) // 4
