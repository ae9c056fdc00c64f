"""Of findings that overlap, the longest one stays."""

from collections.abc import Iterable
from typing import Final

from llmgateway.domain.verdict import Finding

_NEAR: Final = 32  # findings before one that may reach into it


def resolve(candidates: Iterable[Finding]) -> list[Finding]:
    """Drop each finding that a better one overlaps, also where the better one is dropped for a third.

    So what stays depends on nothing but a finding's own neighbours, wherever one began to read.
    """
    ordered = sorted(candidates)
    if all(map(_apart, ordered, ordered[1:])):
        return ordered
    ordered = sorted(set(ordered))
    return [found for at, found in enumerate(ordered) if not _beaten(ordered, at)]


def _apart(first: Finding, second: Finding) -> bool:
    return first.end <= second.start


def _beaten(ordered: list[Finding], at: int) -> bool:
    mine = ordered[at]
    rank = _rank(mine)
    for other in reversed(ordered[max(0, at - _NEAR) : at]):
        if other.end > mine.start and _rank(other) > rank:
            return True
    for other in ordered[at + 1 :]:
        if other.start >= mine.end:
            break
        if _rank(other) > rank:
            return True
    return False


def _rank(found: Finding) -> tuple[int, float, int, str]:
    return found.end - found.start, found.score, -found.start, found.kind
