"""A linear model of word and character n-grams, as one automaton: `weights.bin`, made by bench/guardrails.

The file is zlib-packed: a line of JSON with the numbers of `Head`, the n-grams one a line, an empty line, and a signed
byte for each n-gram. English n-grams have spaces at both ends, Japanese ones are pieces of running text.
"""

import json
import zlib
from importlib.resources import files
from typing import Final, NamedTuple

import ahocorasick_rs

SHIFT: Final = 7  # buckets of 128 characters
FLAG: Final = 0.5  # the score that 1 % of harmless texts reach
BLOCK: Final = 0.8  # the score that 0.25 % of them reach
STRICT: Final = 0.4  # for what tools bring: people's own words are rarely in there
WINDOW: Final = 3  # buckets that are weighed together: an attack in a long text is as loud as one alone


class Head(NamedTuple):
    """What turns a sum of bytes into logits; `slope` and `offset` put the two operating points where they are named."""

    step: float
    bias: float
    rules: float
    slope: float
    offset: float


def _read() -> tuple[Head, list[str], bytes]:
    head, _, rest = zlib.decompress(files(__package__).joinpath("weights.bin").read_bytes()).partition(b"\n")
    grams, _, weights = rest.partition(b"\n\n")
    return Head(**json.loads(head)), grams.decode().split("\n"), weights


HEAD, _GRAMS, _BYTES = _read()
_WEIGHTS: Final = tuple(memoryview(_BYTES).cast("b"))
_AUTOMATON: Final = ahocorasick_rs.AhoCorasick(_GRAMS, store_patterns=False)


def loudest(words: str) -> int:
    """The sum of weights in the stretch of a plain text that says most; what is said again adds nothing."""
    sums = [0] * ((len(words) >> SHIFT) + WINDOW)
    last: dict[int, int] = {}
    for at, _, end in _AUTOMATON.find_matches_as_indexes(words, overlapping=True):
        bucket = (end - 1) >> SHIFT
        if bucket - last.get(at, -WINDOW) >= WINDOW:
            sums[bucket] += _WEIGHTS[at]
            last[at] = bucket
    return max(map(sum, zip(sums, sums[1:], sums[2:], strict=False)))
