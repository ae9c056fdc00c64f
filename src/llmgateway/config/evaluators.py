"""Evaluators in the configuration: their tables, what is wrong with them, and what they become."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from llmgateway.config.evaluating import Evaluator, Keep
from llmgateway.config.making import wrong_options
from llmgateway.config.problems import Fault, Path, did_you_mean, quoted
from llmgateway.config.snapshot import Secret
from llmgateway.config.table import STRICT, Seconds

Makers = Mapping[str, Callable[[Mapping[str, Any]], object]]
"""The plug-ins by name, as `config.guardrails.Makers`."""

MAX_EVALUATORS: Final = 20  # each has some twenty series
SAMPLE_OF_ASKING: Final = 0.05
_EVALUATOR: Final = Evaluator("", "")
_OF_ASKING: Final = ("daily_cost", "daily_questions", "timeout", "api_key")


class EvaluatorTable(BaseModel):
    """[evaluators.NAME]; what is not named here is the plug-in's own"""

    model_config = STRICT | ConfigDict(extra="allow")

    use: str | None = None
    routes: Annotated[list[str], Field(max_length=1_000)] = []
    sample: float | None = Field(None, ge=0, le=1)
    keep: Annotated[Keep, Field(strict=False)] = _EVALUATOR.keep
    daily_cost: float = Field(_EVALUATOR.daily_cost, ge=0, le=1_000_000)
    daily_questions: int = Field(_EVALUATOR.daily_questions, ge=0, le=10_000_000)
    timeout: Seconds = Field(_EVALUATOR.timeout_s, ge=0.1, le=600)
    api_key: SecretStr | None = None

    @property
    def plain_options(self) -> Mapping[str, Any]:
        """The plug-in's own settings."""
        return self.model_extra or {}


def wrong_evaluators(
    tables: Mapping[str, EvaluatorTable], routes: Collection[str], makers: Makers, *, has_keys: bool
) -> Iterator[Fault]:
    """Definitions that no plug-in takes, and routes that are not there. `has_keys`: callers need a key."""
    for name, table in tables.items():
        path: Path = ("evaluators", name)
        yield from _wrong_routes(path, table, routes)
        plugin = table.use or name
        if plugin not in makers:
            where = (*path, "use") if table.use else path
            yield where, f"no evaluator plug-in is called {quoted(plugin)}{did_you_mean(plugin, makers)}"
            continue
        if hasattr(makers[plugin], "questions"):
            yield from _wrong_asking(path, table, routes, has_keys=has_keys)
        else:
            yield from _never_asks(path, table)
        yield from wrong_options(path, plugin, makers[plugin], table.plain_options)


def _wrong_routes(path: Path, table: EvaluatorTable, routes: Collection[str]) -> Iterator[Fault]:
    for index, name in enumerate(table.routes):
        if name not in routes:
            yield (*path, "routes", index), f"no route is called {quoted(name)}{did_you_mean(name, routes)}"


def _wrong_asking(path: Path, table: EvaluatorTable, routes: Collection[str], *, has_keys: bool) -> Iterator[Fault]:
    asked = table.plain_options.get("route")
    if isinstance(asked, str):
        if asked not in routes:
            yield (*path, "route"), f"no route is called {quoted(asked)}{did_you_mean(asked, routes)}"
        elif "*" in asked:
            yield (*path, "route"), "must name one route: a pattern leaves open which model is asked"
    if has_keys and table.api_key is None:
        yield path, "needs an api_key: callers of this gateway must have a key, and what asks a route is a caller"


def _never_asks(path: Path, table: EvaluatorTable) -> Iterator[Fault]:
    for name in _OF_ASKING:
        if name in table.model_fields_set:
            yield (*path, name), "is for plug-ins that ask a model: this one does not"


def evaluator(name: str, table: EvaluatorTable, makers: Makers, api_key: Secret | None) -> Evaluator:
    """What a table becomes."""
    plugin = table.use or name
    usual = SAMPLE_OF_ASKING if hasattr(makers.get(plugin), "questions") else _EVALUATOR.sample
    return Evaluator(
        name=name,
        plugin=plugin,
        routes=tuple(table.routes),
        sample=usual if table.sample is None else table.sample,
        keep=table.keep,
        daily_cost=table.daily_cost,
        daily_questions=table.daily_questions,
        timeout_s=table.timeout,
        api_key=api_key,
        options=table.plain_options,
    )
