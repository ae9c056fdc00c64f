"""The table of a route's golden questions, what is wrong with one, and what it becomes."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Final, Self

from pydantic import BaseModel, Field, SecretStr, model_validator

from llmgateway.config.golden import DAY_S, Golden, Match
from llmgateway.config.problems import Fault
from llmgateway.config.rule_schema import Minute, Zone
from llmgateway.config.rules import DAY_MINUTES
from llmgateway.config.table import STRICT, Seconds

if TYPE_CHECKING:
    from llmgateway.config.schema import RouteTable
    from llmgateway.config.snapshot import Secret

_GOLDEN: Final = Golden("")


class GoldenTable(BaseModel):
    """[routes.NAME.golden]"""

    model_config = STRICT

    dataset: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    every: Seconds = Field(_GOLDEN.every_s, ge=60, le=366 * DAY_S)
    items: int = Field(_GOLDEN.items, ge=1, le=500)
    match: Annotated[Match, Field(strict=False)] = _GOLDEN.match
    max_cost: float = Field(_GOLDEN.max_cost, ge=0, le=10_000)
    timeout: Seconds = Field(_GOLDEN.timeout_s, ge=0.1, le=3_600)
    api_key: SecretStr | None = None
    at: Minute | None = None
    zone: Zone = _GOLDEN.zone

    @model_validator(mode="after")
    def _is_of_days(self) -> Self:
        if self.at == DAY_MINUTES:
            raise ValueError("at must be before 24:00")
        if self.at is not None and self.every < DAY_S:
            raise ValueError("at is a time of the day, so every must be a day or longer")
        if self.at is None and self.zone != _GOLDEN.zone:
            raise ValueError("zone says by which clocks; at is missing")
        return self


def unfit_golden(routes: "Mapping[str, RouteTable]", *, has_keys: bool) -> Iterator[Fault]:
    """Golden questions that nobody could ask. `has_keys`: callers need a key."""
    for name, table in routes.items():
        if table.golden is None:
            continue
        if "*" in name:
            yield ("routes", name, "golden"), "is for a route with one name: a pattern leaves open which model is asked"
        if has_keys and table.golden.api_key is None:
            reason = "needs an api_key: callers of this gateway must have a key, and what asks a route is a caller"
            yield ("routes", name, "golden"), reason


def golden(table: GoldenTable | None, api_key: "Secret | None") -> Golden | None:
    """What a table becomes."""
    if table is None:
        return None
    return Golden(
        table.dataset,
        table.every,
        table.items,
        table.match,
        table.max_cost,
        table.timeout,
        api_key,
        table.at,
        table.zone,
    )
