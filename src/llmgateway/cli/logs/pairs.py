"""A pair of exchanges side by side, for people: the primary, its shadow, and the difference."""

from typing import TYPE_CHECKING, Any, Final

from llmgateway.cli.logs.printable import dollars, one_line, seconds, size
from llmgateway.routing.comparison import MEASURES, Comparison

if TYPE_CHECKING:
    from rich.console import Console

_TITLES: Final = {
    "latency_s": "latency",
    "first_token_s": "first token",
    "input_tokens": "tokens in",
    "output_tokens": "tokens out",
    "length_bytes": "length",
    "cost_usd": "cost",
}


def title(measure: str) -> str:
    """What a measure is called."""
    return _TITLES[measure]


def figure(measure: str, value: float | None) -> str:
    """A measure's value in the unit that suits it; nothing where it is not known."""
    if value is None:
        return ""
    if measure.endswith("_s"):
        return seconds(value)
    if measure == "cost_usd":
        return dollars(value)
    return size(round(value)) if measure == "length_bytes" else f"{value:,.0f}"


def signed(measure: str, value: float | None) -> str:
    """A difference, with its sign."""
    if value is None:
        return ""
    return ("-" if value < 0 else "+") + figure(measure, abs(value))


def print_pair(out: "Console", pair: Comparison) -> None:
    """Print one comparison as a table."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    primary, shadow = pair.primary, pair.shadow
    table = Table("", "primary", "shadow", "difference", box=SIMPLE_HEAD, title_justify="left", title="Shadow")
    table.title_style = "bold"
    facts: list[tuple[str, Any, Any, bool]] = [
        ("version", primary.version, shadow.version, True),
        ("status", primary.status, shadow.status, pair.is_same_status),
        ("ended", primary.end, shadow.end, pair.is_same_status),
        ("finish reason", primary.finish_reason, shadow.finish_reason, pair.is_same_finish),
    ]
    for name, ours, theirs, is_same in facts:
        table.add_row(name, one_line(ours), one_line(theirs), "" if is_same else "differs")
    for name in MEASURES:
        ours, theirs = primary.measures[name], shadow.measures[name]
        if ours is not None or theirs is not None:
            table.add_row(title(name), figure(name, ours), figure(name, theirs), signed(name, pair.difference(name)))
    out.print()
    out.print(table)
    out.print(f"primary {one_line(primary.id)}, shadow {one_line(shadow.id)}", style="dim")
