"""How far the judges of rollouts are trusted: looked up now and then, since people label slowly."""

from collections.abc import Mapping
from typing import Final, Protocol

from llmgateway.domain.clock import Clock
from llmgateway.domain.score import SourceKind, Value
from llmgateway.domain.scorerule import ScoreRule
from llmgateway.rollout.trust import UNKNOWN, Standing, standing

FRESH_S: Final = 30.0
MAX_JUDGES: Final = 100  # remembered; more are looked up anew

Judge = tuple[str, str, str | None]
"""The name of the score, who gives it, and as whom."""


class Labels(Protocol):
    """The part of the store that is needed here."""

    async def labelled(self, name: str, source_id: str, run: str | None) -> list[tuple[Value, Value]]: ...


class Trusting:
    """Asks the store, and remembers for a while. Raises StoreError."""

    def __init__(self, store: Labels, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[Judge, tuple[float, Standing]] = {}

    async def of(self, rules: Mapping[str, ScoreRule]) -> dict[str, Standing]:
        """How far each metric's judge agrees with people; of what no model judges, nothing."""
        judged = {name: rule for name, rule in rules.items() if rule.source_kind is SourceKind.JUDGE}
        return {name: await self._standing(rule) for name, rule in judged.items()}

    async def _standing(self, rule: ScoreRule) -> Standing:
        if rule.name is None or rule.source_id is None:
            return UNKNOWN
        judge, now = (rule.name, rule.source_id, rule.run), self._clock.monotonic()
        if (found := self._known.get(judge)) is not None and now - found[0] < FRESH_S:
            return found[1]
        known = standing(await self._store.labelled(*judge))
        if len(self._known) >= MAX_JUDGES:
            self._known.clear()
        self._known[judge] = now, known
        return known
