"""The shape of [[routes.NAME.rules]] and [routes.NAME.on_failure]; see `schema`."""

import math
from collections.abc import Iterator
from re import ASCII
from re import compile as regex
from typing import Annotated, Any, Final, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, field_validator, model_validator

from llmgateway.config import values
from llmgateway.config.problems import did_you_mean, dotted, quoted
from llmgateway.config.rules import DAY_MINUTES, DAYS, DIALECTS, FaultKind, ParamPath, Scalar
from llmgateway.config.table import STRICT

MAX_RULES: Final = 200  # a route: each is looked at, until one matches
_MAX_VALUES: Final = 1_000
_MAX_PATH: Final = 8
_MAX_TOKENS: Final = 10**9
_LONG: Final = frozenset({"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"})
_TIME: Final = regex(r"([01]\d|2[0-3]):([0-5]\d)", ASCII)
_CREDENTIALS: Final = frozenset({"authorization", "proxy-authorization", "x-api-key", "cookie"})


def _listed(value: Any) -> Any:
    """Let one value stand for a list of it."""
    return value if isinstance(value, list) else [value]


def _scalar(value: Any) -> Scalar:
    if isinstance(value, str | int | float | bool) and (not isinstance(value, float) or math.isfinite(value)):
        return value
    raise ValueError("must be text, a number, true or false, or a list of such")


def _minute(value: Any) -> int:
    if isinstance(value, str):
        if value == "24:00":
            return DAY_MINUTES
        if found := _TIME.fullmatch(value):
            return int(found[1]) * 60 + int(found[2])
    raise ValueError('must be a time of the day in quotes, like "09:00" or "24:00"')


def _day(value: Any) -> int:
    if isinstance(value, str) and value.lower() in {*DAYS, *_LONG}:
        return DAYS.index(value[:3].lower())
    raise ValueError('must be a day of the week: "mon", "tue", "wed", "thu", "fri", "sat" or "sun"')


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # not there, no name of one, a folder of them
        known = available_timezones()
        hint = did_you_mean(value, known) or ', like "Europe/Berlin"'
        raise ValueError(f"is no time zone of the IANA database{hint}") from None
    return value


def _dialect(value: str) -> str:
    if value not in DIALECTS:
        raise ValueError(f"no dialect is called {quoted(value)}{did_you_mean(value, DIALECTS)}")
    return value


def _condition_header(value: str) -> str:
    if not values.is_token(value):
        raise ValueError("is not a header name")
    if value.lower() in _CREDENTIALS:
        raise ValueError("a credential must not stand in a rule: ask for the key by its name, with `key`")
    return value


def _header_value(value: str) -> str:
    if not value.isascii() or not value.isprintable() or value != value.strip():
        raise ValueError("no header has such a value: it is printable ASCII without blanks around it")
    return value


def _once(headers: dict[str, Any]) -> dict[str, Any]:
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("names a header twice")
    return headers


def paths(table: dict[str, Any], before: ParamPath = ()) -> Iterator[tuple[ParamPath, Any]]:
    """The values in a table of request parameters, each with its path; a table in it stands for an object's members."""
    for name, value in table.items():
        if isinstance(value, dict) and value and len(before) <= _MAX_PATH:
            yield from paths(value, (*before, name))
        else:
            yield (*before, name), value


def _params(table: dict[str, Any]) -> dict[str, Any]:
    for path, value in paths(table):
        if len(path) > _MAX_PATH:
            raise ValueError("is nested too deeply")
        listed = _listed(value)
        if not listed:
            raise ValueError(f"{dotted(path)} has no value to compare with")
        for each in listed:
            _scalar(each)
    return table


def _typed(wanted: list[Any]) -> set[tuple[bool, Any]]:
    """Values as JSON tells them apart: true is not 1, but 1 is 1.0."""
    return {(isinstance(each, bool), each) for each in wanted}


