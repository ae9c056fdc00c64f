"""What a chain did in one exchange, for its record: which guardrail, which kind, how often. Never what was found."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from llmgateway.domain.verdict import Stage
from llmgateway.guarding.chain import Hit, Linked


@dataclass(slots=True)
class Notes:
    """Counts by link, stage and kind. `has_found`: somebody found something, silent ones included."""

    counts: dict[tuple[Linked, Stage, str], int] = field(default_factory=dict)
    has_found: bool = False

    def add(self, stage: Stage, hits: Iterable[Hit]) -> None:
        """Count these."""
        counts = self.counts
        for hit in hits:
            self.has_found = True
            if not hit.link.is_silent:
                key = (hit.link, stage, hit.kind)
                counts[key] = counts.get(key, 0) + 1

    def take(self, other: "Notes") -> None:
        """Add what somebody else counted."""
        self.has_found = self.has_found or other.has_found
        for key, count in list(other.counts.items()):
            self.counts[key] = self.counts.get(key, 0) + count

    def at_least(self, other: "Notes") -> None:
        """Know of what somebody else counted who may have seen the same again: of both counts the higher holds."""
        self.has_found = self.has_found or other.has_found
        for key, count in list(other.counts.items()):
            self.counts[key] = max(self.counts.get(key, 0), count)

    def rows(self) -> list[dict[str, str | int]]:
        """As the journal has it."""
        return [
            {
                "guardrail": link.name,
                "plugin": link.guardrail.name,
                "version": link.guardrail.version,
                "stage": stage,
                "action": link.action,
                "mode": link.mode,
                "kind": kind,
                "count": count,
            }
            for (link, stage, kind), count in list(self.counts.items())
        ]
