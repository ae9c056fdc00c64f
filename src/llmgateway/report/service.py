"""What was served: how many exchanges, what came of them, by which versions, and how long they took. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from llmgateway.ports.generations import SeenVersion
from llmgateway.ports.report import Took, Traffic
from llmgateway.report.figures import Share, Spread, spread_of
from llmgateway.report.outcomes import Outcome, outcome

MAX_VERSIONS: Final = 20
MAX_FAILURES: Final = 10


@dataclass(frozen=True, slots=True)
class Version:
    """One version. Of `answered` exchanges it gave the answer, by period in `periods`; `available` is told of those
    that were assigned to it, whoever answered them in the end. Times are Unix seconds.

    `known_since`: when it was first in force as it is; None: nothing is known of that.
    """

    name: str
    answered: int
    periods: Mapping[int, int]
    available: Share
    first_at: float | None
    last_at: float | None
    known_since: float | None
    content: str | None
    took: Spread | None
    first_token: Spread | None


@dataclass(frozen=True, slots=True)
class Period:
    """What came of the exchanges of one period."""

    exchanges: int = 0
    answered: int = 0
    failed: int = 0
    took: Spread | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """What one route did. `rescued`: answered by another version than the assigned one, after that one had failed.

    `replays`: exchanges that replays asked for; they are counted in nothing else. `failures`: the commonest causes.
    """

    exchanges: int
    outcomes: Mapping[Outcome, int]
    available: Share
    rescued: int
    replays: int
    priced: int
    cost_usd: float
    took: Spread | None
    first_token: Spread | None
    failures: Sequence[tuple[str, int]]
    periods: Mapping[int, Period]
    versions: Sequence[Version]
    versions_left_out: int


@dataclass(slots=True)
class _Counts:
    """What is added up of a version."""

    answered: int = 0
    assigned_answered: int = 0
    assigned_failed: int = 0
    periods: Counter[int] = field(default_factory=Counter)
    first_at: float | None = None
    last_at: float | None = None

    def serve(self, each: Traffic) -> None:
        self.answered += each.exchanges
        self.periods[each.period] += each.exchanges
        self.first_at = each.first_at if self.first_at is None else min(self.first_at, each.first_at)
        self.last_at = each.last_at if self.last_at is None else max(self.last_at, each.last_at)


def service_of(
    traffic: Sequence[Traffic], durations: Sequence[Took], first_tokens: Sequence[Took], seen: Sequence[SeenVersion]
) -> Service:
    """Add up what the store has counted of one route."""
    asked = [(outcome(each.end, each.status, each.error_code), each) for each in traffic if not each.is_replay]
    outcomes: Counter[Outcome] = Counter()
    for what, each in asked:
        outcomes[what] += each.exchanges
    versions = _versions(asked, durations, first_tokens, seen)
    answered, failed = outcomes[Outcome.ANSWERED], outcomes[Outcome.FAILED]
    return Service(
        exchanges=outcomes.total(),
        outcomes={what: outcomes[what] for what in Outcome},
        available=Share(answered, answered + failed),
        rescued=sum(each.exchanges for what, each in asked if _is_rescued(what, each)),
        replays=sum(each.exchanges for each in traffic if each.is_replay),
        priced=sum(each.priced for _, each in asked),
        cost_usd=sum(each.cost_usd for _, each in asked),
        took=spread_of((each.seconds, each.answers) for each in durations),
        first_token=spread_of((each.seconds, each.answers) for each in first_tokens),
        failures=_failures(asked),
        periods=_periods(asked, durations),
        versions=versions[:MAX_VERSIONS],
        versions_left_out=max(0, len(versions) - MAX_VERSIONS),
    )


def _is_rescued(what: Outcome, each: Traffic) -> bool:
    return what is Outcome.ANSWERED and None not in {each.assigned, each.served} and each.assigned != each.served


def _failures(asked: Iterable[tuple[Outcome, Traffic]]) -> list[tuple[str, int]]:
    causes: Counter[str] = Counter()
    for what, each in asked:
        if what is Outcome.FAILED:
            causes[each.error_code or each.end] += each.exchanges
    return causes.most_common(MAX_FAILURES)


def _periods(asked: Iterable[tuple[Outcome, Traffic]], durations: Iterable[Took]) -> dict[int, Period]:
    counts: defaultdict[int, Counter[Outcome]] = defaultdict(Counter)
    took: defaultdict[int, list[tuple[float, int]]] = defaultdict(list)
    for what, each in asked:
        counts[each.period][what] += each.exchanges
    for one in durations:
        took[one.period].append((one.seconds, one.answers))
    return {
        period: Period(told.total(), told[Outcome.ANSWERED], told[Outcome.FAILED], spread_of(took[period]))
        for period, told in sorted(counts.items())
    }


def _versions(
    asked: Iterable[tuple[Outcome, Traffic]],
    durations: Iterable[Took],
    first_tokens: Iterable[Took],
    seen: Iterable[SeenVersion],
) -> list[Version]:
    """The version that answered most comes first."""
    counts = _counted(asked)
    took, first = _by_version(durations), _by_version(first_tokens)
    every_seen: defaultdict[str, list[SeenVersion]] = defaultdict(list)  # in the order of time
    for each in seen:
        every_seen[each.name].append(each)
    found = []
    for name, told in counts.items():
        known = _as_it_answered(every_seen[name], told.last_at)
        found.append(
            Version(
                name=name,
                answered=told.answered,
                periods=dict(sorted(told.periods.items())),
                available=Share(told.assigned_answered, told.assigned_answered + told.assigned_failed),
                first_at=told.first_at,
                last_at=told.last_at,
                known_since=None if known is None else known.at,
                content=None if known is None else known.id,
                took=spread_of(took[name]),
                first_token=spread_of(first[name]),
            )
        )
    return sorted(found, key=lambda each: (-each.answered, each.name))


def _as_it_answered(seen: Sequence[SeenVersion], last_at: float | None) -> SeenVersion | None:
    """The content that gave the last answer: what came into force after it gave none."""
    known = [each for each in seen if last_at is None or each.at <= last_at]
    return known[-1] if known else None


def _counted(asked: Iterable[tuple[Outcome, Traffic]]) -> dict[str, _Counts]:
    counts: defaultdict[str, _Counts] = defaultdict(_Counts)
    for what, each in asked:
        if what is Outcome.ANSWERED and each.served is not None:
            counts[each.served].serve(each)
        if each.assigned is not None:
            told = counts[each.assigned]
            told.assigned_answered += each.exchanges * (what is Outcome.ANSWERED)
            told.assigned_failed += each.exchanges * (what is Outcome.FAILED)
    return counts


def _by_version(took: Iterable[Took]) -> defaultdict[str, list[tuple[float, int]]]:
    found: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
    for each in took:
        if each.version is not None:
            found[each.version].append((each.seconds, each.answers))
    return found
