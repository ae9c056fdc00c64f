"""Who is asked about a text that somebody tries: a route's guardrails, or those that are named. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

from llmgateway.config.guarding import Guardrail
from llmgateway.config.guardrails import undefined
from llmgateway.config.patterns import best_match
from llmgateway.config.problems import did_you_mean, quoted
from llmgateway.config.routenames import unknown_route
from llmgateway.config.snapshot import Bodies, Route, Snapshot
from llmgateway.domain.verdict import Stage
from llmgateway.guarding.chain import Chain, Link
from llmgateway.guarding.checking import Panel
from llmgateway.guarding.guards import REDACTORS, FindGuardrail, Guard, Guards, linked, prompts_of
from llmgateway.guarding.judging import JudgeLink

MAX_NAMES: Final = 100
KINDS: Final = ("guardrail", "judge")
FindClasses = Callable[[str], Mapping[str, Any]]
"""The plug-ins of a kind by name, not made yet."""


class TrialError(ValueError):
    """Nobody can be asked so; the message is for the operator. `what`: "route", "guardrail" or "setting"."""

    def __init__(self, what: str, message: str) -> None:
        super().__init__(message)
        self.what = what


class Trial:
    """Finds who is asked, in one configuration (None: there is none), and makes each guardrail once."""

    def __init__(self, snapshot: Snapshot | None, classes: FindClasses) -> None:
        self.snapshot = snapshot
        self._classes = cache(classes)
        self._links: dict[str, Link | JudgeLink] = {}

    def of_route(self, name: str, stage: Stage) -> Panel:
        """Those that look into this stage of the route's exchanges, the baseline first; TrialError."""
        route = self._route(name)
        links = [(self._link(each), each.stages) for each in route.guardrails]
        return replace(_panel(link for link, stages in links if stage in stages), prompts=prompts_of(route))

    def of_names(self, names: Sequence[str] = REDACTORS) -> Panel:
        """Those of the configuration or, with their own defaults, the plug-ins of these names; TrialError."""
        return _panel(self._link(self._named(name)) for name in dict.fromkeys(names))

    def guards_of_routes(self) -> Guards:
        """Those that the gateway would have for the exchanges of each route; TrialError."""
        if self.snapshot is None:
            raise TrialError("route", "there is no configuration to find routes in")
        return _guards(self.snapshot, self.snapshot.routes, self._make)

    def guard_of_names(self, names: Sequence[str]) -> Guard | None:
        """The same of a route that had these guardrails and no others; TrialError."""
        guardrails = tuple(self._named(name) for name in dict.fromkeys(names))
        snapshot = self.snapshot or Snapshot(0)
        return _guards(snapshot, {"": Route("", (), guardrails=guardrails)}, self._make).of_route("")

    def route_name(self, name: str) -> str:
        """The route's name as the configuration and the log have it, for a model name too; TrialError."""
        return self._route(name).name

    def _named(self, name: str) -> Guardrail:
        defined = self.snapshot.guarding.named if self.snapshot is not None else {}
        if name not in defined and not any(name in self._classes(kind) for kind in KINDS):
            raise TrialError("guardrail", f"no guardrail is called {quoted(name)}{self._meant(name, defined)}")
        return defined.get(name) or undefined(name, self._known)

    def _route(self, name: str) -> Route:
        if self.snapshot is None:
            raise TrialError("route", "there is no configuration to find a route in")
        routes = self.snapshot.routes
        pattern = name if name in routes else best_match([each for each in routes if "*" in each], name)
        if pattern is None:
            raise TrialError("route", unknown_route(name, routes))
        return routes[pattern]

    def _link(self, guardrail: Guardrail) -> Link | JudgeLink:
        if guardrail.name not in self._links:
            self._links[guardrail.name] = linked(guardrail, self._make)
        return self._links[guardrail.name]

    def _make(self, plugin: str, options: Mapping[str, Any]) -> Any:
        known = self._known
        if plugin not in known:
            message = f"no guardrail plug-in is called {quoted(plugin)}{did_you_mean(plugin, known)}"
            raise TrialError("guardrail", message)
        return _made(plugin, known[plugin], options)

    @property
    def _known(self) -> dict[str, Any]:
        return {**self._classes("judge"), **self._classes("guardrail")}

    def _meant(self, name: str, defined: Iterable[str]) -> str:
        return did_you_mean(name, {*defined, *(each for kind in KINDS for each in self._classes(kind))})


def _panel(links: Iterable[Link | JudgeLink]) -> Panel:
    every = list(links)
    judges = [link for link in every if isinstance(link, JudgeLink)]
    return Panel(Chain(link for link in every if isinstance(link, Link)), judges)


def _guards(snapshot: Snapshot, routes: Mapping[str, Route], make: FindGuardrail) -> Guards:
    """As the gateway makes them, but for what looks after stored bodies: it says nothing of its own."""
    everything = {name: replace(route, bodies=Bodies.FULL) for name, route in routes.items()}
    journal = replace(snapshot.journal, bodies=Bodies.FULL)
    return Guards.of(replace(snapshot, routes=everything, journal=journal), make)


def _made(name: str, plugin: Any, options: Mapping[str, Any]) -> Any:
    try:
        return plugin(options)
    except ValueError as error:
        raise TrialError("setting", f"{quoted(name)} can't be asked without settings: {error}") from None


def catalogue(classes: FindClasses) -> list[dict[str, Any]]:
    """Every plug-in with the version of its rules and what it can find; `kinds` None where its settings decide that.

    `problem`: why it can't be used, None where it can; of such a one nothing else is known.
    """
    return [
        {"name": name, "type": kind, "version": None, "kinds": None, "problem": None} | _described(plugins, name)
        for kind, plugins in ((kind, classes(kind)) for kind in KINDS)
        for name in sorted(plugins)
    ]


def _described(plugins: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What one says of itself. It may be another package's, and fail in whatever way when it is imported."""
    try:
        plugin = plugins[name]
        return {"version": plugin.version, "kinds": _kinds(plugin)}
    except Exception as error:  # noqa: BLE001
        return {"problem": str(error) or type(error).__name__}


def _kinds(plugin: Any) -> list[str] | None:
    kinds = getattr(plugin, "kinds", None)
    return list(kinds) if isinstance(kinds, Sequence) else None
