"""Running a replay: items are put to both versions, a few at a time, and each pair is written down before the next.

Who asks and who keeps the books are given: the command line asks a running gateway as any caller does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from llmgateway.ports.datasets import DatasetItem
from llmgateway.ports.store import Row
from llmgateway.replaying.badness import Judge
from llmgateway.replaying.pairs import Pair, Side
from llmgateway.replaying.sample import rank
from llmgateway.replaying.stopping import Budget, Ended, Evidence
from llmgateway.rollout.pairs import Verdict

MAX_CONCURRENCY: Final = 64


class Logged(NamedTuple):
    """An exchange as the log has it: its row with `verdicts`, and what was answered, if that is kept whole."""

    row: Row
    reply: bytes | None


class Asking(Protocol):
    """Puts items to versions, and finds out what became of it."""

    async def ask(self, item: DatasetItem, version: str) -> str | None:
        """Send the item's request; returns the exchange's id, or None where nothing came back that has one."""
        ...

    async def logged(self, exchange_id: str) -> Logged | None:
        """The exchange, once it is in the log; None if it does not come in time."""
        ...


@dataclass(frozen=True, slots=True)
class Setting:
    """Who is compared. `concurrency`: pairs under way at once."""

    candidate: str
    baseline: str
    concurrency: int = 4
    seed: int = 0


@dataclass(slots=True)
class Course:
    """Where a replay is: what was done before it was gone on with counts as well."""

    budget: Budget
    evidence: Evidence = field(default_factory=Evidence)
    pairs: list[Pair] = field(default_factory=list)

    def add(self, pair: Pair) -> None:
        self.pairs.append(pair)
        self.evidence.add(pair)
        self.budget.add(pair)


Save = Callable[[Sequence[Pair], float], Awaitable[None]]
"""Writes pairs down, and what all has cost so far."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a replay works with."""

    asking: Asking
    judge: Judge
    save: Save


async def run(items: Sequence[DatasetItem], setting: Setting, course: Course, means: Means) -> Ended:
    """Ask until all is done or more would be a waste. Of a run that is cut off, a batch at most is asked again."""
    left = list(items)
    while left:
        if course.evidence.verdict is Verdict.WORSE:
            return Ended.WORSE
        size = course.budget.room(min(setting.concurrency, len(left)))
        if not size:
            return Ended.UNPRICED if course.budget.is_unpriced else Ended.COST
        batch, left = left[:size], left[size:]
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(_pair(item, setting, means)) for item in batch]
        found = [task.result() for task in asked]
        for pair in found:
            course.add(pair)
        await means.save(found, course.budget.spent_usd)
    return Ended.WORSE if course.evidence.verdict is Verdict.WORSE else Ended.DONE


async def _pair(item: DatasetItem, setting: Setting, means: Means) -> Pair:
    """Both answers, one after the other: which first is a matter of the item, so that no side has the warm cache."""
    order = [(0, setting.baseline), (1, setting.candidate)]
    ids: list[str | None] = [None, None]
    for at, version in reversed(order) if is_turned(item, setting.seed) else order:
        ids[at] = await means.asking.ask(item, version)
    return Pair(item.ordinal, await _side(item, ids[0], means), await _side(item, ids[1], means))


def is_turned(item: DatasetItem, seed: int) -> bool:
    """Whether the candidate is asked first."""
    return bool(rank(f"{item.ordinal}/{item.prompt_hash}", seed) & 1)


async def _side(item: DatasetItem, exchange_id: str | None, means: Means) -> Side:
    found = await means.asking.logged(exchange_id) if exchange_id is not None else None
    row, reply = found if found is not None else (None, None)
    bad = await asyncio.to_thread(means.judge.bad, row, item.request or b"", reply)
    return Side.of(exchange_id, row, bad)
