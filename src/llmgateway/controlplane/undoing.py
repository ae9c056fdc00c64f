"""Takes events back: what the gateway did by itself, a person undoes, by the very code that does it by hand."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from llmgateway.config.edit import with_weights
from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.byhand import ByHand
from llmgateway.controlplane.changes import Changes, Order
from llmgateway.controlplane.drift.watch import DriftWatch
from llmgateway.controlplane.refused import RefusedError
from llmgateway.controlplane.rollouts.service import RolloutService
from llmgateway.domain.clock import Clock
from llmgateway.domain.event import GatewayEvent
from llmgateway.domain.undo import UndoAct
from llmgateway.ports.rollouts import RolloutRecord
from llmgateway.ports.store import Store
from llmgateway.telemetry.redact import one_line

_ON_RUNNING: Final = frozenset({UndoAct.PAUSE, UndoAct.RESUME, UndoAct.ROLLBACK})

log = logging.getLogger(__name__)
Act = Callable[[str, str, str], Awaitable[Any]]


class Undoing:
    """`undo` raises RefusedError with a sentence for whoever asked, or what the act itself raises."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        snapshot: Callable[[], Snapshot],
        *,
        backends: ByHand,
        rollouts: RolloutService | None,
        changes: Changes | None,
        drift: DriftWatch | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._snapshot = snapshot
        self._backends = backends
        self._rollouts = rollouts
        self._changes = changes
        self._drift = drift
        self._turn = asyncio.Lock()  # what two ask for at once is done once

    async def undo(self, event_id: str, author: str, reason: str) -> GatewayEvent:
        """Take an event back, and note who did; gives the event as it is then."""
        if not reason.strip():
            raise RefusedError(422, "reason_missing", "Say why it is taken back: the parameter reason.")
        async with self._turn:
            event = await self.event(event_id)
            await self._act(UndoAct(_possible(event)["act"]), event, author, reason)
            await self._store.note_undone(event_id, author, self._clock.time())
        return await self.event(event_id)

    async def event(self, event_id: str) -> GatewayEvent:
        """One event; raises RefusedError where there is none."""
        event = await self._store.event(event_id)
        if event is None:
            raise RefusedError(404, "event_not_found", f"There is no event {event_id}.")
        return event

    async def _act(self, act: UndoAct, event: GatewayEvent, author: str, reason: str) -> None:
        undo = event.undo or {}
        if act is UndoAct.HEAL:
            await self._heal(undo["backend"])
            log.info("backend %s healed by %s: %s", undo["backend"], author, one_line(reason))
        elif act is UndoAct.DRIFT:
            await self._begin_anew(undo, author)
        elif act is UndoAct.WEIGHTS:
            await self._weigh(undo, author, reason)
        else:
            rollouts = self._known()
            await self._stands(act, undo, rollouts)
            people = rollouts.people
            acts: Mapping[UndoAct, Act] = {
                UndoAct.START: people.start,
                UndoAct.PAUSE: people.pause,
                UndoAct.RESUME: people.resume,
                UndoAct.ROLLBACK: people.rollback,
            }
            await acts[act](undo["route"], author, reason)

    async def _heal(self, backend: str) -> None:
        try:
            await self._backends.heal(backend)
        except KeyError:
            raise RefusedError(404, "backend_not_found", f"No backend is called {backend} any more.") from None

    async def _begin_anew(self, undo: Mapping[str, Any], author: str) -> None:
        route, version = undo["route"], undo["version"]
        if self._drift is None or not await self._drift.begin_anew(route, version, author, undo["id"]):
            message = f"The version {version} of {route} is not the one that this event is of, or is not watched."
            raise RefusedError(409, "moved_on", message)

    async def _weigh(self, undo: Mapping[str, Any], author: str, reason: str) -> None:
        route, changes = undo["route"], self._changes
        if changes is None:
            raise RefusedError(409, "config_read_only", "The configuration can't be changed here.")
        await self._stands(UndoAct.WEIGHTS, undo, self._known())
        known = self._snapshot().routes.get(route)
        now = {each.name: each.weight for each in known.versions} if known is not None else {}
        if any((weight > 0) is (now.get(name, weight) > 0) for name, weight in undo["weights"].items()):
            raise moved_on(route)
        path, order = str(changes.file.path), Order(author=author, reason=reason, keeps_versions=True)
        await changes.make(lambda text: with_weights(text, path, route, undo["weights"]), order)

    async def _stands(self, act: UndoAct, undo: Mapping[str, Any], rollouts: RolloutService) -> None:
        """Raise RefusedError unless the rollout is where the event left it."""
        route = undo["route"]
        running = rollouts.conductor.running.get(route)
        if act in _ON_RUNNING:
            place = (running.record.id, running.record.revision) if running is not None else None
        elif running is not None and running.record.id == undo["rollout"]:
            raise RefusedError(409, "not_yet", "The file does not say yet what came of the rollout: ask again soon.")
        else:
            last = [] if running is not None else await self._store.rollouts(route, limit=1)
            place = (last[0].id, undo["revision"]) if last and self._has_versions(act, last[0]) else None
        if place != (undo["rollout"], undo["revision"]):
            raise moved_on(route)

    def _has_versions(self, act: UndoAct, ended: RolloutRecord) -> bool:
        """Whether the configuration has the version that `act` would give traffic, and nothing else in its place."""
        route = self._snapshot().routes.get(ended.route)
        ids = {version.name: version.id for version in route.versions} if route is not None else {}
        if act is UndoAct.WEIGHTS:
            return ids.get(ended.stable) == ended.stable_hash
        is_begun = route is not None and route.rollout is not None and route.rollout.candidate == ended.candidate
        return is_begun and ids.get(ended.candidate) == ended.version_hash

    def _known(self) -> RolloutService:
        if self._rollouts is None:
            raise RefusedError(409, "no_rollouts", "Nothing rolls out here.")
        return self._rollouts


def moved_on(route: str) -> RefusedError:
    """Somebody, or something, has been there since."""
    message = (
        f"The rollout on {route} is not where this event left it, or its versions are others now: "
        f"`llmgateway rollout status {route}` tells."
    )
    return RefusedError(409, "moved_on", message)


def _possible(event: GatewayEvent) -> Mapping[str, Any]:
    """What takes an event back; raises RefusedError where nothing does."""
    if event.undo is None:
        raise RefusedError(409, "nothing_to_undo", f"Nothing takes this back: {event.text}")
    if event.undone_at is not None:
        raise RefusedError(409, "undone_already", f"{event.undone_by} has taken this back already.")
    if event.cleared_at is not None:
        raise RefusedError(409, "over_already", "It is over: there is nothing left to take back.")
    return event.undo
