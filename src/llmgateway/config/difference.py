"""What two texts of a configuration differ in, as a unified diff without a secret in it. Bounded in time and size."""

from difflib import unified_diff
from typing import Final

from llmgateway.config.masking import UnmaskableError, masked

MAX_LINES: Final = 20_000  # of either text: beyond it comparing takes seconds
MAX_CHARS: Final = 256 * 1024


def difference(before: str, after: str, old_name: str, new_name: str) -> str:
    """A unified diff, empty where nothing differs that may be shown. `before` is "" where there was none."""
    if before == after:
        return ""
    try:
        old, new = (masked(before), masked(after, before)) if before else ("", masked(after))
    except UnmaskableError:
        return "the text before or after can't be shown: it is no TOML whose secrets could be masked\n"
    ours, theirs = old.splitlines(), new.splitlines()
    if max(len(ours), len(theirs)) > MAX_LINES:
        return f"{len(ours)} lines before, {len(theirs)} after: too many to compare\n"
    text = "\n".join(unified_diff(ours, theirs, old_name, new_name, lineterm=""))
    if not text:
        return ""
    return f"{text}\n" if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]}\n… cut: the whole diff is longer\n"
