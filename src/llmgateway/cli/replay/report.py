"""The report on a replay: what it was, what it found, which gates hold, and the worst items side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from llmgateway.replaying.figures import Figures
from llmgateway.replaying.gates import Outcome
from llmgateway.replaying.people import Compared
from llmgateway.replaying.stopping import Ended
from llmgateway.rollout.counts import Arms
from llmgateway.rollout.pairs import Verdict
from llmgateway.rollout.trust import Trust

NOBODY: Final = Compared(0, Arms())
LONGEST_TEXT: Final = 4_000  # characters of each text that is shown


@dataclass(frozen=True, slots=True)
class Texts:
    """What was asked and answered in one of the worst items; None where the log has it no more."""

    ordinal: int
    request: str | None
    logged: str | None
    baseline: str | None
    candidate: str | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge makes of the pairs, and what its word may do."""

    name: str
    compared: Compared
    trust: Trust

    @property
    def is_against(self) -> bool:
        """Whether it proves the candidate worse, and is trusted with that."""
        return self.compared.verdict is Verdict.WORSE and self.trust is Trust.MAY_ROLL_BACK

    def shown(self) -> dict[str, Any]:
        return {"name": self.name, "trust": self.trust.value} | self.compared.shown()


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is shown."""

    replay: Mapping[str, Any]
    ended: Ended
    figures: Figures
    gates: Sequence[Outcome]
    texts: Sequence[Texts]
    redacted: int  # items from which guardrails had taken something out
    slow_s: float | None
    people: Compared = NOBODY
    judge: Judgement | None = None

    @property
    def is_failed(self) -> bool:
        """Whether a gate fails: the test's, people's, a trusted judge's, or one that was asked for."""
        is_worse = Verdict.WORSE in {self.figures.evidence.verdict, self.people.verdict}
        is_worse = is_worse or (self.judge is not None and self.judge.is_against)
        return is_worse or any(gate.is_passed is False for gate in self.gates)

    def shown(self) -> dict[str, Any]:
        """The report as JSON has it; without what was said."""
        return {
            "replay": dict(self.replay),
            "ended": self.ended,
            "failed": self.is_failed,
            "slow_s": self.slow_s,
            "redacted_items": self.redacted,
            "people": self.people.shown(),
            "judge": None if self.judge is None else self.judge.shown(),
            "gates": [{name: getattr(gate, name) for name in Outcome.__slots__} for gate in self.gates],
            **self.figures.shown(),
        }
