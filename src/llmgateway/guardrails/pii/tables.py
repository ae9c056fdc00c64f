"""What the head of a column calls a number: of tables in CSV, with tabs and in Markdown, and of statements in SQL."""

from collections.abc import Sequence
from typing import Final

from llmgateway.guardrails.pii import labels
from llmgateway.guardrails.pii.labels import NONE, Label
from llmgateway.wire import rows
from llmgateway.wire.view import SEPARATOR, View

_BACK: Final = 300  # characters before a number in which the statement is looked for that it is a value of
_VALUES: Final = ("VALUES", "values")
_BETWEEN_ROWS: Final = ", \r\n\t"


def label(view: View, at: int) -> Label:
    """What the word before `at` calls a number that begins there, or the head of its column."""
    named = labels.label(view, at)
    if named.family and "\n" not in named.between and "(" not in named.between:
        return named
    column = _in_statement(view.folded, at)
    called = rows.called(view, at, _OfColumns) if column is None else [_of_column(column)]
    return next((each for each in called if each.family), NONE if called else named)


class _OfColumns(dict[int, Label]):
    """What columns call the numbers in them, by their place: each is asked once, when somebody wants to know."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, column: int) -> Label:
        return self.setdefault(column, _of_column(self._names[column]))


def _of_column(name: str) -> Label:
    """What a column's name calls the numbers in it."""
    return labels.label(View(name), len(name))


def _in_statement(text: str, at: int) -> str | None:
    """The name of the column of SQL that `at` is a value of; None if it is in no statement."""
    low = max(0, at - _BACK)
    low = max(low, text.rfind(SEPARATOR, low, at) + 1)
    row = text.rfind("(", low, at)
    values = max(text.rfind(word, low, row) for word in _VALUES) if row >= 0 else -1
    if values < 0 or text[_row_before(text, values, row) : row].strip(_BETWEEN_ROWS):
        return None
    end = text.rfind(")", low, values)
    first = text.rfind("(", low, max(end, low))
    if first < 0:  # farther back, where lines are that may be heads of tables
        return None
    names = text[first + 1 : end].split(",")
    column = _outside(text[row + 1 : at].replace("'", '"')).count(",")
    return names[column].strip() if column < len(names) else None


def _row_before(text: str, values: int, row: int) -> int:
    """Where what stands before a row of a statement ends: another row, or the word that begins them."""
    return max(text.rfind(")", values, row) + 1, values + len(_VALUES[0]))


def _outside(row: str) -> str:
    """What of a row stands in no quotes."""
    return "".join(row.split('"')[::2])
