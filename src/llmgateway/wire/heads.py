"""What a table's columns are called, and what a text that begins in the middle of one need know of it."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

Told = TypeVar("Told")
Columns = Callable[[tuple[str, ...]], Mapping[int, Told]]
"""Of the names of a table's columns, which of them are asked for, and what for."""


class Hints:
    """Parts of names of columns, in small letters: where a text has none of them, nobody has to look for a table."""

    __slots__ = ("words",)

    def __init__(self, *words: str) -> None:
        self.words = words


class Head:
    """A line that may be a table's head: the sign that parts its columns, and their names."""

    __slots__ = ("_chosen", "names", "sign")

    def __init__(self, sign: str, names: tuple[str, ...]) -> None:
        self.sign, self.names = sign, names
        self._chosen: dict[Columns[Any], Mapping[int, Any]] = {}

    def chosen(self, columns: Columns[Told]) -> Mapping[int, Told]:
        """What `columns` says of it: asked once, however many rows there are."""
        if columns not in self._chosen:
            self._chosen[columns] = columns(self.names)
        return self._chosen[columns]


class Above(NamedTuple):
    """What is known of the lines before a text that is only the end of one: see `wire.rows`.

    `heads`: what may be the head of the table which it goes on with, the newest last. `line`: how the line begins
    which it goes on with.
    """

    heads: tuple[Head, ...] = ()
    line: str = ""


NOTHING: Final = Above()
