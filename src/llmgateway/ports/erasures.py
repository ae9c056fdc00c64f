"""Port for erasures: a part of the store (`ports/store.py`). Somebody's exchanges are emptied for good, step by step.

    finding ─► comparing ─► linking ─► overwriting ─► removing ─► waiting ─► once more ─► cleaning ─► done

An erasure is written down before anything is touched, so it goes on after whatever ends the process; and from then on
whatever it means is stored empty if it was received before it was asked for: exchanges that run, and those that are in
the journal yet. When the journal has let go of them all is looked through once more, for what came in between. Rows
stay, with what they count: when, route, version, key, how it ended, tokens, cost.

What a row says is overwritten in its place before any row is made shorter: a database that makes room moves rows about,
and what it moves leaves copies behind that nothing erases.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from llmgateway.domain.pseudonyms import MARK_LENGTH, mark_of
from llmgateway.domain.score import Score, SourceKind

MAX_IDS: Final = 1_000  # exchanges that one erasure names
MAX_PENDING: Final = 100
MAX_FINISHED: Final = 100_000  # are remembered; then the oldest give way


class Stage(StrEnum):
    """How far an erasure is."""

    FINDING = "finding"  # exchanges, and what was said of them
    COMPARING = "comparing"  # what replays and golden questions have asked again of what is in datasets
    LINKING = "linking"  # what guardrails and evaluators have asked about them
    OVERWRITING = "overwriting"
    REMOVING = "removing"
    WAITING = "waiting"  # for the journal to let go of what it had when the erasure was asked for
    CLEANING = "cleaning"  # the store gives back the room that has become free, and its log
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Whose:
    """Which exchanges are meant; all that is said has to hold. What is copied from them is meant as well.

    Where neither ids nor user, key or tag are said, none are: a time alone would mean everybody.
    """

    exchange_ids: tuple[str, ...] = ()
    user: str | None = None  # as the application wrote it, also where a pseudonym was stored
    key: str | None = None
    tag: tuple[str, str] | None = None
    route: str | None = None
    since: float | None = None  # received at or after
    until: float | None = None  # received before

    @property
    def selectors(self) -> tuple[str, ...]:
        """The names of what is said."""
        return tuple(name for name in self.__slots__ if getattr(self, name) not in {None, ()})

    @property
    def is_nobodys(self) -> bool:
        """Whether it is not said whose."""
        return not self.exchange_ids and self.user is None and self.key is None and self.tag is None

    def has(self, row: Mapping[str, Any]) -> bool:
        """Whether an exchange is meant."""
        return (
            not self.is_nobodys
            and (
                not self.exchange_ids or row.get("id") in self.exchange_ids or row.get("shadow_of") in self.exchange_ids
            )
            and (self.user is None or is_named(self.user, row.get("user")))
            and (self.tag is None or (row.get("tags") or {}).get(self.tag[0]) == self.tag[1])
            and self._fits(row.get("key"), row.get("route"), row.get("at"))
        )

    def has_score(self, score: Score) -> bool:
        """Whether it is the word of the user who is meant, whatever it is about."""
        is_theirs = score.source_kind is SourceKind.USER and is_named(self.user, score.source_id)
        return is_theirs and not self.exchange_ids and self._fits(score.key, score.route, score.at)

    def _fits(self, key: str | None, route: str | None, at: float | None) -> bool:
        return (
            self.key in {None, key}
            and self.route in {None, route}
            and (self.since is None or at is None or at >= self.since)
            and (self.until is None or at is None or at < self.until)
        )


def is_named(name: str | None, stored: str | None) -> bool:
    """Whether what is stored is this name, or a pseudonym for it."""
    return name is not None and stored is not None and (stored == name or stored[-MARK_LENGTH:] == mark_of(name))


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure. `at`: when it was asked for, in Unix seconds, which the rows it has emptied say in `erased_at`.

    `found` exchanges, of which `erased` are empty; `items` of datasets; `files` beside the journal. `whose` None: that
    is forgotten, for nothing is left of it.
    """

    id: str
    at: float
    by: str
    selectors: Sequence[str] = field(default=())
    stage: Stage = Stage.FINDING
    found: int = 0
    erased: int = 0
    items: int = 0
    files: int = 0
    finished_at: float | None = None
    whose: Whose | None = None


class ErasureReader(Protocol):
    """Reading; bounded as all reading is."""

    async def erasures(self, *, limit: int, before: str | None = None) -> list[Erasure]:
        """The newest first, older than the erasure `before`, which asks for the next page; without `whose`."""
        ...

    async def erasure(self, erasure_id: str) -> Erasure | None:
        """The same of one."""
        ...

    async def count_meant(self, whose: Whose, at: float) -> int:
        """How many exchanges are meant that were received before `at`, and are not empty yet."""
        ...


class ErasureWriter(Protocol):
    """Writing. Each call is one transaction, and a short one."""

    async def add_erasure(self, erasure: Erasure) -> bool:
        """Write it down: from now on what it means comes in empty. False: MAX_PENDING are under way already."""
        ...

    async def pending_erasures(self) -> list[Erasure]:
        """Those that are not done, the oldest first, which is the one to go on with."""
        ...

    async def advance_erasure(self, erasure_id: str) -> Erasure:
        """Do a little of what its stage is about, and go to the next stage where that is all of it.

        Of no effect while it is comparing, waiting or cleaning.
        """
        ...

    async def prompts_of_erasure(self) -> Collection[str]:
        """The hashes of what items of datasets ask that come from what the one under way has found."""
        ...

    async def compared(self, erasure_id: str, exchange_ids: Sequence[str], *, is_all: bool) -> Erasure:
        """Add exchanges to what was found; `is_all`: go to the next stage."""
        ...

    async def let_go(self, erasure_id: str, *, files: int) -> Erasure:
        """The journal has let go: look once more. `files`: how many beside it were deleted."""
        ...

    async def clean(self) -> bool:
        """Empty the database's own log. False: somebody reads in it just now."""
        ...

    async def finish_erasure(self, erasure_id: str, at: float) -> Erasure: ...
