"""Everything about rollouts that the control plane keeps together, and what is asked of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from llmgateway.controlplane.changes import Changes
from llmgateway.controlplane.events import Events
from llmgateway.controlplane.labels import Labels
from llmgateway.controlplane.link import Links
from llmgateway.controlplane.refused import RefusedError
from llmgateway.controlplane.reload import Reloader
from llmgateway.controlplane.reviewing import Reviewing
from llmgateway.controlplane.rollouts import shown
from llmgateway.controlplane.rollouts.aftermath import Follower
from llmgateway.controlplane.rollouts.conductor import Conductor
from llmgateway.controlplane.rollouts.correcting import Correcting
from llmgateway.controlplane.rollouts.figures import Points, figures
from llmgateway.controlplane.rollouts.filing import Filing
from llmgateway.controlplane.rollouts.people import Rollouts
from llmgateway.controlplane.rollouts.records import Running
from llmgateway.controlplane.rollouts.scoretally import score_tallies
from llmgateway.controlplane.rollouts.shown import OfJudges
from llmgateway.controlplane.rollouts.unreadable import alarm
from llmgateway.controlplane.rollouts.watchfile import Watchfile
from llmgateway.controlplane.webhooks import Webhooks
from llmgateway.domain.clock import Clock
from llmgateway.ports.rollouts import RolloutRecord, TransitionRecord
from llmgateway.ports.store import Body, Store
from llmgateway.rollout.guards import Moment, moment
from llmgateway.rollout.rollout import State
from llmgateway.routing.staged import StagedWeight

WATCHED: Final = "run/rollouts.watched"
LAST_MOVES: Final = 2  # of a rollout that has ended: what led to the end, and the end
MAX_SAID: Final = 20_000  # characters of a body that are shown


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Who else in the control plane rollouts have to do with. `changes` None: the file can't be written here.

    `drained` waits until what the journal has is in the store. `events` None: nobody hears of any.
    `judges`: who judges now, by evaluator.
    """

    links: Links
    reloader: Reloader
    changes: Changes | None
    clock: Clock
    data_dir: Path
    webhooks: Webhooks
    drained: Callable[[], Awaitable[None]]
    events: Events | None = None
    judges: Callable[[], Mapping[str, str]] = dict


