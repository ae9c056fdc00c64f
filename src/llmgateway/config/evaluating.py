"""Evaluators in the configuration in force: what the operator has defined."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmgateway.config.snapshot import Secret


class Keep(StrEnum):
    """Which scores are written."""

    ALL = "all"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Evaluator:
    """An evaluator as the operator defined it. `options` are its plug-in's own."""

    name: str
    plugin: str
    routes: tuple[str, ...] = ()  # empty: every route
    sample: float = 1.0  # of the exchanges, by their ids
    keep: Keep = Keep.ALL
    daily_cost: float = 1.0  # US dollars; of those that ask, as the two below
    daily_questions: int = 1_000
    timeout_s: float = 30.0  # for one question
    api_key: "Secret | None" = None  # what it asks with
    options: Mapping[str, Any] = field(default_factory=dict)
