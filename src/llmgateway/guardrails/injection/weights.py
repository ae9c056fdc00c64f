"""A linear model of n-grams, and of groups of phrases alone and by twos: `weights.bin`, made by bench/guardrails.

The file is zlib-packed: a line of JSON with the numbers of `Head`, the features one a line, an empty line, and a signed
byte for each feature. English n-grams have spaces at both ends, Japanese ones are pieces of running text; groups of
phrases have PAIR before them.
"""

import json
import zlib
from array import array
from collections.abc import Sequence
from importlib.resources import files
from typing import Final, NamedTuple

import ahocorasick_rs

from llmgateway.guardrails.injection.score import SHIFT, Hit, near, pairs, wide

FLAG: Final = 0.5  # the score that 1 % of harmless texts reach
BLOCK: Final = 0.8  # the score that 0.25 % of them reach
STRICT: Final = 0.4  # for what tools bring: people's own words are rarely in there
WINDOW: Final = 3  # buckets that are weighed together: an attack in a long text is as loud as one alone
PAIR: Final = "+"  # before the names of groups, among the features


class Head(NamedTuple):
    """What turns a sum of bytes into logits; `slope` and `offset` put the two operating points where they are named."""

    step: float
    bias: float
    rules: float
    slope: float
    offset: float


def _read() -> tuple[Head, list[str], memoryview]:
    head, _, rest = zlib.decompress(files(__package__).joinpath("weights.bin").read_bytes()).partition(b"\n")
    names, _, weights = rest.partition(b"\n\n")
    return Head(**json.loads(head)), names.decode().split("\n"), memoryview(weights).cast("b")


HEAD, _NAMES, _BYTES = _read()
_GRAMS: Final = [name for name in _NAMES if not name.startswith(PAIR)]
_WEIGHTS: Final = tuple(_BYTES)  # in the file n-grams come first
_NEAR: Final = near({name[1:]: at for at, name in enumerate(_NAMES) if name.startswith(PAIR)})
_AUTOMATON: Final = ahocorasick_rs.AhoCorasick(_GRAMS, store_patterns=False)
_UNHEARD: Final = array("I", bytes(4 * len(_NAMES)))


def shift_of(words: str) -> int:
    """How many characters of a plain text are one bucket, as a power of two."""
    return SHIFT - wide(words)


def loudest(words: str, found: Sequence[Hit]) -> tuple[int, Sequence[Hit]]:
    """The sum of weights in the stretch of a plain text that says most, and which groups of phrases end in it.

    What is said again adds nothing. `words` are "" where only its groups of phrases are known.
    """
    shift = shift_of(words)
    columns = max(len(words) << (SHIFT - shift), found[-1][1] if found else 0)
    sums, again = [0] * ((columns >> SHIFT) + WINDOW), _UNHEARD[:]
    for at, _, end in _AUTOMATON.find_matches_as_indexes(words, overlapping=True):
        bucket = (end - 1) >> shift
        if again[at] <= bucket:
            sums[bucket] += _WEIGHTS[at]
            again[at] = bucket + WINDOW
    for at, end in pairs(found, _NEAR):
        bucket = (end - 1) >> SHIFT
        if again[at] <= bucket:
            sums[bucket] += _WEIGHTS[at]
            again[at] = bucket + WINDOW
    most = list(map(sum, zip(sums, sums[1:], sums[2:], strict=False)))
    if len(most) == 1:
        return most[0], found
    first = max(range(len(most)), key=most.__getitem__)
    return most[first], [hit for hit in found if first <= (hit[1] - 1) >> SHIFT < first + WINDOW]