class RolloutService:
    """`people` acts, the rest shows. Raises RefusedError and StoreError."""

    def __init__(self, store: Store, around: Surroundings, reviewing: Reviewing) -> None:
        self._store = store
        reloader = around.reloader
        self._webhooks = around.webhooks
        self._moves: dict[tuple[str, str, str], int] = {}
        self.conductor = Conductor(
            store,
            around.links,
            lambda: reloader.snapshot,
            around.clock,
            on_move=self._moved,
            on_event=around.events.saved if around.events is not None else lambda _: None,
            watch=Watchfile(around.data_dir / WATCHED, around.clock),
        )
        if (events := around.events) is not None:
            self.conductor.on_looked = lambda lost: alarm(lost, events, around.clock.time())
        self._clock = self.conductor.clock
        store.count_scores(score_tallies(self._clock.time))
        self._follower = Follower(store, reviewing, self._clock, around.clock)
        self._filing = Filing(self.conductor, around.changes, reloader, around.drained, self._follower.wake)
        self._judges = around.judges
        self._correcting = Correcting(store, around.clock)
        self.people = Rollouts(store, self.conductor, lambda: reloader.snapshot, self._clock, around.judges)

    def tasks(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What runs for as long as the gateway does, by name."""
        return {"rollouts": self.conductor.run, "filing": self._filing.run, "aftermath": self._follower.run}

    def weights(self) -> dict[str, StagedWeight]:
        """What workers go by, by route."""
        return self.conductor.weights()

    def candidate(self, route: str) -> str | None:
        """Which of a route's versions is tried out just now."""
        return self.conductor.candidate(route)

    def figures(self, labels: Labels) -> Points:
        """What /metrics shows of rollouts."""
        conductor = self.conductor
        points = figures(conductor.running, conductor.known, self._moves, labels)
        points["controller_last_tick_timestamp_seconds"].append(((), conductor.ticked_at))
        return points

    async def every(self, route: str | None, limit: int) -> list[dict[str, Any]]:
        """The newest first."""
        lost = {each.record.id: each for each in self.conductor.lost.values()}
        return [shown.head(each, lost.get(each.id)) for each in await self._store.rollouts(route, limit=limit)]

    async def shown(self, route: str) -> dict[str, Any]:
        """The one that runs; else the last one, without figures, but with its last moves."""
        found, lost = self.conductor.running.get(route), self.conductor.lost.get(route)
        if found is None or lost is not None:
            last = await self._last(route)
            rows = await self._store.transitions(last.id)
            return shown.head(last, lost) | {"moves": [shown.moved(each) for each in rows[-LAST_MOVES:]]}
        at = await self._moment(found)
        return shown.shown(found, at, self._filing.errors.get(route), await self._of_judges(found))

    async def explained(self, route: str, language: str) -> list[str]:
        """What the one that runs needs, and what its figures mean, in sentences."""
        found = self.people.found(route)
        return shown.explained(await self._moment(found), language, await self._of_judges(found))

    async def _of_judges(self, found: Running) -> OfJudges:
        return OfJudges(shown.others(found, self._judges()), await self._correcting.of(found))

    async def _moment(self, found: Running) -> Moment:
        evidence, people = await self.conductor.evidence(found), await self.conductor.people(found)
        return moment(found.rollout, evidence, self._clock.time(), people)

    async def history(self, route: str, rollout: str | None) -> dict[str, Any]:
        """Every move of one."""
        record = await self._last(route, rollout)
        rows = await self._store.transitions(record.id)
        return {"rollout": shown.head(record), "transitions": [shown.moved(each) for each in rows]}

    async def bundle(self, route: str, rollout: str | None) -> dict[str, Any]:
        """What the last rollback of a route rests on (or that rollout's), and what came of its exemplars."""
        found = [each for each in await self._store.rollouts(route, limit=1_000) if each.state == State.ROLLED_BACK]
        record = next((each for each in found if rollout in (None, each.id)), None)
        kept = None if record is None else await self._store.aftermath(record.id)
        if record is None:
            raise RefusedError(404, "bundle_not_found", f"No such rollout of {route} was rolled back.")
        if kept is None:
            raise RefusedError(404, "bundle_not_found", f"The bundle of rollout {record.id} is not there yet.")
        after = {"at": kept.at, "done_at": kept.done_at, "error": self._follower.errors.get(record.id)}
        return {"bundle": dict(kept.bundle), "after": after | dict(kept.outcome)}

    async def exemplars(self, route: str, author: str) -> list[dict[str, Any]]:
        """Some of the candidate's exchanges with what was said, noted as seen."""
        rows = await self.people.exemplars(route, author)
        bodies = await self._store.bodies([row["seq"] for row in rows])
        return [shown.exemplar(row, _said(bodies.get(row["seq"], []))) for row in rows]

    def _moved(self, found: Running, row: TransitionRecord) -> None:
        key = (found.route, row.to_state, row.event)
        self._moves[key] = self._moves.get(key, 0) + 1
        self._webhooks.tell(shown.message(found, row))
        if found.rollout.state is State.ROLLED_BACK:
            self._follower.wake()

    async def _last(self, route: str, rollout: str | None = None) -> RolloutRecord:
        found = await self._store.rollouts(route, limit=1 if rollout is None else 1_000)
        for each in found:
            if rollout in (None, each.id):
                return each
        await self.people.known(route)
        which = "no rollout yet" if rollout is None else "no such rollout"
        raise RefusedError(404, "rollout_not_found", f"There was {which} on {route}.")


def _said(bodies: list[Body]) -> dict[str, str]:
    return {
        body.kind: body.content.decode("utf-8", "replace")[:MAX_SAID]
        for body in bodies
        if body.content is not None and body.kind != "events"
    }
