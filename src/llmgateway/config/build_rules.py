"""Turns the schema's rules into those of the snapshot."""

from llmgateway.config.rule_schema import RuleTable, TimeTable, WhenTable, paths
from llmgateway.config.rules import Rule, TimeWindow, When


def rule(table: RuleTable) -> Rule:
    """Build one rule; that its versions are there must have been checked."""
    return Rule(table.name, _when(table.when), tuple(table.use.items()))


def _when(table: WhenTable) -> When:
    return When(
        key=tuple(table.key or ()),
        key_tags={name: tuple(texts) for name, texts in table.key_tags.items()},
        header={name.lower(): tuple(texts) for name, texts in table.header.items()},
        metadata={name: tuple(entries) for name, entries in table.metadata.items()},
        params={path: tuple(value) if isinstance(value, list) else (value,) for path, value in paths(table.params)},
        min_tokens=table.min_tokens,
        max_tokens=table.max_tokens,
        dialect=tuple(table.dialect or ()),
        stream=table.stream,
        tools=table.tools,
        images=table.images,
        time=_window(table.time) if table.time is not None else None,
    )


def _window(table: TimeTable) -> TimeWindow:
    return TimeWindow(tuple(sorted(table.days)), table.from_, table.to, table.zone)
