"""Guardrails in the configuration: their tables, what one table says of another, and what they become.

A guardrail is defined in `[guardrails.NAME]`; one that is only named is the plug-in of that name with its own defaults.
There are three kinds of plug-ins: those that find spans of text, judges of whole texts (`judge`), and judges that must
ask somebody (`question`).
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from llmgateway.config.guarding import Guarding, Guardrail
from llmgateway.config.making import missing, wrong_options
from llmgateway.config.problems import Fault, Path, did_you_mean, quoted
from llmgateway.config.table import STRICT, Seconds
from llmgateway.domain.verdict import Action, Mode, OnError, Stage

Makers = Mapping[str, Callable[[Mapping[str, Any]], object]]
"""The plug-ins by name. Each is called with a definition's further settings, and raises a ValueError with `option`."""

_GUARDRAIL: Final = Guardrail("", "")
_GUARDING: Final = Guarding()
_MAX_NAMED: Final = 100
_FINDING: Final = ("find", "settled", "continues")  # what finds places does all of these
_MAX_REFUSAL: Final = 2000
_OPEN: Final = STRICT | ConfigDict(extra="allow")

Names = Annotated[list[Annotated[str, Field(max_length=256)]], Field(max_length=_MAX_NAMED)]


class GuardrailTable(BaseModel):
    """[guardrails.NAME]; what is not named here is the plug-in's own"""

    model_config = _OPEN

    use: str | None = None
    stages: Annotated[list[Annotated[Stage, Field(strict=False)]], Field(min_length=1, max_length=2)] | None = None
    action: Annotated[Action, Field(strict=False)] | None = None
    mode: Annotated[Mode, Field(strict=False)] = _GUARDRAIL.mode
    restore: bool = _GUARDRAIL.restore
    refusal: Annotated[str, Field(min_length=1, max_length=_MAX_REFUSAL)] | None = _GUARDRAIL.refusal
    timeout: Seconds = Field(_GUARDRAIL.timeout_s, ge=0.01, le=60)
    on_error: Annotated[OnError, Field(strict=False)] | None = _GUARDRAIL.on_error

    @property
    def plain_options(self) -> Mapping[str, Any]:
        """The plug-in's own settings."""
        return self.model_extra or {}


class GuardrailsTable(BaseModel):
    """[guardrails]"""

    model_config = _OPEN
    __pydantic_extra__: dict[str, GuardrailTable]

    baseline: Names = []
    hold: Seconds = Field(_GUARDING.hold_s, ge=0.1, le=60)
    realtime_audio: Literal["refuse", "pass"] = "refuse"

    @property
    def named(self) -> dict[str, GuardrailTable]:
        """The definitions by name."""
        return self.__pydantic_extra__ or {}


def wrong_guardrails(
    guardrails: GuardrailsTable, routes: Mapping[str, list[str]], makers: Makers, backends: Collection[str] = ()
) -> Iterator[Fault]:
    """Definitions that no plug-in takes, and names that lead nowhere. `routes`: what each of them names."""
    for name, table in guardrails.named.items():
        yield from _wrong_definition(("guardrails", name), name, table, makers)
        yield from _wrong_asked(("guardrails", name), name, table, makers, {"route": routes, "backend": backends})
    known = [*guardrails.named, *makers]
    yield from _unknown(("guardrails", "baseline"), guardrails.baseline, known)
    for route, names in routes.items():
        yield from _unknown(("routes", route, "guardrails"), names, known)


def _wrong_definition(path: Path, name: str, table: GuardrailTable, makers: Makers) -> Iterator[Fault]:
    plugin = table.use or name
    if table.action is Action.ALLOW:
        yield (*path, "action"), 'must be "flag", "redact" or "block"'
    looks = table.stages or ((Stage.REPLY,) if binds(makers.get(plugin)) else Stage)
    if table.restore and (_action(table, makers.get(plugin)) is not Action.REDACT or Stage.REQUEST not in looks):
        yield (*path, "restore"), "is only for guardrails that redact requests"
    if table.refusal is not None and table.action is not Action.BLOCK:
        yield (*path, "refusal"), 'is only for guardrails with action = "block"'
    if plugin not in makers:
        where = (*path, "use") if table.use else path
        yield where, f"no guardrail plug-in is called {quoted(plugin)}{did_you_mean(plugin, makers)}"
        return
    if is_judge(makers[plugin]):
        yield from _wrong_judge(path, table, makers[plugin])
    elif binds(makers[plugin]):
        yield from _wrong_stages(path, table, makers[plugin])
    if not is_slow(makers[plugin]):
        yield from _never_waits(path, table)
    lacking = missing(makers[plugin], _FINDING) if not (is_judge(makers[plugin]) or binds(makers[plugin])) else []
    if lacking:
        yield path, f"the plug-in {quoted(plugin)} is no guardrail yet: it has no {', '.join(lacking)}"
        return
    yield from wrong_options(path, plugin, makers[plugin], table.plain_options)


def is_judge(plugin: object) -> bool:
    """Whether it judges whole texts."""
    return hasattr(plugin, "judge") or hasattr(plugin, "question")


