"""What came of a text, for people. What was found is hinted at, never shown."""

from typing import TYPE_CHECKING, Final

from llmgateway.cli import gateway
from llmgateway.cli.logs.printable import many_lines, one_line
from llmgateway.cli.tables import Column, number, show
from llmgateway.domain.verdict import Action

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from llmgateway.guarding.checking import Checked, Found

_COLUMNS: Final = (
    Column("found", least=12),
    *(number(title, rank) for rank, title in enumerate(("line", "column", "from", "to", "score"))),
    Column("by"),
    Column("value", least=24),
)
MAX_ROWS: Final = 100
_HINT: Final = 2  # characters of a value
_LONG_ENOUGH: Final = 12  # for a value of which these tell next to nothing
_WORDS: Final = {
    Action.ALLOW: "it passes as it is",
    Action.FLAG: "it passes as it is, and the findings are counted",
    Action.REDACT: "it passes like this",
    Action.BLOCK: "it does not pass; with what was found replaced it reads",
}
_STYLES: Final = {Action.ALLOW: "green", Action.FLAG: "yellow", Action.REDACT: "yellow", Action.BLOCK: "red"}


def tell(checked: "Checked", text: str, *, is_guarded: bool) -> None:
    """Print the findings, the action and the text that goes on."""
    out = gateway.console()
    if checked.findings:
        _print_findings(out, checked.findings, text)
    elif is_guarded:
        out.print("nothing found")
    else:
        out.print("no guardrail looks at this: the configuration names none for this route and stage", style="yellow")
    if checked.not_asked:
        names = ", ".join(map(one_line, checked.not_asked))
        out.print(f"not asked, for that takes somebody else or a process of its own: {names}", style="yellow")
    for name in checked.unbound:
        out.print(f"{one_line(name)} can't be asked: it judges a reply by its request (--stage reply --request FILE)")
    out.print(f"{checked.action.value}: {_WORDS[checked.action]}", style=_STYLES[checked.action])
    out.print()
    out.print(many_lines(checked.redacted.removesuffix("\n")))


def _print_findings(out: "Console", findings: "Sequence[Found]", text: str) -> None:
    rows = []
    for each in findings[:MAX_ROWS]:
        line, column = _place(text, each.start)
        numbers = (str(line), str(column), str(each.start), str(each.end), f"{each.score:.2f}")
        rows.append((one_line(each.kind), *numbers, one_line(each.guardrail), hint(text[each.start : each.end])))
    show(_COLUMNS, rows)
    if len(findings) > MAX_ROWS:
        out.print(f"… and {len(findings) - MAX_ROWS:,} more: --json has all of them")


def _place(text: str, at: int) -> tuple[int, int]:
    """Line and column, both from 1."""
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def hint(value: str) -> str:
    """So much of a value that whoever has it knows which one is meant."""
    beginning = one_line(value[:_HINT]).strip() if len(value) >= _LONG_ENOUGH else ""
    return f"{beginning}… ({len(value)} character{'s' * (len(value) != 1)})"
