"""Golden questions of a route, as the configuration has them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from llmgateway.config.snapshot import Secret

DAY_S: Final = 86_400.0
_APART_S: Final = 3_600.0  # between a round and one by the clock, at least


class Match(StrEnum):
    """How an answer is compared with the one that the dataset has."""

    RULES = "rules"  # not at all: nothing may be bad about it by rules
    CONTAINS = "contains"  # it says what that one says, and maybe more
    EXACT = "exact"  # it says the same


@dataclass(frozen=True, slots=True)
class Golden:
    """Which questions are asked, how often, and with which key; and what a round may cost in US dollars.

    `at`: the minute of the day, by the clocks of `zone`, at which rounds begin; None: `every_s` after the last one.
    """

    dataset: str
    every_s: float = DAY_S
    items: int = 50
    match: Match = Match.RULES
    max_cost: float = 1.0
    timeout_s: float = 120.0  # for one answer
    api_key: "Secret | None" = None
    at: int | None = None
    zone: str = "UTC"

    def next_round(self, begun: float) -> float:
        """When the round after one that began at `begun` is due; both are Unix times.

        Of the days that it may be on the first: one that somebody had asked by day does not put off the night's. Half a
        day in `every_s` counts as one, lest it be asked more often.
        """
        if self.at is None:
            return begun + self.every_s
        soonest = begun + (ceil(self.every_s / DAY_S) - 1) * DAY_S + _APART_S
        local = datetime.fromtimestamp(soonest, ZoneInfo(self.zone))
        due = local.replace(hour=self.at // 60, minute=self.at % 60, second=0, microsecond=0, fold=0)
        while due.timestamp() < soonest:
            due += timedelta(days=1)
        return due.timestamp()
