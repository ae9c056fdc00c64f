"""The bins that distributions are counted in: fine ones while it is not known what is usual, then groups of these."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from llmgateway.wire.cutoff import CUT_OFF
from llmgateway.wire.refusals import REASONS

SMALL: Final = 4_096  # tokens whose bin stands in a table
LARGEST: Final = 1 << 21
GROUPS: Final = 10  # that a reference is cut into, about
FINISHES: Final = ("stop", "length", "tools", "refusal", "none", "other")
OTHER: Final = FINISHES.index("other")
FINISH: Final[Mapping[str | None, int]] = {
    None: FINISHES.index("none"),
    **dict.fromkeys(("stop", "end_turn", "stop_sequence", "completed"), FINISHES.index("stop")),
    **dict.fromkeys(CUT_OFF, FINISHES.index("length")),
    **dict.fromkeys(("tool_calls", "tool_use", "function_call"), FINISHES.index("tools")),
    **dict.fromkeys(REASONS, FINISHES.index("refusal")),
}


def _octaves(tokens: int) -> int:
    """Four bins for each doubling, and one for each number below eight."""
    if tokens < 8:
        return max(0, tokens)
    tokens = min(tokens, LARGEST - 1)
    bits = tokens.bit_length()
    return 4 * bits - 8 + ((tokens >> (bits - 3)) & 3)


_TABLE: Final = bytes(_octaves(tokens) for tokens in range(SMALL))
LENGTHS: Final = _octaves(LARGEST - 1) + 1


def of_length(tokens: int) -> int:
    """The bin of a number of tokens."""
    return _TABLE[tokens] if 0 <= tokens < SMALL else _octaves(tokens)


def length_below(end: int) -> int:
    """The number of tokens that the bins before `end` stay below."""
    if end <= 8:
        return end
    bits, quarter = divmod(end + 8, 4)
    return (4 + quarter) << (bits - 3)


def groups(counts: Sequence[int], wanted: int = GROUPS) -> list[int]:
    """Where to cut fine bins so that each group has a fair share of `counts`: the ends, the last of which is all.

    Rare values at both sides are no groups of their own. Where all is in one bin, what lies below and above it is.
    """
    least, ends, mass = max(1.0, sum(counts) / wanted), [], 0
    for at, count in enumerate(counts):
        mass += count
        if mass >= least:
            ends.append(at + 1)
            mass = 0
    if len(ends) < 2:
        only = max(range(len(counts)), key=counts.__getitem__)
        return sorted({each for each in (only, only + 1, len(counts)) if each > 0})
    ends[-1] = len(counts)
    return ends


def grouped(counts: Sequence[int], ends: Sequence[int]) -> list[int]:
    """The counts of the groups."""
    return [sum(counts[start:end]) for start, end in pairwise((0, *ends))]
