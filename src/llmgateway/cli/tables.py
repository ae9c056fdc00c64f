"""Lists as commands print them: they fit the terminal, and into a pipe goes all of them. `pages` has titled tables."""

import sys
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple, Union

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.table import Table
    from rich.text import Text

Cell = Union[str, "Text"]
_LEAST_CUT: Final = 8
_LEAST_WRAPPED: Final = 20
_LONGEST_NAME: Final = 36  # that is kept whole


class Fit(Enum):
    """What may be done to a column's cells where there is little room."""

    WHOLE = "whole"  # nothing: ids are there to be copied, and half a figure is another figure
    CUT = "cut"  # their end becomes …
    WRAPPED = "wrapped"  # they go on below


class Column(NamedTuple):
    """A column of a list. `rank` 0: always there; of the others the highest is left out first. `least`: characters."""

    title: str
    fit: Fit = Fit.CUT
    rank: int = 0
    is_number: bool = False
    least: int = 0


def identity(title: str, rank: int = 0) -> Column:
    """A column of ids or moments."""
    return Column(title, Fit.WHOLE, rank)


def number(title: str, rank: int = 0) -> Column:
    """A column of figures."""
    return Column(title, Fit.WHOLE, rank, is_number=True)


def words(title: str, rank: int = 0, least: int = 0) -> Column:
    """A column of sentences."""
    return Column(title, Fit.WRAPPED, rank, least=least)


def show(columns: Sequence[Column], rows: Iterable[Sequence[Cell]], styles: Sequence[str] = ()) -> None:
    """Print a list to standard output. In a terminal it fits; anywhere else all of it is there, a line a row.

    `styles`: one a row. A column that is left out is named on standard error. Cells are never markup.
    """
    from rich.console import Console

    limit = room()
    laid = laid_out(columns, rows, limit, styles)
    width = laid.width if limit is None else max(limit, 1)
    console = Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False, soft_wrap=True)
    console.print(Trimmed(laid.table))
    if laid.left_out:
        _stderr().print(f"{no_room(laid.left_out)} (a wider terminal or --json has them)", style="dim")


class Trimmed:
    """Something to print of which no line ends with blanks: tables fill their cells with them."""

    def __init__(self, *content: "RenderableType") -> None:
        self._content = content

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from rich.segment import Segment

        for each in self._content:
            for line in Segment.split_lines(console.render(each, options)):
                while line and not line[-1].text.rstrip():
                    line.pop()
                if line:
                    line[-1] = line[-1]._replace(text=line[-1].text.rstrip())
                yield from line
                yield Segment.line()


class Laid(NamedTuple):
    """A list that is ready to be printed, how wide it is, and the titles of the columns that had no room."""

    table: "Table"
    width: int
    left_out: Sequence[str]


def laid_out(
    columns: Sequence[Column], rows: Iterable[Sequence[Cell]], limit: int | None, styles: Sequence[str] = ()
) -> Laid:
    """A list that fits `limit` characters; None: all of it is there."""
    from rich.text import Text

    cells = [[Text(each) if isinstance(each, str) else each for each in row] for row in rows]
    columns, cells = _with_something(columns, cells, limit)
    naturals = [natural(column.title, [row[at] for row in cells]) for at, column in enumerate(columns)]
    columns = [_with_names_whole(column, [row[at] for row in cells]) for at, column in enumerate(columns)]
    widths = fitted(columns, naturals, limit)
    table = dense()
    for column, width in zip(columns, widths, strict=True):
        if width is not None:
            _add(table, column, width)
    for at, row in enumerate(cells):
        kept = (cell for cell, width in zip(row, widths, strict=True) if width is not None)
        table.add_row(*kept, style=styles[at] if styles else None)
    shown = [width for width in widths if width is not None]
    left_out = [column.title for column, width in zip(columns, widths, strict=True) if width is None]
    return Laid(table, _edges(len(shown)) + sum(shown), left_out)


