"""Goes through the store for a rollback's bundle: history, counts, and the exchanges that are to be exemplars."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from llmgateway.config.rollouts import MetricName
from llmgateway.controlplane.readable import readable
from llmgateway.controlplane.rollouts.bundle import Findings, bundle, copied, exemplar
from llmgateway.controlplane.rollouts.records import Running
from llmgateway.domain.scorerule import ScoreRule
from llmgateway.ports.scores import WantedScores
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
        said = await self._said()
        who = ended.record.id, ended.record.candidate
        for _ in range(LOOK // PAGE):
            rows = await self._store.assigned_rows(*who, limit=PAGE, before=before)
            for start in range(0, len(rows), BODIES):
                batch = rows[start : start + BODIES]
                bodies = await self._bodies(batch)
                made = [exemplar(ended, row, bodies.get(row["seq"], ())) for row in batch]
                seen += [replace(each, bad=(*each.bad, *said.get(each.id, ()))) for each in made if each is not None]
            if len(rows) < PAGE:
                break
            before = rows[-1]["id"]
        return seen

    async def _said(self) -> Mapping[str, list[str]]:
        """In which metrics words that people, judges or programs have of an exchange say that it was bad."""
        found: dict[str, list[str]] = {}
        for metric, rule in self._ended.policy.scores.items():
            for exchange in await self._called_bad(rule):
                found.setdefault(exchange, []).append(metric)
        return found

    async def _called_bad(self, rule: ScoreRule) -> set[str]:
        """The candidate's exchanges of which the last words are bad ones."""
        wanted = WantedScores(
            route=self._ended.route,
            version=self._ended.record.candidate,
            name=rule.name,
            source_kind=rule.source_kind,
            source_id=rule.source_id,
        )
        found: set[str] = set()
        before: int | None = None
        for _ in range(LOOK // PAGE):
            scores = await self._store.scores(wanted, limit=PAGE, before=before)
            ours = [each for each in scores if rule.reads(each)]  # a judge of the same name may be another one by now
            found |= {each.exchange_id for each in ours if each.exchange_id is not None and rule.is_bad(each)}
            if len(scores) < PAGE:
                break
            before = scores[-1].seq
        return found

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
        return await readable(self._store, [row["seq"] for row in rows])
