"""A route made ready to assign versions: its rules in order, then its weighted split. Compiled once a snapshot."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from llmgateway.config.conditions import Condition, conditions
from llmgateway.config.rules import Rule
from llmgateway.config.snapshot import Route
from llmgateway.routing.facts import ASK, Ask, Facts
from llmgateway.routing.select import RULE, Split, split_of

Admits = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Check:
    """One condition, and how it is asked."""

    condition: Condition
    ask: Ask
    admits: Admits

    def holds(self, facts: Facts) -> bool:
        return self.admits(self.ask(facts, self.condition))

    def told(self, facts: Facts) -> str:
        """What the request has, in words that follow the condition's."""
        return self.condition.told(self.ask(facts, self.condition))


@dataclass(frozen=True, slots=True)
class ReadyRule:
    """A rule that can be asked whether it fits, and then assigns."""

    name: str
    checks: tuple[Check, ...]
    split: Split

    def fits(self, facts: Facts) -> bool:
        return all(check.holds(facts) for check in self.checks)


@dataclass(frozen=True, slots=True)
class Chooser:
    """Assigns one route's versions."""

    rules: tuple[ReadyRule, ...]
    split: Split

    def split_for(self, facts: Facts) -> Split:
        """The split of the first rule that fits, else the route's own."""
        for rule in self.rules:
            if rule.fits(facts):
                return rule.split
        return self.split


class Choosers(dict[str, Chooser]):
    """The routes' choosers by name, each made when the first request asks for it: a snapshot may hold thousands."""

    def __init__(self, routes: Mapping[str, Route]) -> None:
        super().__init__()
        self._routes = routes

    def __missing__(self, name: str) -> Chooser:
        made = self[name] = chooser(self._routes[name])
        return made


def chooser(route: Route) -> Chooser:
    """Make a route's rules and weights ready."""
    return Chooser(tuple(_ready(route, rule) for rule in route.rules), split_of(route))


def _ready(route: Route, rule: Rule) -> ReadyRule:
    checks = tuple(Check(each, ASK[each.fact], each.admits) for each in conditions(rule.when))
    shares = ((route.version(name), weight) for name, weight in rule.use)
    return ReadyRule(rule.name, checks, Split(route.salt, shares, f"{RULE}{rule.name}"))