def _with_something(
    columns: Sequence[Column], cells: list[list["Text"]], limit: int | None
) -> tuple[Sequence[Column], list[list["Text"]]]:
    """Without the columns that have nothing in them, where others lack the room and they may go."""
    whole = sum(natural(column.title, [row[at] for row in cells]) for at, column in enumerate(columns))
    if limit is None or whole + _edges(len(columns)) <= limit:
        return columns, cells
    kept = [at for at, column in enumerate(columns) if not column.rank or any(row[at].plain for row in cells)]
    return [columns[at] for at in kept], [[row[at] for at in kept] for row in cells]


def no_room(titles: Sequence[str]) -> str:
    """Which columns were left out, in words."""
    return f"no room for: {', '.join(titles)}"


def room() -> int | None:
    """How many characters a line of standard output has; None where it is no terminal."""
    from rich.console import Console

    return Console(file=sys.stdout).width if sys.stdout.isatty() else None


def fitted(columns: Sequence[Column], naturals: Sequence[int], limit: int | None) -> list[int | None]:
    """Each column's width, of those that its cells would take (`naturals`); None: it is left out."""
    if limit is None:
        return list(naturals)
    least = [_least(column, natural) for column, natural in zip(columns, naturals, strict=True)]
    kept = set(range(len(columns)))
    while sum(least[at] for at in kept) + _edges(len(kept)) > limit:
        dropped = max(kept, key=lambda at: (columns[at].rank, at))
        if not columns[dropped].rank:
            break
        kept.remove(dropped)
    widths = grown({at: least[at] for at in kept}, naturals, limit - _edges(len(kept)))
    return [widths.get(at) for at in range(len(columns))]


def grown(widths: dict[int, int], naturals: Sequence[int], limit: int) -> dict[int, int]:
    """What is left of the room goes to those who need more, in equal parts."""
    spare = limit - sum(widths.values())
    wanting = sorted((at for at in widths if naturals[at] > widths[at]), key=lambda at: naturals[at] - widths[at])
    for position, at in enumerate(wanting):
        more = max(0, min(naturals[at] - widths[at], spare // (len(wanting) - position)))
        widths[at] += more
        spare -= more
    return widths


def _least(column: Column, natural: int) -> int:
    if column.fit is Fit.WHOLE:
        return natural
    usual = _LEAST_CUT if column.fit is Fit.CUT else _LEAST_WRAPPED
    return min(natural, max(len(column.title), column.least or usual))


def _with_names_whole(column: Column, cells: Iterable["Text"]) -> Column:
    """Sentences are wrapped between words: a name in one is broken only where it is very long."""
    if column.fit is not Fit.WRAPPED:
        return column
    return column._replace(least=max(column.least or _LEAST_WRAPPED, longest_name(cells)))


def longest_name(cells: Iterable["Text"]) -> int:
    """The width of the longest word in some cells, of those that are kept whole where possible."""
    from rich.cells import cell_len

    longest = max((cell_len(word) for cell in cells for word in cell.plain.split()), default=0)
    return min(longest, _LONGEST_NAME)


def natural(title: str, cells: Iterable["Text"]) -> int:
    """The width at which nothing is cut or wrapped; a cell may have several lines of its own."""
    from rich.cells import cell_len

    return max([cell_len(title), *(cell_len(line) for cell in cells for line in cell.plain.split("\n"))])


def _edges(columns: int) -> int:
    """A blank between two columns, and one at each end."""
    return columns + 1


def _add(table: "Table", column: Column, width: int) -> None:
    table.add_column(
        column.title,
        justify="right" if column.is_number else "left",
        width=width,
        no_wrap=column.fit is not Fit.WRAPPED,
        overflow="fold" if column.fit is Fit.WRAPPED else "ellipsis",
    )


def _stderr() -> "Console":
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def dense() -> "Table":
    """A table as narrow as it can be: its columns are the caller's. The box itself leaves a blank between them."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(box=SIMPLE_HEAD, pad_edge=False, padding=0)
