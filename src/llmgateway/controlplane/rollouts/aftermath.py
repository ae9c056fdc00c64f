"""What follows a rollback: its bundle is kept, its exemplars go to the review queue and into the regression dataset.

Killed anywhere in between, the next control goes on where the store is. The bundle names the exemplars and is written
once; an item of the queue goes by its exchange and reason, a dataset's version by its rollout, so none comes twice.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Any, Final

from llmgateway.controlplane.patience import Waiting
from llmgateway.controlplane.reviewing import Order, Reviewing, Subject
from llmgateway.controlplane.rollouts.preflight import is_kept
from llmgateway.controlplane.rollouts.records import running
from llmgateway.domain.clock import Clock
from llmgateway.domain.review import Reason
from llmgateway.ports.aftermath import Aftermath
from llmgateway.ports.datasets import DatasetError
from llmgateway.ports.reviews import Added
from llmgateway.ports.rollouts import RolloutRecord
from llmgateway.ports.store import Store
from llmgateway.rollout.exemplars import Exemplar

UNFILED_S: Final = 60.0  # a rollout that the file can't be written for is not waited for any longer
AT_ONCE: Final = 100  # rollouts in one look
AGAIN_S: Final = 5.0  # where something is still to be done
FULL_S: Final = 60.0  # where that is for want of room: each try goes through a dataset
PRIORITY: Final = 5  # before what is drawn at random

log = logging.getLogger(__name__)


class Follower:
    """One task calls `run`. `clock`: the rollouts'; `wall`: it dates what is kept. `errors`: why a rollback has not
    been followed yet, by rollout.
    """

    def __init__(self, store: Store, reviewing: Reviewing, clock: Clock, wall: Clock) -> None:
        self._store = store
        self._reviewing = reviewing
        self._clock = clock
        self._wall = wall
        self._wake = asyncio.Event()
        self.waiting = Waiting("what follows rollbacks waits")
        self.errors: dict[str, str] = {}

    def wake(self) -> None:
        """Look soon: a rollout was rolled back, or filed."""
        self._wake.set()

    async def run(self) -> None:
        """Follow every rollback, for as long as the gateway runs. Sleeps while there is none."""
        while True:
            self._wake.clear()
            is_all = False
            with self.waiting:
                is_all = await self.look()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if is_all else FULL_S if self.errors else AGAIN_S):
                    await self._wake.wait()

    async def look(self) -> bool:
        """Do what is to be done now; tells whether nothing is left. Raises StoreError."""
        found = await self._store.unfollowed(limit=AT_ONCE)
        done = [await self._try(record) for record in found]
        return all(done) and len(found) < AT_ONCE

    async def _try(self, record: RolloutRecord) -> bool:
        """Follow one rollback, if it is time."""
        if not self._is_due(record):
            return False
        try:
            await self._follow(record)
        except DatasetError as error:  # there is no room, until somebody erases some
            if self.errors.get(record.id) != str(error):
                log.warning("the rollback of rollout %s waits for the regression dataset: %s", record.id, error)
            self.errors[record.id] = str(error)
            return False
        self.errors.pop(record.id, None)
        return True

    def _is_due(self, record: RolloutRecord) -> bool:
        """Whether all it assigned is counted, or nobody can say when that will be."""
        since = record.place.get("since")
        waited = self._clock.time() - since if isinstance(since, int | float) else UNFILED_S
        return record.filed is not None or not 0 <= waited < UNFILED_S  # a clock that was set back is no reason to wait

    async def _follow(self, record: RolloutRecord) -> None:
        from llmgateway.controlplane.rollouts.regression import Regression

        kept = await self._store.aftermath(record.id) or await self._keep(record)
        exemplars = [
            Exemplar(each["exchange_id"], "", tuple(each["bad"]), each["copy_id"])
            for each in kept.bundle.get("exemplars", ())
        ]
        outcome: dict[str, Any] = {"review": await self._queue(record, exemplars), "dataset": None}
        if is_kept(record):
            outcome["dataset"] = await Regression(self._store).grow(record, exemplars, kept.at)
        await self._store.finish_aftermath(record.id, outcome, self._wall.time())
        log.info("rollout %s of %s was rolled back: %d exemplars", record.id, record.route, len(exemplars))

    async def _keep(self, record: RolloutRecord) -> Aftermath:
        """Put the bundle together, and keep it; of a rollout that can't be read that is an empty one."""
        from llmgateway.controlplane.rollouts.gathering import Gathering

        try:
            made = await Gathering(self._store, running(record)).bundle()
        except (LookupError, TypeError, ValueError):
            log.exception("rollout %s of %s can't be read: its bundle is empty", record.id, record.route)
            made = {}
        return await self._store.add_aftermath(Aftermath(record.id, self._wall.time(), made))

    async def _queue(self, record: RolloutRecord, exemplars: list[Exemplar]) -> dict[str, Any]:
        """Put them into the queue: a copy beside its primary, as a blind pair."""
        order = Order(Reason.ROLLBACK, f"rollout {record.id}", priority=PRIORITY)
        whole = Added(0, 0, 0)
        for is_pair in (False, True):
            subjects = [Subject(each.id, each.copy) for each in exemplars if (each.copy is not None) is is_pair]
            if subjects:
                _, added = await self._reviewing.add(subjects, order)
                whole = Added(*(one + other for one, other in zip(whole, added, strict=True)))
        return whole._asdict()
