"""One worker as control sees it: its latest status, checked field by field."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from llmgateway.controlplane.tally import number

STALE_S: Final = 5.0  # no status for this long: the worker hangs, or its machine does


@dataclass(frozen=True, slots=True)
class WorkerState:
    """Who it is, which configuration it serves, and its gauges. `seen` is monotonic seconds."""

    slot: int
    pid: int
    incarnation: str
    generation: int
    revision: str | None
    seen: float
    gauges: Mapping[str, Any]

    @classmethod
    def read(cls, fields: Mapping[str, Any], now: float) -> "WorkerState | None":
        """Read a status frame; None if it does not say who is speaking."""
        slot, pid, incarnation = fields.get("slot"), fields.get("pid"), fields.get("incarnation")
        generation, revision, gauges = fields.get("generation"), fields.get("revision"), fields.get("gauges")
        if not (isinstance(slot, int) and isinstance(pid, int) and isinstance(generation, int)):
            return None
        if not isinstance(incarnation, str) or not 0 < len(incarnation) <= 200:
            return None
        named = revision if isinstance(revision, str) else None
        return cls(slot, pid, incarnation, generation, named, now, gauges if isinstance(gauges, dict) else {})

    def is_stale(self, now: float) -> bool:
        return now - self.seen > STALE_S

    def gauge(self, name: str) -> float:
        """A plain gauge, such as `connections`."""
        return number(self.gauges.get(name))

    def word(self, name: str) -> str:
        """A gauge that is a word or a sentence, such as `unready`; empty if there is none."""
        value = self.gauges.get(name)
        return value[:200] if isinstance(value, str) else ""

    def by_name(self, name: str) -> dict[str, float]:
        """A gauge with one label, such as `in_flight` by route."""
        values = self.gauges.get(name)
        return {str(key): number(value) for key, value in values.items()} if isinstance(values, dict) else {}

    def pools(self) -> dict[str, dict[str, float]]:
        """The connection pools by backend."""
        pools = self.gauges.get("pools")
        if not isinstance(pools, dict):
            return {}
        return {
            str(name): {str(key): number(value) for key, value in pool.items()}
            for name, pool in pools.items()
            if isinstance(pool, dict)
        }
