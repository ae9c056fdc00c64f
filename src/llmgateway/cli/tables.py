"""The two kinds of tables that commands print."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def titled(title: str, *columns: str) -> "Table":
    """One of several on a page; without a title it has no heading either. Cells that are too long go on below."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", title_style="bold", box=SIMPLE_HEAD if title else None)
    table.show_header = bool(title)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def dense() -> "Table":
    """A list, as narrow as it can be: its columns are the caller's. The box itself leaves a blank between them."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(box=SIMPLE_HEAD, pad_edge=False, padding=0)
