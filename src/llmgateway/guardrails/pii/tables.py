"""What the head of a column calls a number: of tables in CSV, with tabs and in Markdown, and of statements in SQL."""

from typing import Final

from llmgateway.guardrails.pii import labels
from llmgateway.guardrails.pii.labels import Label
from llmgateway.wire.view import SEPARATOR, View

_BACK: Final = 300  # characters before a number in which the head of its column is looked for
_VALUES: Final = ("VALUES", "values")
_BETWEEN_ROWS: Final = ", \r\n\t"
_SIGNS: Final = "|\t,;"
_LONGEST: Final = 24  # characters of a column's name; what is longer is prose
_FEWEST: Final = 2  # columns of a table
_DIGITS: Final = 2  # that the names of columns may have, as in `tel1`
_BOUNDS: Final = f"\n{SEPARATOR}"  # behind which a line begins
_RULE: Final = "|-:+ "  # what the line under the head of a table in Markdown is made of


def label(view: View, at: int) -> Label:
    """What the word before `at` calls a number that begins there, or the head of its column."""
    named = labels.label(view, at)
    if named.family and "\n" not in named.between and "(" not in named.between:
        return named
    head = _in_statement(view.folded, at) or _head(view.folded, at)
    return named if head is None else labels.label(View(head), len(head))


def _head(text: str, at: int) -> str | None:
    """The name of the column that `at` is in; None if it is in no table."""
    low = max(0, at - _BACK)
    low = max(low, text.rfind(SEPARATOR, low, at) + 1)
    line = text.rfind("\n", low, at)
    if line < 0 or not (sign := _sign(text, max(low, text.rfind("\n", low, line) + 1), line)):
        return None
    column = _outside(text[line + 1 : at]).count(sign)
    for above in reversed(_lines(text, low, line)):
        cells = above.split(sign)
        if len(cells) <= max(column, _FEWEST - 1):
            return None
        if _is_head(above, cells):
            return cells[column].strip()
    return None


def _in_statement(text: str, at: int) -> str | None:
    """The name of the column of SQL that `at` is a value of; None if it is in no statement."""
    low = max(0, at - _BACK)
    low = max(low, text.rfind(SEPARATOR, low, at) + 1)
    row = text.rfind("(", low, at)
    values = max(text.rfind(word, low, row) for word in _VALUES) if row >= 0 else -1
    if values < 0 or text[_row_before(text, values, row) : row].strip(_BETWEEN_ROWS):
        return None
    end = text.rfind(")", low, values)
    names = text[max(low, text.rfind("(", low, end) + 1) : end].split(",") if end >= 0 else []
    column = _outside(text[row + 1 : at].replace("'", '"')).count(",")
    return names[column].strip() if column < len(names) else None


def _row_before(text: str, values: int, row: int) -> int:
    """Where what stands before a row of a statement ends: another row, or the word that begins them."""
    return max(text.rfind(")", values, row) + 1, values + len(_VALUES[0]))


def _sign(text: str, begin: int, end: int) -> str:
    """What parts the columns of a line."""
    return next((sign for sign in _SIGNS if text.find(sign, begin, end) >= 0), "")


def _lines(text: str, low: int, end: int) -> list[str]:
    """The lines before `end` that begin at `low` or behind it."""
    lines = text[low:end].split("\n")
    return lines if low == 0 or text[low - 1] in _BOUNDS else lines[1:]


def _outside(row: str) -> str:
    """What of a row stands in no quotes."""
    return "".join(row.split('"')[::2])


def _is_head(line: str, cells: list[str]) -> bool:
    names = line.strip(_RULE)
    return bool(names) and sum(map(str.isdigit, names)) <= _DIGITS and max(map(len, cells)) <= _LONGEST
