"""What a chain did in one exchange, for its record: which guardrail, which kind, how often. Never what was found."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from llmgateway.domain.verdict import Stage
from llmgateway.guarding.chain import Hit, Link


@dataclass(slots=True)
class Notes:
    """Counts by link, stage and kind, and the seconds that judging took."""

    counts: dict[tuple[Link, Stage, str], int] = field(default_factory=dict)
    took_s: float = 0.0

    def add(self, stage: Stage, hits: Iterable[Hit]) -> None:
        counts = self.counts
        for hit in hits:
            key = (hit.link, stage, hit.kind)
            counts[key] = counts.get(key, 0) + 1

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
            for (link, stage, kind), count in self.counts.items()
        ]