OneOrMore = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1, max_length=_MAX_VALUES)]
HeaderValues = Annotated[
    list[Annotated[str, AfterValidator(_header_value)]],
    BeforeValidator(_listed),
    Field(min_length=1, max_length=_MAX_VALUES),
]
Dialects = Annotated[
    list[Annotated[str, AfterValidator(_dialect)]],
    BeforeValidator(_listed),
    Field(min_length=1, max_length=len(DIALECTS)),
]
Scalars = Annotated[
    list[Annotated[Scalar, BeforeValidator(_scalar)]],
    BeforeValidator(_listed),
    Field(min_length=1, max_length=_MAX_VALUES),
]
Tokens = Annotated[int, Field(ge=0, le=_MAX_TOKENS)]
Minute = Annotated[int, BeforeValidator(_minute)]
Zone = Annotated[str, AfterValidator(_zone)]
Day = Annotated[int, BeforeValidator(_day)]
Weight = Annotated[float, Field(ge=0, le=1_000_000)]


class _Table(BaseModel):
    model_config = STRICT


class TimeTable(_Table):
    """[routes.NAME.rules.when.time]"""

    days: Annotated[list[Day], Field(min_length=1, max_length=7)] = [0, 1, 2, 3, 4, 5, 6]
    from_: Minute = Field(0, alias="from")
    to: Minute = DAY_MINUTES
    zone: Zone = "UTC"

    @model_validator(mode="after")
    def _is_something(self) -> Self:
        if self.from_ == DAY_MINUTES:
            raise ValueError("from must be before 24:00")
        if self.from_ % DAY_MINUTES == self.to % DAY_MINUTES and self.to - self.from_ != DAY_MINUTES:
            raise ValueError("the window is empty: from and to are the same; leave both out for the whole day")
        if len(set(self.days)) < len(self.days):
            raise ValueError("names a day twice")
        return self


class WhenTable(_Table):
    """[routes.NAME.rules.when]"""

    key: OneOrMore | None = None
    key_tags: Annotated[dict[str, OneOrMore], Field(max_length=32)] = {}
    header: Annotated[
        dict[Annotated[str, AfterValidator(_condition_header)], HeaderValues],
        Field(max_length=32),
        AfterValidator(_once),
    ] = {}
    metadata: Annotated[dict[str, Scalars], Field(max_length=32)] = {}
    params: Annotated[dict[str, Any], Field(max_length=32), AfterValidator(_params)] = {}
    min_tokens: Tokens | None = None
    max_tokens: Tokens | None = None
    dialect: Dialects | None = None
    stream: bool | None = None
    tools: bool | None = None
    images: bool | None = None
    time: TimeTable | None = None

    @model_validator(mode="after")
    def _can_hold(self) -> Self:
        if self.min_tokens is not None and self.max_tokens is not None and self.min_tokens > self.max_tokens:
            raise ValueError(f"min_tokens is above max_tokens ({self.min_tokens} > {self.max_tokens}): nothing fits")
        params = {path: _listed(value) for path, value in paths(self.params)}
        for path, name, wanted in self._members():
            if path in params and not _typed(wanted) & _typed(params[path]):
                raise ValueError(f"{name} and params.{dotted(path)} ask for different values of the same: nothing fits")
        if self.metadata and ("metadata",) in params:
            raise ValueError("metadata asks for members of what params.metadata says is a plain value: nothing fits")
        return self

    def _members(self) -> Iterator[tuple[ParamPath, str, list[Scalar]]]:
        """What is asked of members that `params` may ask about, too: where each is, and by which name."""
        if self.stream is not None:
            yield ("stream",), "stream", [self.stream]
        for name, wanted in self.metadata.items():
            yield ("metadata", name), f"metadata.{name}", wanted


class RuleTable(_Table):
    """[[routes.NAME.rules]]"""

    name: Annotated[str, AfterValidator(values.name)]
    when: WhenTable = WhenTable()
    use: Annotated[dict[str, Weight], Field(min_length=1, max_length=100)]


class OnFailureTable(_Table):
    """[routes.NAME.on_failure]"""

    faults: list[Annotated[FaultKind, Field(strict=False)]] = list(FaultKind)

    @field_validator("faults")
    @classmethod
    def _once_each(cls, faults: list[FaultKind]) -> list[FaultKind]:
        if len(set(faults)) < len(faults):
            raise ValueError("names a fault twice")
        return faults
