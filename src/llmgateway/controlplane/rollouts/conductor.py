"""Conducts the rollouts that run: looks at their evidence each second and after each batch, moves them, tells workers.

A move is in the store before anybody hears of it. Killed at any moment, the next control reads the store and goes on:
the weights there are those that workers have, or are told then. Workers keep theirs meanwhile.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn, Protocol

from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.patience import Waiting
from llmgateway.controlplane.rollouts.eventful import automatic
from llmgateway.controlplane.rollouts.pairtally import pair_tallies
from llmgateway.controlplane.rollouts.records import Running, running
from llmgateway.controlplane.rollouts.shelf import RolloutStore, Shelf
from llmgateway.controlplane.rollouts.tally import tallies
from llmgateway.controlplane.rollouts.turns import Turns
from llmgateway.controlplane.rollouts.unreadable import Unreadable, why_of
from llmgateway.controlplane.rollouts.watchfile import Watchfile
from llmgateway.domain.clock import Clock
from llmgateway.domain.event import GatewayEvent
from llmgateway.ports.rollouts import RolloutRecord, Tally, TransitionRecord
from llmgateway.ports.store import Entry, StoreError
from llmgateway.rollout.decide import decide
from llmgateway.rollout.evidence import Evidence
from llmgateway.rollout.rollout import TERMINAL, UNASKED, People, State
from llmgateway.rollout.states import TABLE, Event, Occurrence, Refused, follow

TICK_S: Final = 1.0
MOST_MOVES: Final = 8  # of one rollout in one look; then the others have their turn
UNHEARD_S: Final = 5.0  # workers that are not connected are not waited for any longer
_TELLING: Final = frozenset({State.PROMOTING, State.ROLLING_BACK})

log = logging.getLogger(__name__)
OnMove = Callable[[Running, TransitionRecord], None]
OnLooked = Callable[[Mapping[str, Unreadable]], None]


class Workers(Protocol):
    """Who is told the weights (controlplane.link.Links)."""

    @property
    def is_whole(self) -> bool: ...
    def weigh(self, routes: Mapping[str, object]) -> str: ...
    def is_weighed(self, name: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody wants: the event, who, and why."""

    event: Event
    actor: str = ""
    reason: str = ""


