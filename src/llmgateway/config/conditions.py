"""The conditions of a rule, each with what it asks, what it says in words, and whether it lets through all of another.

The one place that knows what `when` means: routing asks `admits`, checking asks `covers`, people read `words`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from llmgateway.config.problems import dotted, quoted
from llmgateway.config.rules import DAY_MINUTES, DAYS, DIALECTS, WHOLE_WEEK, ParamPath, Scalar, TimeWindow, When


class Fact(StrEnum):
    """What can be asked of a request, the cheapest first: rules look at their conditions in this order."""

    KEY = "key"
    DIALECT = "dialect"
    STREAM = "stream"
    KEY_TAG = "key tag"
    HEADER = "header"
    PARAM = "parameter"
    METADATA = "metadata"
    TOKENS = "tokens"
    TIME = "time"
    TOOLS = "tools"
    IMAGES = "images"


_SCALARS: Final = (str, int, float, bool)
_YES_NO: Final = {
    Fact.STREAM: ("streamed", "not streamed"),
    Fact.TOOLS: ("with tools", "without tools"),
    Fact.IMAGES: ("with images", "without images"),
}


FEW: Final[Mapping[Fact, tuple[Scalar, ...]]] = {
    Fact.STREAM: (True, False),
    Fact.TOOLS: (True, False),
    Fact.IMAGES: (True, False),
    Fact.DIALECT: DIALECTS,
}
"""Every value of the facts that have few."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """The fact is one of `values`. `name` tells headers, parameters and the like apart."""

    fact: Fact
    name: str
    values: tuple[Scalar, ...]
    path: ParamPath = ()  # a parameter's
    allowed: frozenset[tuple[bool, Scalar]] = field(init=False, repr=False, compare=False)  # whether it is a boolean

    def __post_init__(self) -> None:
        object.__setattr__(self, "allowed", frozenset((isinstance(value, bool), value) for value in self.values))

    def admits(self, value: Any) -> bool:
        """Tell whether `value` is among them: as JSON has it, where true is not 1 but 1 is 1.0."""
        return isinstance(value, _SCALARS) and (isinstance(value, bool), value) in self.allowed

    def covers(self, other: "Condition") -> bool:
        return isinstance(other, OneOf) and other.allowed <= self.allowed

    @property
    def is_certain(self) -> bool:
        return False

    @property
    def words(self) -> str:
        if self.fact in _YES_NO:
            return _YES_NO[self.fact][0 if self.values[0] is True else 1]
        subject = self.fact.value + (f" {self.name}" if self.name else "")
        return f"{subject} is {' or '.join(shown(value) for value in self.values)}"

    def told(self, value: Any) -> str:
        """What a request has instead, to follow `words`."""
        if self.fact in _YES_NO:
            return _YES_NO[self.fact][0 if value else 1]
        return shown(value)


@dataclass(frozen=True, slots=True)
class Between:
    """The estimated input tokens lie between the two, both included."""

    low: int
    high: int | None
    fact: Fact = Fact.TOKENS
    name: str = ""
    path: ParamPath = ()

    def admits(self, value: int | None) -> bool:
        return value is not None and self.low <= value and (self.high is None or value <= self.high)

    def covers(self, other: "Condition") -> bool:
        if not isinstance(other, Between) or other.low < self.low:
            return False
        return self.high is None or (other.high is not None and other.high <= self.high)

    @property
    def is_certain(self) -> bool:
        return False  # an upload has no tokens to count

    @property
    def words(self) -> str:
        if self.high is None:
            return f"at least {self.low} input tokens"
        return f"{self.low} to {self.high} input tokens" if self.low else f"at most {self.high} input tokens"

    def told(self, value: int | None) -> str:
        return "unknown" if value is None else f"about {value}"


@dataclass(frozen=True, slots=True)
class Within:
    """The time of arrival lies in the window."""

    window: TimeWindow
    fact: Fact = Fact.TIME
    name: str = ""
    path: ParamPath = ()
    minutes: int = field(init=False, repr=False, compare=False)
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "minutes", self.window.minutes)
        object.__setattr__(self, "_zone", ZoneInfo(self.window.zone))

    def admits(self, value: float) -> bool:
        """Tell whether Unix time `value` lies within, by the clocks of the zone: an hour that a change of clocks
        leaves out is in no window, one that it brings twice is in both times."""
        local = datetime.fromtimestamp(value, self._zone)
        minute = local.weekday() * DAY_MINUTES + local.hour * 60 + local.minute
        return bool(self.minutes >> minute & 1)

    def covers(self, other: "Condition") -> bool:
        if not isinstance(other, Within) or other.window.zone != self.window.zone:
            return False
        return self.minutes & other.minutes == other.minutes

    @property
    def is_certain(self) -> bool:
        return self.minutes == WHOLE_WEEK

    @property
    def words(self) -> str:
        window = self.window
        days = "every day" if len(window.days) == 7 else ", ".join(DAYS[day].capitalize() for day in window.days)
        if window.end - window.start == DAY_MINUTES:
            return f"{days} in {window.zone}"
        night = " of the next day" if window.end <= window.start else ""
        return f"{days} {clock(window.start)} to {clock(window.end)}{night} in {window.zone}"

    def told(self, value: float) -> str:
        return f"{datetime.fromtimestamp(value, self._zone):%a %H:%M}"


Condition = OneOf | Between | Within


def conditions(when: When) -> tuple[Condition, ...]:
    """Take a rule's `when` apart, the conditions that are cheapest to ask first."""
    order = list(Fact)
    return tuple(sorted(_conditions(when), key=lambda condition: order.index(condition.fact)))


