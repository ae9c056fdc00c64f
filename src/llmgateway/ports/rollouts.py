"""Port for staged rollouts: a part of the store (`ports/store.py`), written by the controller and by ingestion.

Where a rollout stands moves by compare-and-set of its revision; each move is a row that stays. Counts add up in the
transaction that brings the exchanges they were counted from, so a journal that is read again counts nothing twice.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from llmgateway.domain.event import GatewayEvent
from llmgateway.domain.score import Score

MAX_ROLLOUTS: Final = 1_000  # of one route that are over
MAX_APPROVALS: Final = 1_000  # of one rollout
MAX_SEEN: Final = 10_000  # exchanges that were shown of one rollout, to whomever
MAX_SEEN_BY: Final = 100  # to one person; what is shown to them after that is not noted
MAX_TRANSITIONS: Final = 1_000  # read at once
JUDGED: Final = ("succeeded", "rolled_back")  # the ends that evidence leads to
PROMOTE: Final = "promote"  # the event of a move that no concern may be open against

UnitMark = tuple[str, str, str]
"""Metric, unit, arm: what `unit_event` has once."""


@dataclass(frozen=True, slots=True)
class RolloutRecord:
    """One rollout. The hashes are the two versions' ids. `policy`, `place`: JSON objects of the controller's.

    `filed` None: workers go by it still.
    """

    id: str
    route: str
    candidate: str
    stable: str
    version_hash: str
    stable_hash: str
    creator: str
    created_at: float
    unit_key: str
    policy: Mapping[str, Any]
    place: Mapping[str, Any]
    state: str
    revision: int
    filed: int | None = None


@dataclass(frozen=True, slots=True)
class TransitionRecord:
    """One move. `actor` empty: the controller's own. `evidence`: what it rested on, as JSON."""

    rollout: str
    revision: int
    key: str
    at: float
    event: str
    from_state: str
    to_state: str
    pause: str | None
    step: int
    epoch: int
    weight: float
    actor: str
    reason: str
    evidence: Mapping[str, Any]
    evidence_hash: str
    generation: int


class ApprovalRecord(NamedTuple):
    """One person's word."""

    rollout: str
    by: str
    version_hash: str
    evidence_hash: str
    at: float


class EpochCount(NamedTuple):
    """Sums of one metric in one weight epoch. `*_at`: when it was last heard of, Unix seconds; 0: never."""

    epoch: int
    metric: str
    stable_units: int = 0
    candidate_units: int = 0
    stable_bad: int = 0
    candidate_bad: int = 0
    stable_at: float = 0.0
    candidate_at: float = 0.0
    stable_run: int = 0
    candidate_run: int = 0


@dataclass(slots=True)
class Added:
    """What a batch adds. `broken`: (epoch, metric, arm) whose run of failures was ended within it. `spent`: units whose
    marks nobody needs any more.
    """

    marks: Collection[UnitMark] = ()
    counts: Sequence[EpochCount] = ()
    broken: Collection[tuple[int, str, str]] = field(default_factory=frozenset)
    spent: Collection[str] = ()


class Tally(Protocol):
    """Counts a batch's exchanges of one rollout, when it is known which marks there are already."""

    @property
    def rollout(self) -> str: ...

    @property
    def units(self) -> Collection[str]:
        """Whose marks have to be known."""
        ...

    def count(self, marked: Collection[UnitMark]) -> Added:
        """Count. Called in the store's thread; may be called again if the transaction fails."""
        ...


class ScoreTally(Tally, Protocol):
    """Counts scores of one rollout's exchanges. Used in the store's thread, for one transaction."""

    def add(self, score: Score, exchange: dict[str, Any]) -> None:
        """Take a score that has become valid. `exchange`: the columns STAMP of its row."""
        ...


ScoreTallies = Callable[[RolloutRecord], ScoreTally | None]
"""Gives who counts the scores of a rollout; None where none count. Raises nothing."""

STAMP: Final = (
    "id", "rollout", "epoch", "unit", "assigned_version", "assigned_by", "shadow_of", "end", "error_code",
)  # fmt: skip


class RolloutReader(Protocol):
    """Reading; bounded as all reading is. JSON that is damaged is empty: the rest of its row is there, and so are
    the others.
    """

    async def running_rollouts(self) -> list[RolloutRecord]:
        """Those that workers go by, at most one a route."""
        ...

    async def rollouts(self, route: str | None, *, limit: int) -> list[RolloutRecord]:
        """The newest first."""
        ...

    async def transitions(self, rollout: str) -> list[TransitionRecord]:
        """In order; at most MAX_TRANSITIONS, the last ones."""
        ...

    async def approvals(self, rollout: str) -> list[ApprovalRecord]: ...

    async def exemplars_seen(self, rollout: str, person: str) -> int: ...

    async def exemplars(self, rollout: str, version: str, *, limit: int) -> list[dict[str, Any]]:
        """Exchanges of the rollout that were assigned `version`, drawn at random among the last ones: their rows."""
        ...

    async def epoch_counts(self, rollout: str) -> tuple[list[EpochCount], dict[int, float]]:
        """The sums, and the candidate's weight in each epoch."""
        ...


class RolloutWriter(Protocol):
    """Writing."""

    def count_scores(self, tallies: ScoreTallies) -> None:
        """From now on have every score counted that becomes valid, whoever brings it, in the transaction that makes it
        so: also one that its source has taken back by then. Before that, and for rollouts that are filed, none are.
        """
        ...

    async def hear_until(self, now: float) -> None:
        """What of rollouts that run was heard of after `now` was heard of then: the clock has been set back since."""
        ...

    async def add_rollout(self, record: RolloutRecord) -> None:
        """Save a new one. Raises StoreRejectedError if its route has one that runs.

        Of those that are over the route keeps MAX_ROLLOUTS, with all that belongs to them: first those that were judged
        (`JUDGED`), then the newest.
        """
        ...

    async def replace_rollout(self, old: RolloutRecord, transition: TransitionRecord, new: RolloutRecord) -> bool:
        """Save that a rollout has ended, that it is filed, and the one that takes its place, in one transaction. What
        is kept of others is as above.

        False: the store has the old one at another revision than the one before, or filed.
        """
        ...

    async def move_rollout(
        self, record: RolloutRecord, transition: TransitionRecord, event: GatewayEvent | None = None
    ) -> bool:
        """Save a move, and the event that it is, in one transaction, if the store has the rollout at the revision
        before. False: it has not, or the move is a promotion and a concern is open against the candidate.
        """
        ...

    async def file_rollout(self, rollout: str, generation: int) -> None:
        """Note that the configuration says what came of it; its units are forgotten."""
        ...

    async def discard_rollout(self, transition: TransitionRecord) -> bool:
        """Save that a rollout which nobody can read has ended, and file it, in one transaction; False as above."""
        ...

    async def approve_rollout(self, approval: ApprovalRecord) -> bool:
        """Save a word; the same word again takes the later time. False: the rollout has MAX_APPROVALS others."""
        ...

    async def note_exemplars(self, rollout: str, person: str, exchanges: Sequence[str], at: float) -> bool:
        """Save what somebody was shown. False: MAX_SEEN are noted of the rollout already."""
        ...