class Conductor(Shelf):
    """Moves the rollouts on the shelf. One task calls `run`; whoever moves a rollout holds its turn meanwhile."""

    def __init__(
        self,
        store: RolloutStore,
        workers: Workers,
        snapshot: Callable[[], Snapshot],
        clock: Clock,
        *,
        on_move: OnMove = lambda _, __: None,
        on_event: Callable[[GatewayEvent], None] = lambda _: None,
        watch: Watchfile | None = None,
    ) -> None:
        super().__init__(store, clock)
        self._watch = watch or Watchfile(None, clock)
        self._unwatched: set[str] = set()  # routes whose rollouts went on while no control was there
        self._workers = workers
        self.wall = clock  # what is told to people goes by it
        self._snapshot = snapshot
        self.on_looked: OnLooked = lambda _: None  # with those that are lost
        self._on_move = on_move
        self._on_event = on_event
        self._waiting = Waiting("the rollouts wait")
        self._told, self._told_at = "", self.clock.monotonic()
        self._turns = Turns(self._read_again)
        self.wake = asyncio.Event()
        self.is_loaded = False
        self.ticked_at = 0.0  # Unix time of the last look at all of them

    # --- the ingester's side

    async def load(self) -> None:
        """Take up where the store is; raises StoreError."""
        async with self._turns.turn():
            if not self.is_loaded:
                await self._store.hear_until(self.clock.time())
                await self._read_running()
                self._unwatched = set(self.running) if self._watch.was_lost() else set()
                self.is_loaded = True
        self.tell()
        self.wake.set()

    def tallies(self, entries: Sequence[Entry]) -> list[Tally]:
        """What a batch adds to the evidence."""
        ours, at = list(self.running.values()), self.clock.time()
        return [
            *tallies(entries, {each.record.id: each for each in ours}, at),
            *pair_tallies(entries, ours, self._snapshot(), at, self.clock.ahead),
        ]

    def counted(self, added: Sequence[Tally]) -> None:
        """Hear that a batch is in the store, with what it added."""
        if added:
            self._stale.update(each.rollout for each in added)
            self.wake.set()

    # --- looking and moving

    async def run(self) -> None:
        """Look at all rollouts each second and whenever there is news. StoreErrors wait for the next look."""
        while not self.is_loaded:
            await self.wake.wait()
            self.wake.clear()
        try:
            while True:
                await self._look_again()
        finally:
            self._watch.close()

    async def _look_again(self) -> None:
        """One look, and the wait for the next."""
        with self._waiting:
            await self.look()
        try:
            async with asyncio.timeout(TICK_S):
                await self.wake.wait()
        except TimeoutError:
            pass
        self.wake.clear()

    async def look(self) -> None:
        """Move every rollout as far as evidence and time take it."""
        # scores are counted by the store itself, whoever brings them: nobody says when
        self._stale.update(each.record.id for each in self.running.values() if each.policy.scores)
        async with self._turns.turn():
            pass  # it takes up what nobody has heard of
        for route in list(self.running):
            try:
                await self._go(route)
            except StoreError:
                raise
            except Exception as error:  # one that can't be decided is no reason to let the others go on unseen
                if route not in self.lost:
                    log.exception("the rollout of %s could not be looked at", route)
                self._undecided(route, error)
            else:
                self.lost.pop(route, None)
        self.on_looked(self.lost)
        self.ticked_at = self.wall.time()
        self._watch.tick()

    def _undecided(self, route: str, error: Exception) -> None:
        if (found := self.running.get(route)) is not None:
            self._lose(Unreadable(found.record, why_of(error), found.weight(), self.clock.time()))

    async def _go(self, route: str) -> None:
        for _ in range(MOST_MOVES):
            if not await self._step(route):
                return

    async def act(self, route: str, wanted: Act, people: People = UNASKED) -> Refused | Running:
        """Do what somebody wants with a route's rollout, or say what is lacking. KeyError where none runs."""
        async with self._turns.turn():
            made = await self._move(self.running[route], wanted, people)
        self.wake.set()
        return made

    async def begin(self, record: RolloutRecord) -> Running:
        """Take a new rollout in; raises StoreRejectedError where the route has one already."""
        async with self._turns.turn():
            with self._turns.saving():
                await self._store.add_rollout(record)
            made = self.running[record.route] = running(record)
        self.known[record.id] = Evidence()
        self.wake.set()
        return made

    async def supersede(self, record: RolloutRecord, wanted: Act) -> Refused | Running:
        """Take a new rollout in, in the place of the one that runs; KeyError where none does."""
        async with self._turns.turn():
            before = self.running[record.route]
            after = await self._followed(before, wanted, UNASKED)
            if isinstance(after, Refused):
                return after
            old, row, _ = after
            with self._turns.saving():
                if not await self._store.replace_rollout(old.record, row, record):
                    await self._misplaced(before.record)
            made = self.running[record.route] = running(record)
            self.known.pop(old.record.id, None)
        self.known[record.id] = Evidence()
        self.tell()
        self._on_move(old, row)
        self.wake.set()
        return made

    async def discard(self, route: str, actor: str, reason: str) -> None:
        """File away a rollout that is lost: nobody gets its candidate any more. KeyError where none is."""
        async with self._turns.turn():
            lost = self.lost[route]
            row = lost.discarded(self.clock.time(), actor, reason, self._snapshot().generation)
            with self._turns.saving():
                if not await self._store.discard_rollout(row):
                    await self._misplaced(lost.record)
            self.running.pop(route, None)
            self.known.pop(lost.record.id, None)
            del self.lost[route]
        self.tell()

    async def leave(self, ended: Running, generation: int) -> None:
        """Let go of a rollout: the configuration says what came of it."""
        async with self._turns.turn():
            await self._store.file_rollout(ended.record.id, generation)
            self.running.pop(ended.route, None)
            self.lost.pop(ended.route, None)
            self.known.pop(ended.record.id, None)
        self.tell()

    def tell(self) -> None:
        """Have every worker go by the weights as they are now."""
        if self.is_loaded:
            told = self._workers.weigh({name: each.told() for name, each in self.weights().items()})
            if told != self._told:
                self._told, self._told_at = told, self.clock.monotonic()

    @property
    def is_heard(self) -> bool:
        """Whether every worker goes by the weights as they are now."""
        return self._workers.is_whole and self._workers.is_weighed(self._told)

    async def _step(self, route: str) -> bool:
        """Move one rollout once, if there is cause to. Tells whether it moved."""
        async with self._turns.turn():
            found = self.running.get(route)
            if found is None or found.rollout.state in TERMINAL:
                return False
            wanted = _changed(found, self._snapshot()) or self._lost(found) or await self._due(found)
            if wanted is None:
                return False
            is_moved = isinstance(await self._move(found, wanted, await self.people(found)), Running)
            self._unwatched.discard(route)  # not before: a store that was away is no reason to go on unseen
            return is_moved

    async def _read_again(self) -> None:
        await self._read_running()
        self.tell()

    def _lost(self, found: Running) -> Act | None:
        """What follows when nobody has watched it for a while, and a person has to look."""
        if found.route not in self._unwatched:
            return None
        if (found.rollout.state, Event.CONTROLLER_LOST) in TABLE:
            return Act(Event.CONTROLLER_LOST, reason="no control process was there")
        self._unwatched.discard(found.route)
        return None

    async def _due(self, found: Running) -> Act | None:
        rollout = found.rollout
        if rollout.state in _TELLING:
            is_heard = self._workers.is_whole or self.clock.monotonic() - self._told_at > UNHEARD_S
            return Act(Event.IN_FORCE) if is_heard and self._workers.is_weighed(self._told) else None
        event = decide(rollout, await self.evidence(found), self.clock.time())
        return None if event is None else Act(event)

    async def _followed(
        self, found: Running, wanted: Act, people: People
    ) -> Refused | tuple[Running, TransitionRecord, Evidence]:
        """Where that would lead, the row that would say so, and the evidence."""
        evidence = await self.evidence(found)
        occurrence = Occurrence(wanted.event, self.clock.time(), wanted.actor, wanted.reason)
        followed = follow(found.rollout, occurrence, evidence, people)
        if isinstance(followed, Refused):
            return followed
        return (*found.moved(followed, evidence, self._snapshot().generation, self.wall.time()), evidence)

    async def _misplaced(self, found: RolloutRecord) -> NoReturn:
        """A move of ours was saved, and never heard of; or it was a promotion, and somebody was quicker."""
        await self._read_again()
        raise StoreError(f"rollout {found.id} stands elsewhere than thought, or a concern was raised just now")

    async def _move(self, found: Running, wanted: Act, people: People) -> Refused | Running:
        followed = await self._followed(found, wanted, people)
        if isinstance(followed, Refused):
            return followed
        moved, row, evidence = followed
        event = automatic(moved, row, evidence, self._snapshot().routes.get(found.route))
        with self._turns.saving():
            if not await self._store.move_rollout(moved.record, row, event):
                await self._misplaced(found.record)
        self.running[found.route] = moved
        if moved.rollout.epoch != found.rollout.epoch:
            self._stale.add(moved.record.id)  # requests count anew
        self.tell()
        log.info("rollout %s of %s: %s → %s (%s)", row.rollout, found.route, row.from_state, row.to_state, row.event)
        self._on_move(moved, row)
        if event is not None:
            self._on_event(event)
        return moved


def _changed(found: Running, snapshot: Snapshot) -> Act | None:
    """What follows when the configuration no longer has the versions that are compared."""
    route = snapshot.routes.get(found.route)
    ids = {version.name: version.id for version in route.versions} if route is not None else {}
    record = found.record
    if (ids.get(record.candidate), ids.get(record.stable)) == (record.version_hash, record.stable_hash):
        return None
    for event in (Event.ROLL_BACK, Event.SUPERSEDE):
        if (found.rollout.state, event) in TABLE:
            return Act(event, reason="the configuration has other versions now")
    return None
