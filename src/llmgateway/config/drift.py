"""What is watched for drift, as the configuration has it."""

from dataclasses import dataclass
from enum import StrEnum


class DriftSignal(StrEnum):
    """A yes/no event of one version whose share may rise; named and judged as the metrics of rollouts are."""

    ERROR = "error"
    REFUSAL = "refusal"
    TRUNCATED = "truncated"
    BLOCKED = "blocked"


class DriftFeature(StrEnum):
    """Something of each answered exchange whose distribution may move."""

    PROMPT_LENGTH = "prompt_length"  # input tokens
    REPLY_LENGTH = "reply_length"  # output tokens
    FINISH_REASON = "finish_reason"  # tool calls are one of them
    LANGUAGE = "language"  # of answers, of one in eight


@dataclass(frozen=True, slots=True)
class Drift:
    """What is watched. `reference`: answered exchanges of the frozen window; `comparison`: of each later one.

    `floor`: the population stability index below which a distribution's move is no news.
    """

    signals: frozenset[DriftSignal] = frozenset(DriftSignal)
    features: frozenset[DriftFeature] = frozenset(DriftFeature)
    reference: int = 2_000
    comparison: int = 1_000
    floor: float = 0.1

    @property
    def is_on(self) -> bool:
        return bool(self.signals or self.features)
