"""Rates that judges report in a rollout, corrected by what people said of answers drawn by chance: to be looked at, and
nothing is decided on them.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

from llmgateway.controlplane.rollouts.records import Running
from llmgateway.domain.clock import Clock
from llmgateway.domain.score import SourceKind
from llmgateway.domain.scorerule import ScoreRule
from llmgateway.ports.scores import Judged, WantedJudged
from llmgateway.rollout.corrected import Corrected, corrected_of
from llmgateway.rollout.trust import alike

FRESH_S: Final = 30.0
MAX_KNOWN: Final = 100  # rollouts whose rates are remembered; more are looked up anew


class Arms(NamedTuple):
    """Of each version; None: people have seen too few of its answers."""

    stable: Corrected | None
    candidate: Corrected | None


ByMetric = Mapping[str, Arms]


class JudgedStore(Protocol):
    """The part of the store that is needed here."""

    async def judged(self, wanted: WantedJudged) -> list[Judged]: ...


class Correcting:
    """Asks the store, and remembers for a while. Raises StoreError."""

    def __init__(self, store: JudgedStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, tuple[float, ByMetric]] = {}

    async def of(self, found: Running) -> ByMetric:
        """By metric that a model judges."""
        rules = {name: rule for name, rule in found.policy.scores.items() if rule.source_kind is SourceKind.JUDGE}
        name, now = found.record.id, self._clock.monotonic()
        if (known := self._known.get(name)) is not None and now - known[0] < FRESH_S:
            return known[1]
        made = {metric: await self._arms(found, rule) for metric, rule in rules.items()}
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[name] = now, made
        return made

    async def _arms(self, found: Running, rule: ScoreRule) -> Arms:
        record = found.record
        return Arms(await self._rate(found, record.stable, rule), await self._rate(found, record.candidate, rule))

    async def _rate(self, found: Running, version: str, rule: ScoreRule) -> Corrected | None:
        if rule.name is None or rule.source_id is None:
            return None
        record = found.record
        wanted = WantedJudged(record.id, record.route, version, rule.name, rule.source_id, rule.run)
        return corrected_of(_bad(each, rule) for each in await self._store.judged(wanted))


def _bad(said: Judged, rule: ScoreRule) -> tuple[bool | None, bool | None]:
    """Whether the judge's word is bad, and a person's; None: it says nothing of the kind, or nobody said any."""
    judge = rule.finds_bad(said.judge)
    if said.person is None:
        return judge, None
    ((_, person),) = alike([(said.judge, said.person)])
    return judge, rule.finds_bad(person)  # type: ignore[arg-type]  # a value still


def shown(arms: Arms | None) -> dict[str, Any] | None:
    """As the admin API has it."""
    return None if arms is None else {name: _shown(each) for name, each in arms._asdict().items()}


def _shown(of: Corrected | None) -> dict[str, Any] | None:
    if of is None:
        return None
    low, high = of.rate.interval()
    return {"rate": of.rate.share, "low": low, "high": high, "judged": of.judged, "labelled": of.labelled}
