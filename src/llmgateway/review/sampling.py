"""Which exchanges are looked at. What is drawn is drawn by a hash: the same exchanges whoever asks and whenever, so
that asking twice adds nothing, and nobody can pick.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from heapq import nsmallest
from typing import Final, TypeVar

from llmgateway.domain.ids import named_id
from llmgateway.domain.review import Reason

T = TypeVar("T")
_WHOLE: Final = float(1 << 64)


def share(*words: str) -> float:
    """A number from 0 to 1 (not included) that these words always get."""
    return int.from_bytes(sha256("\0".join(words).encode("utf-8", "surrogatepass")).digest()[:8]) / _WHOLE


def item_id(queue: str, exchange_id: str, other_id: str | None, reason: Reason) -> str:
    """The id of an item: the same exchange is in a queue once for each reason."""
    return named_id("review", queue, exchange_id, other_id or "", reason)


def needed(item: str, overlap: float) -> int:
    """How many reviews an item needs: two where reviewers are compared, a share `overlap` of all."""
    return 2 if share("overlap", item) < overlap else 1


def is_swapped(item: str) -> bool:
    """Whether the second exchange of a pair stands on the left."""
    return share("side", item) < 0.5


def draw(ids: Iterable[str], count: int, seed: str = "") -> list[str]:
    """`count` of the exchanges, or all there are, each as likely as any other."""
    return nsmallest(count, ids, key=lambda each: share("sample", seed, each))


def draw_stratified(
    rows: Iterable[T], count: int, id_of: Callable[[T], str], stratum_of: Callable[[T], str], seed: str = ""
) -> list[str]:
    """The same, as many of each stratum as of any other; a small one gives all it has, and the others the rest."""
    strata: dict[str, list[str]] = {}
    for row in rows:
        strata.setdefault(stratum_of(row), []).append(id_of(row))
    sizes = dict(zip(strata, _sizes([len(each) for each in strata.values()], count), strict=True))
    return [each for name, ids in strata.items() for each in draw(ids, sizes[name], seed)]


def _sizes(there: Sequence[int], count: int) -> list[int]:
    """How many of each, level by level: the smallest first, so that what they lack goes to the larger ones."""
    given = [0] * len(there)
    left = count
    order = sorted(range(len(there)), key=there.__getitem__)
    for done, at in enumerate(order):
        given[at] = min(there[at], left // (len(order) - done))
        left -= given[at]
    for at in order:  # what did not divide evenly
        more = min(1 if left else 0, there[at] - given[at])
        given[at], left = given[at] + more, left - more
    return given
