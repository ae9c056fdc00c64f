"""A route's rules as the snapshot holds them: what a request has to be, and which versions it then gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

Scalar = str | int | float | bool
ParamPath = tuple[str, ...]

DIALECTS: Final = ("anthropic", "openai")  # those that dataplane/door.py tells apart
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES: Final = 1_440
WEEK_MINUTES: Final = 7 * DAY_MINUTES
WHOLE_WEEK: Final = (1 << WEEK_MINUTES) - 1


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """From `start` to before `end` by the clocks on the walls of `zone`; both are minutes of the day.

    A window whose `end` is not after its `start` runs into the next day and belongs to the day on which it begins.
    """

    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)  # Monday is 0
    start: int = 0
    end: int = DAY_MINUTES
    zone: str = "UTC"

    @property
    def minutes(self) -> int:
        """The minutes of a week that lie within, as bits; the first is that of Monday's midnight."""
        bits = (1 << ((self.end - self.start) % DAY_MINUTES or DAY_MINUTES)) - 1
        week = 0
        for day in self.days:
            week |= bits << (day * DAY_MINUTES + self.start)
        return (week | week >> WEEK_MINUTES) & WHOLE_WEEK


@dataclass(frozen=True, slots=True)
class When:
    """What is set has to hold, all of it; of several values one has to. Nothing set: every request will do."""

    key: tuple[str, ...] = ()
    key_tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    header: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # names in lower case
    metadata: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)
    params: Mapping[ParamPath, tuple[Scalar, ...]] = field(default_factory=dict)  # ("reasoning", "effort")
    min_tokens: int | None = None
    max_tokens: int | None = None
    dialect: tuple[str, ...] = ()
    stream: bool | None = None
    tools: bool | None = None
    images: bool | None = None
    time: TimeWindow | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Requests that are as `when` says get the versions of `use`, by weight."""

    name: str
    when: When
    use: tuple[tuple[str, float], ...]


class FaultKind(StrEnum):
    """Why an attempt failed, as operators tell them apart; routing/faults.py has the error codes of each."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    TRUNCATED = "truncated"
    PROTOCOL = "protocol"
    AUTH = "auth"
    OVERLOADED = "overloaded"
