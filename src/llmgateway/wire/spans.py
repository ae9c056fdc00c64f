"""Matches that may lie over each other, turned into findings that do not."""

from collections.abc import Iterable

from llmgateway.domain.verdict import Finding


def laid(matches: Iterable[tuple[int, int, str]], start: int = 0) -> list[Finding]:
    """Turn (start, end, kind) into findings from `start` on, in order, none over another, all of the text covered.

    What lies inside another match is dropped; what begins inside one begins where that ends. So a finding depends on
    matches that touch it and on nothing before them, and no later match changes one that began before it: both of a
    guardrail's laws hold if they hold for the matches.
    """
    findings = []
    reached = 0
    for begin, end, kind in sorted(matches, key=_order):
        if end > reached:
            if max(begin, reached) >= start:
                findings.append(Finding(max(begin, reached), end, kind))
            reached = end
    return findings


def _order(match: tuple[int, int, str]) -> tuple[int, int]:
    return match[0], -match[1]
