"""Port for scores: a part of the store (`ports/store.py`). The ingester brings users' scores in as they were sent, some
before their exchange; `controlplane/scoring.py` decides what they belong to, and the admin API adds those of others.

Everything that was ever said is kept as long as its exchange. Of what one source said of one exchange under one name,
the last (by time, then by id) is current, in whatever order it came.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from llmgateway.domain.score import DataType, Reason, Score, SourceKind, State, Value

MAX_OF_EXCHANGE: Final = 200  # told of one exchange, the newest
MAX_GROUPS: Final = 10_000  # told in a summary
MAX_JUDGED: Final = 5_000  # exchanges of one version that a corrected rate is told by, the newest
MAX_LABELLED: Final = 5_000  # exchanges that a judge's agreement is told by, the newest


class Cursor(NamedTuple):
    """How far was looked: everything up to these numbers, of scores and of exchanges, has been seen."""

    scores: int = 0
    exchanges: int = 0


class Target(NamedTuple):
    """An exchange, as far as its scores need it. `version`: the assigned one, else the one that served."""

    seq: int
    id: str
    key: str | None
    route: str | None
    version: str | None


class Found(NamedTuple):
    """Scores whose fate can be decided: with their exchange, or with None where it was waited for long enough.

    `is_more`: there is more to look at. `has_pending`: some wait for exchanges that are still to come.
    """

    pairs: Sequence[tuple[Score, Target | None]]
    cursor: Cursor
    is_more: bool
    has_pending: bool


@dataclass(frozen=True, slots=True)
class Placement:
    """What becomes of a score. `target`: the exchange it is of, also where it is rejected.

    `forgets`: its comment, and its value if that is a text, are not kept.
    """

    score: Score
    state: State
    target: Target | None = None
    reason: Reason | None = None
    forgets: bool = False


@dataclass(frozen=True, slots=True)
class WantedScores:
    """Which scores to read; None wants all. Without `every` only those that are valid and current."""

    exchange_id: str | None = None
    route: str | None = None
    version: str | None = None
    name: str | None = None
    source_kind: SourceKind | None = None
    source_id: str | None = None
    since: float | None = None  # said at or after
    until: float | None = None  # said before
    every: bool = False  # history, pending and rejected ones, too


class WantedJudged(NamedTuple):
    """Whose words on which of a rollout's exchanges. `run`: as whom it said them; None: whoever it was."""

    rollout: str
    route: str
    version: str
    name: str
    source_id: str
    run: str | None = None


class Judged(NamedTuple):
    """A judge's word, and the last person's of the same exchange, if it was drawn for people by chance."""

    judge: Value
    person: Value | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """What was said under one name about one version by one kind of source. `category`: of categories, which one.

    `total` and `squares`: the sums of the numbers (a bool is 0 or 1) and of their squares.
    """

    route: str | None
    version: str | None
    name: str
    data_type: DataType
    source_kind: SourceKind
    category: str | None
    count: int
    total: float
    squares: float


class ScoreReader(Protocol):
    """Reading; bounded as all reading is."""

    async def scores(self, wanted: WantedScores, *, limit: int, before: int | None = None) -> list[Score]:
        """The newest by `seq`, those with a `seq` below `before`."""
        ...

    async def scores_of(self, exchange_seq: int) -> list[Score]:
        """All that is valid of one exchange, current or not, oldest first; at most MAX_OF_EXCHANGE, the newest."""
        ...

    async def labelled(self, name: str, source_id: str, run: str | None = None) -> list[tuple[Value, Value]]:
        """What that judge and a person said of the same exchange under the same name, the current words of both.
        `run`: only what the judge said as that one; None: whoever it was.

        Where several people scored it, the last of them counts. At most MAX_LABELLED, the newest.
        """
        ...

    async def judged(self, wanted: WantedJudged) -> list[Judged]:
        """What that judge said last of that version's exchanges in a rollout, with people's words on those that were
        drawn for the review queue at random. At most MAX_JUDGED, the newest.
        """
        ...

    async def score_groups(self, wanted: WantedScores) -> list[Group]:
        """Current scores, counted; at most MAX_GROUPS."""
        ...


class ScoreWriter(Protocol):
    """Writing, with what has to see what was written last."""

    async def add_score(self, score: Score) -> Score | None:
        """Save a score of an exchange that is there, valid at once; None if the exchange is not.

        One with an id that is there already is returned as it was saved then.
        """
        ...

    async def add_scores(self, scores: Sequence[Score], state: bytes) -> int:
        """Save scores of exchanges that are there, valid at once, and with them the JSON `state` of who evaluates: all
        or nothing. Those that are there already, or whose exchange is not, are left out. Returns how many were new.
        """
        ...

    async def evaluation_state(self) -> dict[str, Any] | None:
        """That state as it was saved last."""
        ...

    async def unplaced(self, cursor: Cursor, *, overdue: float, limit: int) -> Found:
        """Look for pending scores whose exchange is known now, and those from before `overdue` (Unix seconds)."""
        ...

    async def place_scores(self, placements: Sequence[Placement], state: bytes) -> None:
        """Save what becomes of pending scores, and with it the JSON `state` of whoever counts them: all or nothing.

        A score whose exchange has gone meanwhile stays as it is.
        """
        ...

    async def scores_state(self) -> dict[str, Any] | None:
        """The state as it was saved last."""
        ...
