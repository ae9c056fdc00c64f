"""INSERTs for many rows at once. SQLite prepares its cursors for each statement it runs, one for the table and one for
each index; a statement that brings 32 rows does that once.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

SIZES: Final = (32, 4, 1)  # rows a statement, largest first


class Insert:
    """One table's INSERT. `columns` are names as SQL has them, `row` the placeholders of one row."""

    __slots__ = ("_statements",)

    def __init__(self, table: str, columns: Sequence[str], *, row: str = "", behind: str = "") -> None:
        row = row or ", ".join("?" * len(columns))
        width = row.count("?")
        head = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "  # noqa: S608 -- names from constants, the rest question marks
        self._statements = [(size * width, head + ", ".join([f"({row})"] * size) + behind) for size in SIZES]

    def __call__(self, connection: sqlite3.Connection, values: list[Any]) -> int:
        """Insert the rows whose values stand one behind the other in `values`; returns how many went in."""
        at = inserted = 0
        for width, statement in self._statements:
            end = len(values) - (len(values) - at) % width
            if end > at:
                groups = [values[start : start + width] for start in range(at, end, width)]
                inserted += connection.executemany(statement, groups).rowcount
                at = end
        return inserted
