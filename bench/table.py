"""Tables that can be shown in the terminal and written as Markdown. Pure, but for `show`."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table as Shown


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a title. The first column is words, the others are figures."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"a row of {self.title!r} has not as many cells as columns")

    def markdown(self) -> str:
        """Write it under a heading of the second level."""
        rule = ["---", *("---:" for _ in self.columns[1:])]
        lines = [_line(self.columns), _line(rule), *(_line(row) for row in self.rows)]
        notes = [f"\n{note}" for note in self.notes]
        return "\n".join([f"## {self.title}\n", *lines, *notes]) + "\n"

    def show(self, console: Console) -> None:
        """Print it."""
        shown = Shown(title=self.title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for number, column in enumerate(self.columns):
            shown.add_column(column, justify="right" if number else "left", overflow="fold")
        for row in self.rows:
            shown.add_row(*row)
        console.print(shown)
        for note in self.notes:
            console.print(note, style="dim")
        console.print()


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
