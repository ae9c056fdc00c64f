"""Guardrails in the configuration: their tables, what one table says of another, and what they become.

A guardrail is defined in `[guardrails.NAME]`; one that is only named is the plug-in of that name with its own defaults.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from llmgateway.config.problems import Fault, Path, did_you_mean, quoted
from llmgateway.config.snapshot import Guarding, Guardrail
from llmgateway.config.table import STRICT, Seconds
from llmgateway.domain.verdict import Action, Mode, Stage

Makers = Mapping[str, Callable[[Mapping[str, Any]], object]]
"""The plug-ins by name. Each is called with a definition's further settings, and raises a ValueError with `option`."""

_GUARDRAIL: Final = Guardrail("", "")
_GUARDING: Final = Guarding()
_MAX_NAMED: Final = 100
_OPEN: Final = STRICT | ConfigDict(extra="allow")

Names = Annotated[list[Annotated[str, Field(max_length=256)]], Field(max_length=_MAX_NAMED)]


class GuardrailTable(BaseModel):
    """[guardrails.NAME]; what is not named here is the plug-in's own"""

    model_config = _OPEN

    use: str | None = None
    stages: Annotated[list[Annotated[Stage, Field(strict=False)]], Field(min_length=1, max_length=2)] = list(
        _GUARDRAIL.stages
    )
    action: Annotated[Action, Field(strict=False)] = _GUARDRAIL.action
    mode: Annotated[Mode, Field(strict=False)] = _GUARDRAIL.mode
    restore: bool = _GUARDRAIL.restore


class GuardrailsTable(BaseModel):
    """[guardrails]"""

    model_config = _OPEN
    __pydantic_extra__: dict[str, GuardrailTable]

    baseline: Names = []
    hold: Seconds = Field(_GUARDING.hold_s, ge=0.1, le=60)

    @property
    def named(self) -> dict[str, GuardrailTable]:
        """The definitions by name."""
        return self.__pydantic_extra__ or {}


def wrong_guardrails(guardrails: GuardrailsTable, routes: Mapping[str, list[str]], makers: Makers) -> Iterator[Fault]:
    """Definitions that no plug-in takes, and names that lead nowhere. `routes`: what each of them names."""
    for name, table in guardrails.named.items():
        yield from _wrong_definition(("guardrails", name), name, table, makers)
    known = [*guardrails.named, *makers]
    yield from _unknown(("guardrails", "baseline"), guardrails.baseline, known)
    for route, names in routes.items():
        yield from _unknown(("routes", route, "guardrails"), names, known)


def _wrong_definition(path: Path, name: str, table: GuardrailTable, makers: Makers) -> Iterator[Fault]:
    plugin = table.use or name
    if table.action is Action.ALLOW:
        yield (*path, "action"), 'must be "flag", "redact" or "block"'
    if table.restore and (table.action is not Action.REDACT or Stage.REQUEST not in table.stages):
        yield (*path, "restore"), "is only for guardrails that redact requests"
    if plugin not in makers:
        where = (*path, "use") if table.use else path
        yield where, f"no guardrail plug-in is called {quoted(plugin)}{did_you_mean(plugin, makers)}"
        return
    if hasattr(makers[plugin], "judge"):
        yield from _wrong_judge(path, table)
    try:
        makers[plugin](table.model_extra or {})
    except ValueError as error:
        option = getattr(error, "option", "")
        yield (*path, option) if option else path, str(error)


def _wrong_judge(path: Path, table: GuardrailTable) -> Iterator[Fault]:
    """A judge looks at whole prompts: there is no span that it could redact, and a reply cannot wait for its end."""
    if "action" in table.model_fields_set and table.action is Action.REDACT:
        yield (*path, "action"), 'must be "flag" or "block": this plug-in judges whole texts'
    if "stages" in table.model_fields_set and Stage.REPLY in table.stages:
        yield (*path, "stages"), 'must be ["request"]: this plug-in judges prompts'


def _unknown(path: Path, names: list[str], known: list[str]) -> Iterator[Fault]:
    for index, name in enumerate(names):
        if name not in known:
            yield (*path, index), f"no guardrail is called {quoted(name)}{did_you_mean(name, known)}"
        elif name in names[:index]:
            yield (*path, index), f"{quoted(name)} is named twice"


def guarding(table: GuardrailsTable) -> Guarding:
    """What the section becomes."""
    named = {name: _guardrail(name, each) for name, each in table.named.items()}
    baseline = tuple(named.get(name) or Guardrail(name, name) for name in table.baseline)
    return Guarding(named, baseline, table.hold)


def of_route(names: list[str], found: Guarding) -> tuple[Guardrail, ...]:
    """The baseline, which nothing loosens, and behind it what the route names."""
    own = (found.named.get(name) or Guardrail(name, name) for name in names)
    return (*found.baseline, *(each for each in own if each not in found.baseline))


def _guardrail(name: str, table: GuardrailTable) -> Guardrail:
    return Guardrail(
        name=name,
        plugin=table.use or name,
        stages=tuple(table.stages),
        action=table.action,
        mode=table.mode,
        restore=table.restore,
        options=table.model_extra or {},
    )
