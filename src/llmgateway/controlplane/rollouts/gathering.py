"""Goes through the store for a rollback's bundle: history, counts, and the exchanges that are to be exemplars."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from llmgateway.config.rollouts import MetricName
from llmgateway.controlplane.rollouts.bundle import Findings, bundle, copied, exemplar
from llmgateway.controlplane.rollouts.records import Running
from llmgateway.ports.store import Body, Row, Store, Wanted
from llmgateway.rollout.exemplars import Exemplar, drawn

LOOK: Final = 10_000  # of the candidate's exchanges, the newest; as many copies
PAGE: Final = 500
BODIES: Final = 50  # exchanges whose bodies are read together


class Gathering:
    """Of one rollout that was rolled back. Raises StoreError."""

    def __init__(self, store: Store, ended: Running) -> None:
        self._store = store
        self._ended = ended

    async def bundle(self) -> dict[str, Any]:
        """All of it. LookupError, TypeError or ValueError where the history can't be read."""
        ended, record = self._ended, self._ended.record
        rows = await self._store.transitions(record.id)
        counts, weights = await self._store.epoch_counts(record.id)
        found = Findings(rows, counts, weights)
        generation = await self._store.generation(found.cause.generation)
        critical = frozenset(metric.name for metric in ended.rollout.plan.critical())
        seen = await self._seen()
        if (during := found.shadowed) is not None:
            seen += await self._copies(*during)
        chosen = drawn(seen, critical, record.id)
        return bundle(ended, found, generation, chosen)

    async def _seen(self) -> list[Exemplar]:
        """The candidate's last exchanges, each with what was bad about it."""
        ended, seen, before = self._ended, list[Exemplar](), None
        who = ended.record.id, ended.record.candidate
        for _ in range(LOOK // PAGE):
            rows = await self._store.assigned_rows(*who, limit=PAGE, before=before)
            for start in range(0, len(rows), BODIES):
                batch = rows[start : start + BODIES]
                bodies = await self._bodies(batch)
                made = [exemplar(ended, row, bodies.get(row["seq"], ())) for row in batch]
                seen += [each for each in made if each is not None]
            if len(rows) < PAGE:
                break
            before = rows[-1]["id"]
        return seen

    async def _copies(self, since: float, until: float) -> list[Exemplar]:
        """The last copies of the rollout's shadow, each with what was bad about the candidate's answer."""
        ended, seen, before = self._ended, list[Exemplar](), None
        wanted = Wanted(route=ended.route, since=since, until=until)
        for _ in range(LOOK // BODIES):
            pairs = await self._store.pairs(wanted, limit=BODIES, before=before)
            bodies = await self._bodies([copy for _, copy in pairs])
            made = [copied(ended, row, copy, bodies.get(copy["seq"], ())) for row, copy in pairs]
            seen += [each for each in made if each is not None]
            if len(pairs) < BODIES:
                break
            before = pairs[-1][1]["shadow_of"]
        return seen

    async def _bodies(self, rows: Sequence[Row]) -> Mapping[int, Sequence[Body]]:
        """What was answered, where a metric has to see it."""
        if MetricName.REFUSAL not in self._ended.policy.metrics:
            return {}
        return await self._store.bodies([row["seq"] for row in rows])
