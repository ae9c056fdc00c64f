"""Golden questions of a route, as the configuration has them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from llmgateway.config.snapshot import Secret

DAY_S: Final = 86_400.0


class Match(StrEnum):
    """How an answer is compared with the one that the dataset has."""

    RULES = "rules"  # not at all: nothing may be bad about it by rules
    CONTAINS = "contains"  # it says what that one says, and maybe more
    EXACT = "exact"  # it says the same


@dataclass(frozen=True, slots=True)
class Golden:
    """Which questions are asked, how often, and with which key; and what a round may cost in US dollars."""

    dataset: str
    every_s: float = DAY_S
    items: int = 50
    match: Match = Match.RULES
    max_cost: float = 1.0
    timeout_s: float = 120.0  # for one answer
    api_key: "Secret | None" = None
