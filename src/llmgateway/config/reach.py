"""Finds rules that no request can ever reach, since an earlier one takes all that would fit."""

from collections.abc import Iterator, Sequence

from llmgateway.config.conditions import Condition, conditions, covers, together_cover
from llmgateway.config.problems import Fault, quoted
from llmgateway.config.rules import Rule
from llmgateway.config.snapshot import Snapshot

Asked = tuple[str, tuple[Condition, ...]]  # a rule's name, and what it asks


def unreachable(snapshot: Snapshot) -> Iterator[Fault]:
    """Refuse a rule behind one that takes everything, or everything of its own."""
    for name, route in snapshot.routes.items():
        for index, reason in _hidden(route.rules):
            yield ("routes", name, "rules", index), reason


def _hidden(rules: tuple[Rule, ...]) -> Iterator[tuple[int, str]]:
    asked = [(rule.name, conditions(rule.when)) for rule in rules]
    for index, (name, wanted) in enumerate(asked):
        if all(condition.is_certain for condition in wanted) and index < len(asked) - 1:
            yield index, f"{quoted(name)} has no condition, so no rule behind it is ever reached: move it to the end"
            return
        if reason := _taken(asked[:index], wanted):
            yield index, f"{quoted(name)} is never reached: {reason}"


def _taken(before: Sequence[Asked], wanted: Sequence[Condition]) -> str:
    """Why no request that fits `wanted` gets past the rules before, or nothing."""
    for other, earlier in before:
        if covers(earlier, wanted):
            return _because(other, earlier, wanted)
    if together_cover([earlier for _, earlier in before], wanted):
        return "the rules before it take all of its requests between them"
    return ""


def _because(other: str, earlier: Sequence[Condition], wanted: Sequence[Condition]) -> str:
    words = " and ".join(condition.words for condition in earlier)
    if earlier == wanted:
        return f"{quoted(other)} before it has the same conditions ({words})"
    return f"{quoted(other)} before it takes all of its requests ({words})"
