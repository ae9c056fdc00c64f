"""Tables in texts (CSV, tabs, Markdown, the frames that programs draw): what the column is called that a value is in.

The lines that may be a table's head hold for all of its rows, however many these are. So that a stream need not keep
the rows, what is known of the lines before a text goes with it: see `Above`.
"""

from collections.abc import Iterator
from typing import Final

from llmgateway.wire.view import SEPARATOR, Above, View

MOST: Final = 2048
"""Characters of a line that count: what stands behind these is in no column."""
_SIGNS: Final = "|\t,;│"
_RULE: Final = frozenset("|-:+= │─┼├┤┌┐└┘┬┴")  # what a line between rows is made of
_LONGEST: Final = 24  # characters of a column's name, and before a value in its cell; what is longer is prose
_DIGITS: Final = 2  # that the names of columns may have, as in `tel1`
_FIRST: Final = 3  # lines of a table that may be its head, beside the newest that looks like one


def below(above: Above, text: str) -> Above:
    """What stands before whatever follows a folded text that this stands before."""
    cut = text.rfind(SEPARATOR)
    if cut >= 0:
        above, text = Above(), text[cut + 1 :]
    first, *lines = text.split("\n")
    heads, line = above.heads, (above.line + first)[: MOST + 1]
    for each in lines:
        heads, line = _following(heads, line), each[: MOST + 1]
    return Above(heads, line)


def names(view: View, at: int) -> Iterator[str]:
    """What the column may be called that the value at `at` is in, the nearest head first; nothing outside of tables."""
    begin = start(view.folded, at)
    heads = _heads(view, begin)
    row = f"{'' if begin else view.above.line}{view.folded[max(begin, at - MOST - 1) : at]}"
    if not heads or len(row) > MOST:
        return
    row = _outside(row)
    for head in reversed(heads):
        sign = _sign(head)
        column, cells = row.count(sign), head.split(sign)
        if column < len(cells) and len(row) - row.rfind(sign) <= _LONGEST:
            yield cells[column].strip(' "')


def start(text: str, at: int) -> int:
    """Where the line begins that `at` is in."""
    return max(text.rfind("\n", 0, at), text.rfind(SEPARATOR, 0, at)) + 1


def _heads(view: View, begin: int) -> tuple[str, ...]:
    """The lines that may be the head of the table whose row begins there. Each line of a view is looked at once."""
    known, text = view.heads, view.folded
    starts = []
    while begin not in known:
        starts.append(begin)
        if not begin or text[begin - 1] == SEPARATOR:
            known[begin] = () if begin else view.above.heads
        elif _is_row(_line(view, above := start(text, begin - 1))):
            begin = above
        else:
            known[begin] = ()
    heads = known[begin]
    for each in reversed(starts):
        if each not in known:
            known[each] = heads = _following(heads, _line(view, begin))
        begin = each
    return heads


def _line(view: View, begin: int) -> str:
    end = view.folded.find("\n", begin, begin + MOST + 1)
    rest = view.folded[begin : end if end >= 0 else begin + MOST + 1]
    return rest if begin else (view.above.line + rest)[: MOST + 1]


def _following(heads: tuple[str, ...], line: str) -> tuple[str, ...]:
    """What may be the head of what stands below a line."""
    if not _is_row(line):
        return ()
    if not _RULE.issuperset(line.rstrip()):
        if heads and _sign(heads[0]) not in line:
            heads = ()
        if _is_head(line):
            return (*heads[:_FIRST], line.rstrip())
    return heads


def _is_row(line: str) -> bool:
    return bool(_sign(line)) or (bool(line.strip()) and _RULE.issuperset(line.rstrip()))


def _sign(line: str) -> str:
    """What parts the columns of a line."""
    return next((sign for sign in _SIGNS if sign in line), "")


def _is_head(line: str) -> bool:
    cells = line.split(_sign(line))
    return (
        len(line) <= MOST
        and sum(map(str.isdigit, line)) <= _DIGITS
        and max(len(cell.strip()) for cell in cells) <= _LONGEST
    )


def _outside(row: str) -> str:
    """What of a row stands in no quotes."""
    return "".join(row.split('"')[::2]) if '"' in row else row
