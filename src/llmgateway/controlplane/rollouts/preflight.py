"""What a rollout has to have passed before it starts: replays of this very candidate against this very stable version.

What was found stands with the rollout's policy: which replays they were, or why somebody did without.
"""

import asyncio
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from llmgateway.config.rollouts import REGRESSION
from llmgateway.config.snapshot import Route, Version
from llmgateway.domain.score import Score, SourceKind
from llmgateway.ports.datasets import MAX_REPLAYS, Dataset, ReplayRecord
from llmgateway.ports.rollouts import RolloutRecord
from llmgateway.ports.scores import WantedScores
from llmgateway.ports.store import Store
from llmgateway.replaying.pairs import Pair
from llmgateway.replaying.people import MAX_SAID, QUESTION, Said, people_of, said_of
from llmgateway.replaying.regression import name_of

if TYPE_CHECKING:
    from llmgateway.replaying.passing import Demand

KEY: Final = "preflight"
PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Checked:
    """One dataset that had to be replayed. `command`: what would help."""

    dataset: str
    version: int | None = None
    replay: str | None = None
    reason: str | None = None  # why not; None: it has passed
    command: str | None = None


@dataclass(frozen=True, slots=True)
class Contenders:
    """Who is compared on which route, and what the rollout asks of a replay."""

    route: Route
    candidate: Version
    stable: Version
    demand: "Demand"

    def is_of(self, replay: ReplayRecord) -> bool:
        """Whether a replay was of these contents on this route."""
        hashes = (self.candidate.id, self.stable.id)
        return replay.route == self.route.name and (replay.candidate_hash, replay.baseline_hash) == hashes

    def command(self, dataset: str) -> str:
        """How it is replayed."""
        words = {"dataset": dataset, "route": self.route.name}
        words |= {"candidate": self.candidate.name, "baseline": self.stable.name}
        named = [word for name in words for word in (f"--{name}", words[name])]
        return shlex.join(["llmgateway", "replay", *named, *self.demand.options()])


class Preflight:
    """Looks replays up. Raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def look(self, names: Sequence[str], who: Contenders) -> list[Checked]:
        """How it stands with each dataset that the policy names."""
        if not names:
            return []
        replays = await self._store.replays(limit=MAX_REPLAYS)
        ours = [each for each in replays if who.is_of(each)]
        return [await self._dataset(name, ours, who) for name in names]

    async def _dataset(self, name: str, replays: Sequence[ReplayRecord], who: Contenders) -> Checked:
        is_regression = name == REGRESSION
        name = name_of(who.route.name) if is_regression else name
        newest = next((each for each in await self._store.datasets(name) if each.content_hash is not None), None)
        if newest is None:
            reason = None if is_regression else "there is no such dataset"  # nothing was rolled back yet
            return Checked(name, reason=reason)
        if newest.items == newest.erased:
            return Checked(name, newest.version, reason=None if is_regression else "every item of it was erased")
        return await self._replayed(newest, replays, who)

    async def _replayed(self, dataset: Dataset, replays: Sequence[ReplayRecord], who: Contenders) -> Checked:
        """The newest replay that was finished has the word."""
        from llmgateway.replaying.passing import failing, is_finished

        which = (dataset.name, dataset.version)
        found = [each for each in replays if (each.dataset, each.dataset_version) == which]
        replay = next((each for each in found if is_finished(each, dataset)), None)
        if replay is None:
            return _unfinished(dataset, found, who)
        pairs = await self._pairs(replay.id)
        people = people_of(pairs, await self._said(replay))
        against = await asyncio.to_thread(failing, replay, pairs, who.demand, people)
        reason = f"replay {replay.id} has not passed: {'; '.join(against)}" if against else None
        return Checked(*which, replay.id, reason)

    async def _said(self, replay: ReplayRecord) -> Said:
        """What people have said of pairs since the replay began."""
        wanted = WantedScores(route=replay.route, name=QUESTION, source_kind=SourceKind.HUMAN, since=replay.created_at)
        found: list[Score] = []
        while page := await self._store.scores(wanted, limit=PAGE, before=found[-1].seq if found else None):
            found += page
            if len(found) >= MAX_SAID:
                break
        return said_of((each.exchange_id, each.source_id, each.value) for each in found)

    async def _pairs(self, replay: str) -> list[Pair]:
        found: list[Pair] = []
        while page := await self._store.replay_pairs(replay, after=found[-1].ordinal if found else -1, limit=PAGE):
            found += [Pair.read(ordinal, facts) for ordinal, facts in page]
        return found


def _unfinished(dataset: Dataset, found: Sequence[ReplayRecord], who: Contenders) -> Checked:
    names = f"{who.candidate.name} against {who.stable.name}, as both are now"
    running = next((each for each in found if each.ended is None), None)
    if running is not None:
        reason, command = f"replay {running.id} is not finished", f"llmgateway replay --resume {running.id}"
        return Checked(dataset.name, dataset.version, running.id, reason, command)
    which = f"{dataset.name}@{dataset.version}"
    return Checked(dataset.name, dataset.version, None, f"there is no finished replay of {names}", who.command(which))


def told(lacking: Sequence[Checked]) -> str:
    """What is lacking and what to do about it, in sentences."""
    said = []
    for each in lacking:
        which = each.dataset if each.version is None else f"{each.dataset}@{each.version}"
        said.append(f"{which}: {each.reason}." + (f" Run: {each.command}" if each.command else ""))
    return f"This route's rollouts need a replay that was passed. {' '.join(said)} (--waive-replay WHY does without.)"


def is_kept(record: RolloutRecord) -> bool:
    """Whether a rollback's exemplars go into the route's regression dataset."""
    return bool(record.policy.get(REGRESSION, True))


def written(checked: Sequence[Checked], waived: str) -> dict[str, Any]:
    """What is kept with the policy; nothing where nothing was asked for."""
    if not checked:
        return {}
    is_lacking = any(each.reason for each in checked)
    return {KEY: {"replays": [asdict(each) for each in checked], "waived": waived if is_lacking else None}}


def standing(record: RolloutRecord) -> tuple[bool, str]:
    """Whether all was passed, and the words with which somebody did without."""
    kept: Mapping[str, Any] = record.policy.get(KEY) or {}
    return all(each["reason"] is None for each in kept.get("replays", ())), kept.get("waived") or ""
