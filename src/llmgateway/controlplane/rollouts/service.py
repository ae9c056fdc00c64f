"""Everything about rollouts that the control plane keeps together, and what is asked of it."""

from collections.abc import Callable
from typing import Any, Final

from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.changes import Changes
from llmgateway.controlplane.refused import RefusedError
from llmgateway.controlplane.reload import Reloader
from llmgateway.controlplane.rollouts import shown
from llmgateway.controlplane.rollouts.conductor import Conductor
from llmgateway.controlplane.rollouts.filing import Filing
from llmgateway.controlplane.rollouts.people import Rollouts
from llmgateway.domain.clock import Clock
from llmgateway.ports.rollouts import RolloutRecord
from llmgateway.ports.store import Body, Store

MAX_SAID: Final = 20_000  # characters of a body that are shown


class RolloutService:
    """`people` acts, the rest shows. Raises RefusedError and StoreError."""

    def __init__(self, store: Store, conductor: Conductor, snapshot: Callable[[], Snapshot], clock: Clock) -> None:
        self._store = store
        self._conductor = conductor
        self._clock = clock
        self._filing: Filing | None = None
        self.people = Rollouts(store, conductor, snapshot, clock)

    def files_with(self, changes: Changes | None, reloader: Reloader) -> Filing:
        """Make who writes into the configuration what came of rollouts."""
        self._filing = Filing(self._conductor, changes, reloader)
        return self._filing

    async def every(self, route: str | None, limit: int) -> list[dict[str, Any]]:
        """The newest first."""
        return [shown.head(each) for each in await self._store.rollouts(route, limit=limit)]

    async def shown(self, route: str) -> dict[str, Any]:
        """The one that runs; else the last one, without figures."""
        found = self._conductor.running.get(route)
        if found is None:
            return shown.head(await self._last(route))
        evidence, people = await self._conductor.evidence(found), await self._conductor.people(found)
        error = self._filing.errors.get(route) if self._filing is not None else None
        return shown.shown(found, evidence, people, self._clock.time(), error)

    async def explained(self, route: str, language: str) -> list[str]:
        """What the one that runs needs, and what its figures mean, in sentences."""
        found = self.people.found(route)
        evidence, people = await self._conductor.evidence(found), await self._conductor.people(found)
        return shown.explained(found, evidence, people, self._clock.time(), language)

    async def history(self, route: str, rollout: str | None) -> dict[str, Any]:
        """Every move of one."""
        record = await self._last(route, rollout)
        rows = await self._store.transitions(record.id)
        return {"rollout": shown.head(record), "transitions": [shown.moved(each) for each in rows]}

    async def exemplars(self, route: str, author: str) -> list[dict[str, Any]]:
        """Some of the candidate's exchanges with what was said, noted as seen."""
        rows = await self.people.exemplars(route, author)
        bodies = await self._store.bodies([row["seq"] for row in rows])
        return [shown.exemplar(row, _said(bodies.get(row["seq"], []))) for row in rows]

    async def _last(self, route: str, rollout: str | None = None) -> RolloutRecord:
        found = await self._store.rollouts(route, limit=1 if rollout is None else 1_000)
        for each in found:
            if rollout in (None, each.id):
                return each
        raise RefusedError(404, "rollout_not_found", f"There was no such rollout on {route}.")


def _said(bodies: list[Body]) -> dict[str, str]:
    return {
        body.kind: body.content.decode("utf-8", "replace")[:MAX_SAID]
        for body in bodies
        if body.content is not None and body.kind != "events"
    }