def binds(plugin: object) -> bool:
    """Whether it must know what was asked to judge a reply."""
    return hasattr(plugin, "bind")


def is_slow(plugin: object) -> bool:
    """Whether it takes its time: it asks somebody, or needs a process of its own."""
    return hasattr(plugin, "question") or bool(getattr(plugin, "is_heavy", False))


def locates(plugin: object) -> bool:
    """Whether what it finds are places that can be redacted. A quick judge is asked before there is anything to put
    them into: what is quick and finds places is no judge.
    """
    return is_slow(plugin) and bool(getattr(plugin, "locates", False))


def _wrong_judge(path: Path, table: GuardrailTable, plugin: object) -> Iterator[Fault]:
    """A judge looks at whole texts: unless it finds places, there is no span that it could redact."""
    if table.action is Action.REDACT and not locates(plugin):
        yield (*path, "action"), 'must be "flag" or "block": this plug-in judges whole texts'
    yield from _wrong_stages(path, table, plugin)


def _wrong_stages(path: Path, table: GuardrailTable, plugin: object) -> Iterator[Fault]:
    known: Collection[Stage] = getattr(plugin, "stages", ())
    if any(stage not in known for stage in table.stages or ()):
        yield (*path, "stages"), f"must be {_listed(known)}: this plug-in judges nothing else"


def _listed(stages: Collection[Stage]) -> str:
    return f"[{', '.join(quoted(stage.value) for stage in stages)}]"


def _never_waits(path: Path, table: GuardrailTable) -> Iterator[Fault]:
    for name in ("timeout", "on_error"):
        if name in table.model_fields_set:
            yield (*path, name), "is for plug-ins that ask somebody or run in a process of their own: this one does not"


def _wrong_asked(
    path: Path, name: str, table: GuardrailTable, makers: Makers, known: Mapping[str, Collection[str]]
) -> Iterator[Fault]:
    """Who is asked must be there, by its own name: a pattern would leave open which model that is."""
    whom = str(getattr(makers.get(table.use or name), "whom", ""))
    asked = table.plain_options.get(whom)
    if whom not in known or not isinstance(asked, str):
        return
    if asked not in known[whom]:
        yield (*path, whom), f"no {whom} is called {quoted(asked)}{did_you_mean(asked, known[whom])}"
    elif whom == "route" and "*" in asked:
        yield (*path, whom), "must name one route: a pattern leaves open which model is asked"


def _unknown(path: Path, names: list[str], known: list[str]) -> Iterator[Fault]:
    for index, name in enumerate(names):
        if name not in known:
            yield (*path, index), f"no guardrail is called {quoted(name)}{did_you_mean(name, known)}"
        elif name in names[:index]:
            yield (*path, index), f"{quoted(name)} is named twice"


def guarding(table: GuardrailsTable, makers: Makers) -> Guarding:
    """What the section becomes."""
    named = {name: _guardrail(name, each, makers) for name, each in table.named.items()}
    baseline = tuple(named.get(name) or undefined(name, makers) for name in table.baseline)
    return Guarding(named, baseline, table.hold, passes_sound=table.realtime_audio == "pass")


def of_route(names: list[str], found: Guarding, makers: Makers) -> tuple[Guardrail, ...]:
    """The baseline, which nothing loosens, and behind it what the route names."""
    own = (found.named.get(name) or undefined(name, makers) for name in names)
    return (*found.baseline, *(each for each in own if each not in found.baseline))


def undefined(name: str, makers: Makers) -> Guardrail:
    """A guardrail that is only named: the plug-in of that name with its own defaults."""
    plugin = makers.get(name)
    return Guardrail(name, name, stages=_usual_stages(plugin), action=_usual_action(plugin), is_judge=is_judge(plugin))


def _usual_stages(plugin: object) -> tuple[Stage, ...]:
    """Both, but for judges: a judge of replies makes streams wait, which nobody gets without asking for it."""
    if not is_judge(plugin):
        return (Stage.REPLY,) if binds(plugin) else _GUARDRAIL.stages
    known: Collection[Stage] = getattr(plugin, "stages", ())
    return (Stage.REQUEST,) if Stage.REQUEST in known else (Stage.REPLY,)


def _action(table: GuardrailTable, plugin: object) -> Action:
    return table.action or _usual_action(plugin)


def _usual_action(plugin: object) -> Action:
    """Judges that were not told what to do only flag, unless they find places and say otherwise themselves."""
    if not is_judge(plugin):
        return _GUARDRAIL.action
    return Action(getattr(plugin, "usual_action", Action.FLAG)) if locates(plugin) else Action.FLAG


def _guardrail(name: str, table: GuardrailTable, makers: Makers) -> Guardrail:
    plugin = makers.get(table.use or name)
    return Guardrail(
        name=name,
        plugin=table.use or name,
        stages=tuple(table.stages or _usual_stages(plugin)),
        action=_action(table, plugin),
        mode=table.mode,
        restore=table.restore,
        timeout_s=table.timeout,
        on_error=table.on_error,
        refusal=table.refusal,
        options=table.plain_options,
        is_judge=is_judge(plugin),
    )
