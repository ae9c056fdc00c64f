"""Of findings that overlap, the longest one stays."""

from collections.abc import Iterable, Iterator
from typing import Final

from llmgateway.domain.verdict import Finding

Rank = tuple[int, float, int, str]

_NEAR: Final = 32  # findings before one that may reach into it


def resolve(candidates: Iterable[Finding]) -> list[Finding]:
    """Drop each finding that a better one overlaps, also where the better one is dropped for a third.

    So what stays depends on nothing but a finding's own neighbours, wherever one began to read.
    """
    ordered = sorted(candidates)
    if all(map(_apart, ordered, ordered[1:])):
        return ordered
    return [found for cluster in _clusters(ordered) for found in _unbeaten(cluster)]


def _apart(first: Finding, second: Finding) -> bool:
    return first.end <= second.start


def _clusters(ordered: list[Finding]) -> Iterator[list[Finding]]:
    """What hangs together by overlaps."""
    cluster: list[Finding] = []
    reached = 0
    for found in ordered:
        if found.start >= reached and cluster:
            yield cluster
            cluster = []
        cluster.append(found)
        reached = max(reached, found.end)
    yield cluster


def _unbeaten(cluster: list[Finding]) -> list[Finding]:
    if len(cluster) == 1:
        return cluster
    ordered = sorted(set(cluster))
    ranks = list(map(_rank, ordered))
    return [found for at, found in enumerate(ordered) if not _beaten(ordered, ranks, at)]


def _beaten(ordered: list[Finding], ranks: list[Rank], at: int) -> bool:
    mine, rank = ordered[at], ranks[at]
    for other in range(max(0, at - _NEAR), at):
        if ordered[other].end > mine.start and ranks[other] > rank:
            return True
    for other in range(at + 1, len(ordered)):
        if ordered[other].start >= mine.end:
            break
        if ranks[other] > rank:
            return True
    return False


def _rank(found: Finding) -> Rank:
    return found.end - found.start, found.score, -found.start, found.kind
