"""What guardrails found, by kind and by what followed, where it was enforced and where it was only observed. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from llmgateway.domain.verdict import Mode
from llmgateway.ports.report import Found

MAX_FINDINGS: Final = 40  # the most frequent


@dataclass(frozen=True, slots=True)
class Finding:
    """In how many exchanges a guardrail found one kind at one stage: with the action taken, and without."""

    guardrail: str
    stage: str
    kind: str
    action: str
    enforced: int
    observed: int
    places: int

    @property
    def exchanges(self) -> int:
        return self.enforced + self.observed


@dataclass(frozen=True, slots=True)
class Findings:
    """The findings of one route, the most frequent first."""

    lines: Sequence[Finding]
    left_out: int


def findings_of(found: Iterable[Found]) -> Findings:
    """Add up what the store has counted of one route."""
    counts: defaultdict[tuple[str, str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for each in found:
        told = counts[each.guardrail, each.stage, each.kind, each.action]
        told[each.mode != Mode.ENFORCE] += each.exchanges
        told[2] += each.places
    lines = [Finding(*key, *told) for key, told in counts.items()]
    lines.sort(key=lambda each: (-each.exchanges, each.guardrail, each.kind, each.action))
    return Findings(lines[:MAX_FINDINGS], max(0, len(lines) - MAX_FINDINGS))
