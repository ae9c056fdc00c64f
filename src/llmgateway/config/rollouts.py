"""A route's staged rollout as the snapshot holds it: which version is to take over, by which steps, judged by what."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from llmgateway.domain.score import SourceKind
from llmgateway.domain.scorerule import ScoreRule

SILENT_S: Final = 600.0  # of metrics of the log
SCORES_SILENT_S: Final = 86_400.0  # people take their time
DAY_S: Final = 86_400.0
REGRESSION: Final = "regression"  # in `replay`: the route's own regression dataset


class MetricName(StrEnum):
    """A yes/no event that is bad, as it is found in the log of exchanges."""

    ERROR = "error"  # the version assigned failed, also where a fallback rescued it
    SLOW = "slow"  # the first token or the whole answer took longer than allowed
    REFUSAL = "refusal"  # the model declined, or a filter of its provider did
    TRUNCATED = "truncated"  # the answer ended at a length limit, or holds nothing
    BLOCKED = "blocked"  # a guardrail blocked the answer


class MetricKind(StrEnum):
    """What harm in a metric does."""

    CRITICAL = "critical"  # rolls back
    SIGNAL = "signal"  # pauses


@dataclass(frozen=True, slots=True)
class RolloutStep:
    """The candidate's share of assignments, and what must have passed before the next step."""

    weight: float
    min_time_s: float = 600.0
    min_units: int = 50
    gate: bool = False


@dataclass(frozen=True, slots=True)
class RolloutMetric:
    """How one metric counts. `first_token_s`, `total_s`: of `slow`; None: as the stable version was at the start.

    `name`: a MetricName's, or any where it `reads` scores.
    """

    name: str
    kind: MetricKind = MetricKind.CRITICAL
    ceiling: float | None = None
    weight: float = 1.0
    silent_s: float = SILENT_S
    first_token_s: float | None = None
    total_s: float | None = None
    reads: ScoreRule | None = None

    @property
    def is_judged(self) -> bool:
        """Whether a model says it."""
        return self.reads is not None and self.reads.source_kind is SourceKind.JUDGE


@dataclass(frozen=True, slots=True)
class RolloutApprovals:
    """Whose word a rollout needs: how many people's to start and to go on, and whose it may be (empty: anyone's)."""

    count: int = 1
    start: int = 0
    by: tuple[str, ...] = ()
    creator_may: bool = False
    valid_s: float = DAY_S


@dataclass(frozen=True, slots=True)
class RolloutBake:
    """After the promotion, a share stays with the old version for a time."""

    holdback: float = 0.05
    min_time_s: float = 3_600.0


@dataclass(frozen=True, slots=True)
class RolloutShadow:
    """Before anybody gets its answers, the candidate answers copies: for a time, or until so many pairs differ."""

    min_time_s: float = 3_600.0
    min_pairs: int = 50
    weight: float = 1.0


STEPS: Final = (RolloutStep(0.05), RolloutStep(0.25), RolloutStep(0.5))
METRICS: Final = (RolloutMetric(MetricName.ERROR, ceiling=0.01),)


@dataclass(frozen=True, slots=True)
class RolloutPolicy:
    """What a rollout of this route is to do once somebody starts it. `rollout.plan` says what the figures mean."""

    candidate: str
    steps: tuple[RolloutStep, ...] = STEPS
    metrics: tuple[RolloutMetric, ...] = METRICS
    approvals: RolloutApprovals = RolloutApprovals()
    bake: RolloutBake = RolloutBake()
    alpha: float = 0.05
    beta: float = 0.05
    r0: float = 1.0
    r_m: float = 1.5
    srm_threshold: float = 1_000.0
    deadline_s: float = 14 * DAY_S
    shadow: RolloutShadow | None = None
    regression: bool = True  # what a rollback shows is kept in the route's regression dataset
    replay: tuple[str, ...] = ()  # datasets that the candidate has to have been tried on
