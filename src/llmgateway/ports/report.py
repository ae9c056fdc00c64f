"""Port for reports on a time that has passed: a part of the store (`ports/store.py`), asked by `report/`.

Everything is counted where it lies; what comes back is bounded, however many exchanges were counted. Copies that
shadows answered are left out everywhere.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

MAX_GROUPS: Final = 50_000  # told at once
MAX_LABELLED: Final = 5_000  # answers that both a judge and a person scored, the newest


@dataclass(frozen=True, slots=True)
class Window:
    """Which exchanges: received at or after `since` and before `until` (Unix seconds), of one route or of all.

    Periods are `period_s` long and numbered from `origin` on, which is before all of them.
    """

    since: float
    until: float
    origin: float
    period_s: float
    route: str | None = None


class Traffic(NamedTuple):
    """Exchanges of one period that went the same way. `served` None: no version answered.

    `is_replay`: a replay asked, and no caller. `priced`: how many have a known cost, which `cost_usd` sums up.
    """

    period: int
    route: str | None
    assigned: str | None
    served: str | None
    end: str
    status: int | None
    error_code: str | None
    is_replay: bool
    exchanges: int
    priced: int
    cost_usd: float
    first_at: float
    last_at: float


class Took(NamedTuple):
    """How many whole answers of one version took so long in one period: seconds, to two digits and at least 1 ms."""

    period: int
    seconds: float
    version: str | None
    route: str | None
    answers: int


class Found(NamedTuple):
    """What one guardrail found of one kind, and what followed. `exchanges` with it, and how many `places` in them.

    `mode`: `enforce`, or `observe`: the action was only written down.
    """

    route: str | None
    guardrail: str
    stage: str
    kind: str
    action: str
    mode: str
    exchanges: int
    places: int


class Labelled(NamedTuple):
    """How often a judge said `judge` where a person said `person`, under one name. Of yes and no: `1` and `0`.
    `identity`: who judged, as its run says; empty where that says nothing.
    """

    route: str | None
    name: str
    source_id: str
    judge: str
    person: str
    answers: int
    identity: str = ""


class Reviewed(NamedTuple):
    """Items of the review queues that were added in the time, by why and where they stand now."""

    route: str | None
    reason: str
    state: str
    items: int


class Kept(NamedTuple):
    """What the log still has, of all routes. Times are Unix seconds; None: there is nothing.

    `deleted`: how many exchanges retention has deleted so far. `texts_at`: when the oldest exchange was received of
    which a text is still there.
    """

    oldest_at: float | None
    deleted: int
    texts_at: float | None


class ReportReader(Protocol):
    """Reading. Each call is bounded by time as all reading is, and by MAX_GROUPS: the largest groups are told."""

    async def report_traffic(self, window: Window) -> list[Traffic]:
        """How many exchanges went which way, by route and period."""
        ...

    async def report_durations(self, window: Window) -> list[Took]:
        """How long whole answers took that callers got, by route, period and version."""
        ...

    async def report_first_tokens(self, window: Window) -> list[Took]:
        """How long the first content of streams took, by route and version; `period` is 0."""
        ...

    async def report_verdicts(self, window: Window) -> list[Found]: ...

    async def report_labelled(self, window: Window) -> list[Labelled]:
        """What judges and people said of the same answers under the same name, in yes and no or in categories.

        People's words of the time count, of several the last; at most MAX_LABELLED answers, the newest.
        """
        ...

    async def report_reviewed(self, window: Window) -> list[Reviewed]: ...

    async def report_kept(self) -> Kept: ...
