"""Tables in texts (CSV, tabs, Markdown, the frames that programs draw): what the column is called that a value is in.

The lines that may be a table's head hold for all of its rows, however many these are. So that a stream need not keep
the rows, what is known of the lines before a text goes with it: see `Above`.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

from llmgateway.wire.view import SEPARATOR, Above, View

MOST: Final = 2048
"""Characters of a line that count: what stands behind these is in no column."""
AROUND: Final = " \r\"'`"
"""What may stand around a value in its cell."""
_SIGNS: Final = "|\t,;│"
_RULE: Final = frozenset("|-:+= │─┼├┤┌┐└┘┬┴")  # what a line between rows is made of
_ENDS: Final = ("\n", SEPARATOR)  # of a line
_LONGEST: Final = 24  # characters of a column's name, and before a value in its cell; what is longer is prose
_DIGITS: Final = 2  # that the names of columns may have, as in `tel1`
_FIRST: Final = 3  # lines of a table that may be its head, beside the newest that looks like one


Columns = Callable[[tuple[str, ...]], Collection[int]]
"""Of the names of a table's columns, which are asked for."""


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


def names(view: View, at: int) -> Sequence[str]:
    """What the column may be called that the value at `at` is in, the nearest head first; nothing outside of tables."""
    begin = start(view.folded, at)
    if not (begin or view.above.heads) or not (heads := _heads(view, begin)):
        return ()
    row = f"{'' if begin else view.above.line}{view.folded[max(begin, at - MOST - 1) : at]}"
    return list(_called(heads, _outside(row))) if len(row) <= MOST else ()


def _called(heads: tuple[str, ...], row: str) -> Iterator[str]:
    """What the column is called that such a beginning of a row leads to."""
    for head in reversed(heads):
        sign, called = _sign(head), _cells(head)
        column = row.count(sign)
        if column < len(called) and len(row) - row.rfind(sign) <= _LONGEST:
            yield called[column]


def may_have(view: View) -> bool:
    """Whether there may be a table at all."""
    text, line = view.folded, view.above.line
    return bool(view.above.heads) or ("\n" in text and any(sign in text or sign in line for sign in _SIGNS))


def cells(view: View, low: int, columns: Columns) -> Iterator[tuple[int, int]]:
    """Where the values are in these columns, from the line on that `low` is in, without blanks and quotes."""
    begin, text = start(view.folded, low), view.folded
    while begin <= len(text):
        end = min((at for sign in _ENDS if (at := text.find(sign, begin)) >= 0), default=len(text))
        heads = _heads(view, begin)
        wanted = [(_sign(head), chosen) for head in reversed(heads) if (chosen := columns(_cells(head)))]
        if wanted:
            yield from _in_columns(view, begin, end, wanted)
        begin = end + 1


def _in_columns(
    view: View, begin: int, end: int, wanted: list[tuple[str, Collection[int]]]
) -> Iterator[tuple[int, int]]:
    before = "" if begin else view.above.line
    line = before + view.folded[begin:end]
    for sign, columns in wanted:
        at = 0
        for column, cell in enumerate(_masked(line)[:MOST].split(sign)):
            if column in columns:
                inside = line[at : at + len(cell)]
                left = at + len(inside) - len(inside.lstrip(AROUND)) - len(before) + begin
                right = left + len(inside.strip(AROUND))
                if begin <= left < right:
                    yield left, right
            at += len(cell) + len(sign)


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
            return (*heads[:_FIRST], line.rstrip(" \r"))
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


def _cells(head: str) -> tuple[str, ...]:
    return tuple(cell.strip(AROUND) for cell in head.split(_sign(head)))


def _masked(line: str) -> str:
    """A line in which nothing that stands in quotes parts columns."""
    if '"' not in line:
        return line
    parts = line.split('"')
    return '"'.join("x" * len(part) if at % 2 else part for at, part in enumerate(parts))


def _outside(row: str) -> str:
    """What of a row stands in no quotes."""
    return "".join(row.split('"')[::2]) if '"' in row else row
