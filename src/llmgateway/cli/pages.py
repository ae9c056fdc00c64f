"""Titled tables, several on a page: all their columns are there, and where there is little room cells go on below.

In a terminal a table is as wide as that, and a name is only broken where it has to be; anywhere else nothing is.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from llmgateway.cli.tables import Cell, Trimmed, dense, grown, longest_name, natural, room

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table
    from rich.text import Text

_LEAST: Final = 4
_ID: Final = "id"  # ids stay whole


class Titled:
    """One table; without a title it has no heading either. For a console that wraps nothing, as `gateway.console`."""

    def __init__(self, title: str, *columns: str) -> None:
        self._title = title
        self._columns = columns
        self._rows: list[list[Text]] = []
        self._ends: set[int] = set()

    @property
    def row_count(self) -> int:
        return len(self._rows)

    def add_row(self, *cells: Cell) -> None:
        """Add a row; cells are never markup."""
        from rich.text import Text

        self._rows.append([Text(each) if isinstance(each, str) else each for each in cells])

    def add_section(self) -> None:
        """Set what follows apart from what is there."""
        self._ends.add(len(self._rows) - 1)

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        widths = self._widths()
        table = self._empty()
        for title, width in zip(self._columns, widths, strict=True):
            table.add_column(title, overflow="fold", width=width)
        for at, row in enumerate(self._rows):
            table.add_row(*row, end_section=at in self._ends)
        options = options.update(width=sum(widths) + self._edges())
        if room() is not None:  # a title may be longer than its table
            options = options.update(no_wrap=False, overflow="fold")
        yield from console.render(Trimmed(table), options)

    def _widths(self) -> list[int]:
        from rich.text import Text

        cells: list[Sequence[Text]] = [*zip(*self._rows, strict=True)] or [()] * len(self._columns)
        if self._title:
            cells = [(Text(title), *column) for title, column in zip(self._columns, cells, strict=True)]
        naturals = [natural("", column) for column in cells]
        limit = room()
        if limit is None:
            return naturals
        fixed = {at for at, title in enumerate(self._columns) if title == _ID}
        least = [naturals[at] if at in fixed else longest_name(column) for at, column in enumerate(cells)]
        spare = limit - self._edges()
        return list(grown(dict(enumerate(_shrunk(least, fixed, spare))), naturals, spare).values())

    def _empty(self) -> "Table":
        from rich.table import Table

        table = dense() if self._title else Table(box=None, show_header=False)
        table.title, table.title_justify, table.title_style = self._title or None, "left", "bold"
        return table

    def _edges(self) -> int:
        """A blank between two columns and at each end; without a title, at each side of a cell."""
        count = len(self._columns)
        return count + 1 if self._title else 2 * count


def _shrunk(widths: Sequence[int], fixed: set[int], limit: int) -> list[int]:
    """The widths, those that are widest less wide, until they fit or nothing can be less wide."""
    found = list(widths)
    while sum(found) > limit:
        widest = max((at for at in range(len(found)) if at not in fixed), key=found.__getitem__, default=None)
        if widest is None or found[widest] <= _LEAST:
            break
        found[widest] -= 1
    return found
