"""The rollouts that run, as the store has them: their evidence, what people have said, and those that can't be read."""

import logging
from dataclasses import replace
from typing import Protocol

from llmgateway.controlplane.rollouts.preflight import standing
from llmgateway.controlplane.rollouts.records import Running, approval_of, evidence_of
from llmgateway.controlplane.rollouts.trusting import Labels, Trusting
from llmgateway.controlplane.rollouts.unreadable import Unreadable, read
from llmgateway.domain.clock import Clock, Steady
from llmgateway.domain.review import Concern
from llmgateway.ports.rollouts import RolloutReader, RolloutRecord, RolloutWriter
from llmgateway.ports.store import StoreError
from llmgateway.rollout.evidence import Evidence
from llmgateway.rollout.rollout import People
from llmgateway.routing.staged import StagedWeight

log = logging.getLogger(__name__)


class RolloutStore(RolloutReader, RolloutWriter, Labels, Protocol):
    """The part of the store that is needed here."""

    async def open_concerns(self, route: str, *versions: str) -> list[Concern]: ...


class Shelf:
    """`running`, `lost`: by route. What is lost and still running was read, and can't be decided on."""

    def __init__(self, store: RolloutStore, clock: Clock) -> None:
        self._store = store
        self.clock = Steady(clock)  # what rollouts last is not to hang on how a clock is set
        self._trusting = Trusting(store, clock)
        self._stale: set[str] = set()  # rollouts whose evidence has grown in the store
        self.known: dict[str, Evidence] = {}  # as read last, by rollout
        self.running: dict[str, Running] = {}
        self.lost: dict[str, Unreadable] = {}

    def weights(self) -> dict[str, StagedWeight]:
        """What workers go by, by route: what can't be read keeps the weight that it had."""
        frozen = {route: each.weight for route, each in self.lost.items() if each.weight is not None}
        return frozen | {route: each.weight() for route, each in self.running.items()}

    def candidate(self, route: str) -> str | None:
        """Which version of a route is tried out just now. One that can't be read still tries it: its weight holds."""
        found = self.running.get(route) or self.lost.get(route)
        return None if found is None else found.record.candidate

    async def evidence(self, of: Running) -> Evidence:
        """What has been counted so far; raises StoreError."""
        name = of.record.id
        known = self.known.get(name)
        if known is None or name in self._stale:
            self._stale.discard(name)  # first: what comes meanwhile is for the next time
            try:
                counts, weights = await self._store.epoch_counts(name)
                trust = await self._trusting.of(of.policy.scores)
            except StoreError:
                self._stale.add(name)
                raise
            known = self.known[name] = replace(evidence_of(counts, weights, of.rollout.epoch), trust=trust)
        return known

    async def people(self, of: Running, actor: str = "") -> People:
        """What people have said and done; raises StoreError."""
        return await _people(self._store, of.record, actor)

    async def _read_running(self) -> None:
        now = self.clock.time()
        found = [await read(record, self._store, now) for record in await self._store.running_rollouts()]
        self.running = {each.route: _begun(each, now) for each in found if isinstance(each, Running)}
        self._stale = {each.record.id for each in self.running.values()}
        lost = [each for each in found if isinstance(each, Unreadable)]
        self.lost = {each.route: self.lost[each.route] for each in lost if each.route in self.lost}
        for each in lost:
            self._lose(each)

    def _lose(self, lost: Unreadable) -> None:
        """Take note that one can't be decided on, as it stands now. Logged once, however often it is found."""
        before = self.lost.get(lost.route)
        if before is not None and before.record.id == lost.record.id:
            self.lost[lost.route] = replace(lost, at=before.at)
            return
        self.lost[lost.route] = lost
        log.error("%s", lost.told)


def _begun(of: Running, now: float) -> Running:
    return replace(of, rollout=of.rollout.begun_by(now))


async def _people(store: RolloutStore, record: RolloutRecord, actor: str) -> People:
    has_passed, waiver = standing(record)
    return People(
        approvals=tuple(map(approval_of, await store.approvals(record.id))),
        open_concerns=len(await store.open_concerns(record.route, record.candidate, record.version_hash)),
        seen=await store.exemplars_seen(record.id, actor) if actor else 0,
        has_passed_preflight=has_passed,
        waiver=waiver,
    )
