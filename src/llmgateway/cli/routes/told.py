"""An explanation as people read it."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from llmgateway.cli import gateway
from llmgateway.cli.backends import state
from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.pages import Titled
from llmgateway.config.problems import quoted
from llmgateway.config.written import duration
from llmgateway.routing.explain import AttemptTold, Explanation, FaultTold, Outcome, RuleTold

_MARKS = {Outcome.MATCHED: "✔", Outcome.NO_MATCH: "✘", Outcome.NOT_ASKED: "·"}


def tell(explanation: Explanation, note: str, backends: Mapping[str, Mapping[str, Any]]) -> None:
    """Print it. `note`: what has to be said about the request itself, or nothing; `backends`: how they are."""
    out = gateway.console()
    facts = Titled("", "name", "value")
    for name, value in (*_facts(explanation, note), *_present(explanation, backends)):
        if value:
            facts.add_row(name, value)
    out.print(facts)
    if explanation.rules:
        out.print(_rules(explanation.rules))
    out.print(_after(explanation.after))


def _facts(told: Explanation, note: str) -> Iterable[tuple[str, str]]:
    yield "request", f"{told.model} ({told.dialect}, {told.operation}) with key {told.key}"
    yield "note", note
    yield "route", told.route
    yield "version", _version(told)
    yield "chosen by", chosen_by(told.assigned_by)
    yield "sticky", _sticky(told)
    yield "chances", shares(told.chances)
    yield (
        "attempts",
        "\n".join([*(f"{at}. {_attempt(each)}" for at, each in enumerate(told.attempts, 1)), *_any_first(told)]),
    )
    yield "hedged", told.hedge or ""


def _present(told: Explanation, backends: Mapping[str, Mapping[str, Any]]) -> Iterable[tuple[str, str]]:
    """Who would be asked as the backends are, and how they are."""
    if backends:
        order = [f"{at}. {_attempt(each)}" for at, each in enumerate(told.present, 1)]
        yield "asked now", "\n".join(order) or "nobody: every backend is taken out by hand"
        yield "backends", "\n".join(f"{one_line(name)} is {one_line(state(each))}" for name, each in backends.items())


def _any_first(told: Explanation) -> list[str]:
    """Which of a version's backends begins is decided when a request comes."""
    begin = {each.backend for each in told.attempts if each.version == told.version}
    return [f"which of {', '.join(sorted(begin))} begins: {told.balance}"] if len(begin) > 1 else []


def chosen_by(reason: str) -> str:
    """Why a version is assigned, in words."""
    kind, _, name = reason.partition(":")
    words = {
        "split": "the weights of the route's versions",
        "rule": f"rule {name}",
        "pin": "the caller, with x-llmgateway-version",
        "home": "the operation: what has an id stays at the heaviest version",
    }
    return words.get(kind, reason)


def shares(chances: Mapping[str, float]) -> str:
    """Each version's chance."""
    return ", ".join(f"{name} {100 * chance:.4g} %" for name, chance in chances.items())


def _version(told: Explanation) -> str:
    if told.is_drawn:
        return f"{told.version} is the likeliest ({100 * told.probability:.4g} %): each request draws anew"
    return f"{told.version} (chance {100 * told.probability:.4g} %)"


def _sticky(told: Explanation) -> str:
    if told.sticky_by == "none":
        return ""
    if told.sticky_key is None:
        return f"by {told.sticky_by}, which the request does not name"
    return f"by {told.sticky_by}: {quoted(told.sticky_key)} always gets this version"


def _attempt(each: AttemptTold) -> str:
    return f"{each.version} at {each.backend} ({each.kind})"


def _rules(rules: Iterable[RuleTold]) -> Titled:
    table = Titled("Rules, in order", "", "rule", "gives", "condition", "the request")
    for rule in rules:
        asked = "" if rule.outcome is not Outcome.NOT_ASKED else "\n(not asked)"
        first = [_MARKS[rule.outcome], rule.name + asked, shares(rule.use)]
        for check in rule.checks:
            table.add_row(*first, check.condition, "" if check.holds else f"✘ {check.has}")
            first = ["", "", ""]
        if not rule.checks:
            table.add_row(*first, "every request", "")
        table.add_section()
    return table


def _after(faults: Iterable[FaultTold]) -> Titled:
    table = Titled("Should every attempt fail with …", "fault", "then")
    for then, alike in groupby(sorted(faults, key=lambda each: _then(each.then)), key=lambda each: _then(each.then)):
        table.add_row(", ".join(each.code for each in alike), then)
    return table


def _then(steps: Iterable[AttemptTold]) -> str:
    told = [(f"after {duration(each.wait_s)} " if each.wait_s else "") + _attempt(each) for each in steps]
    return "\n".join([*told, "the caller gets the error"])