def covers(wide: Iterable[Condition], narrow: Iterable[Condition]) -> bool:
    """Tell whether every request that fits all of `narrow` fits all of `wide` too, as far as can be seen."""
    asked = {(each.fact, each.name): each for each in narrow}
    for condition in wide:
        other = asked.get((condition.fact, condition.name))
        if not condition.is_certain and (other is None or not condition.covers(other)):
            return False
    return True


def together_cover(wide: Sequence[Sequence[Condition]], narrow: Sequence[Condition]) -> bool:
    """Tell whether every request that fits `narrow` fits one of `wide`, by what has few values: streams, tools, images,
    dialects. One rule for streams and one for the rest cover everything, though neither does alone."""
    asking = [[each for each in rule if each.fact not in FEW] for rule in wide]
    useful = [rule for rule, rest in zip(wide, asking, strict=True) if covers(rest, narrow)]
    return _split_over(useful, narrow)


def _split_over(wide: Sequence[Sequence[Condition]], narrow: Sequence[Condition]) -> bool:
    if any(covers(each, narrow) for each in wide):
        return True
    asked = {each.fact for each in narrow}
    fact = next((each.fact for rule in wide for each in rule if each.fact in FEW and each.fact not in asked), None)
    if fact is None:
        return False
    return all(_split_over(wide, [*narrow, OneOf(fact, "", (value,))]) for value in FEW[fact])


def shown(value: Any) -> str:
    """A value for a sentence: text in quotes and cut, the rest as JSON has it."""
    if value is None:
        return "not there"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    return str(value) if isinstance(value, int | float) else "no plain value"


def clock(minute: int) -> str:
    """Minutes of the day as people write them."""
    return f"{minute // 60:02}:{minute % 60:02}"


def _conditions(when: When) -> Iterator[Condition]:
    named = ((Fact.KEY_TAG, when.key_tags), (Fact.HEADER, when.header), (Fact.METADATA, when.metadata))
    flags = ((Fact.STREAM, when.stream), (Fact.TOOLS, when.tools), (Fact.IMAGES, when.images))
    yield from (
        OneOf(fact, "", values) for fact, values in ((Fact.KEY, when.key), (Fact.DIALECT, when.dialect)) if values
    )
    yield from (OneOf(fact, "", (flag,)) for fact, flag in flags if flag is not None)
    for fact, table in named:
        yield from (OneOf(fact, name, tuple(values)) for name, values in table.items())
    yield from (OneOf(Fact.PARAM, dotted(path), values, path) for path, values in when.params.items())
    if when.min_tokens is not None or when.max_tokens is not None:
        yield Between(when.min_tokens or 0, when.max_tokens)
    if when.time is not None:
        yield Within(when.time)
