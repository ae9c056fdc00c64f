"""Tables in texts (CSV, tabs, Markdown, the frames that programs draw): what the column is called that a value is in.

The lines that may be a table's head hold for all of its rows, however many these are. So that a stream need not keep
the rows, what is known of the lines before a text goes with it: see `Above`.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from llmgateway.wire.expression import Expression, Span
from llmgateway.wire.heads import Above, Columns, Head, Hints, Told
from llmgateway.wire.view import SEPARATOR, View

MOST: Final = 2048
"""Characters of a line that count: what stands behind these is in no column."""
AROUND: Final = " \r\"'`"
"""What may stand around a value in its cell."""
_SIGNS: Final = "|\t,;│"
_VALUES: Final = ("VALUES", "values")
_STATEMENT_END: Final = ");"
_RULE: Final = frozenset("|-:+= │─┼├┤┌┐└┘┬┴")  # what a line between rows is made of
_LONGEST: Final = 24  # characters of a column's name, and before a value in its cell; what is longer is prose
_DIGITS: Final = 2  # that the names of columns may have, as in `tel1`
_DRAWN: Final = "│"
_MAY_HAVE: Final = Expression(rb"(?:\A|[\n\x1f]) *[^\n\x1f|\t,;]{0,%d} *[|\t,;][^\n\x1f]*\n" % _LONGEST)
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


def names(view: View, at: int) -> Sequence[str]:
    """What the column may be called that the value at `at` is in, the nearest head first; nothing outside of tables."""
    return [head.names[column] for head, column in _columns(view, at)]


def called(view: View, at: int, columns: Columns[Told]) -> Sequence[Told]:
    """The same, with what `columns` says of each; it says something of all columns."""
    return [head.chosen(columns)[column] for head, column in _columns(view, at)]


def _columns(view: View, at: int) -> Sequence[tuple[Head, int]]:
    """Which column of which heads the value at `at` may be in, the nearest head first."""
    begin = start(view.folded, at)
    if not (begin or view.above.heads) or not (heads := _heads(view, begin)):
        return ()
    row = f"{'' if begin else view.above.line}{view.folded[max(begin, at - MOST - 1) : at]}"
    return list(_led_to(heads, _outside(row))) if len(row) <= MOST else ()


def _led_to(heads: tuple[Head, ...], row: str) -> Iterator[tuple[Head, int]]:
    """The columns that such a beginning of a row leads to."""
    for head in reversed(heads):
        column = row.count(head.sign)
        if column < len(head.names) and len(row) - row.rfind(head.sign) <= _LONGEST:
            yield head, column


def has_head(view: View, hints: Hints) -> bool:
    """Whether a column may be called by one of these: a quick look, and only one for whoever asks again."""
    if view.said is None:
        view.said = _said(view) if _may_have_head(view) else ""
    if not view.said:
        return False
    if hints not in view.told:
        view.told[hints] = any(map(view.said.__contains__, hints.words))
    return view.told[hints]


def _may_have_head(view: View) -> bool:
    """Whether a whole line begins with what may be a column's name: hardly any line of prose does."""
    if view.above.heads:
        return True
    if "\n" not in view.text:
        return False
    return _MAY_HAVE.place(view.octets)[0] >= 0 or _DRAWN in view.folded or _may_become_row(view.above.line)


def _may_become_row(line: str) -> bool:
    sign = _sign(line)
    return line != "" and len(line[: line.index(sign)].strip() if sign else line.strip()) <= _LONGEST


def _said(view: View) -> str:
    """What columns are called, and the lines that may be heads; nothing where there is no table."""
    lines = f"{view.above.line}{view.folded}".replace(SEPARATOR, "\n").split("\n")
    lines.pop()  # below which there is nothing
    said = [line for line in lines if _has_cells(line)]
    said += [name for head in view.above.heads for name in head.names]
    return "\n".join(said).lower()


def cells(view: View, low: int, columns: Columns[str]) -> Iterator[tuple[int, int, str]]:
    """Where the values are in these columns, from the line on that `low` is in, and what for they are asked."""
    begin, text = start(view.folded, low), view.folded
    plans: dict[tuple[Head, ...], dict[str, dict[int, str]]] = {}
    while begin <= len(text):
        end = _end(text, begin)
        heads = _heads(view, begin)
        if heads and heads not in plans:
            plans[heads] = _plan(heads, columns)
        for sign, wanted in plans[heads].items() if heads else ():
            yield from _in_columns(view, begin, end, sign, wanted)
        begin = end + 1


def tail(view: View, columns: Columns[str]) -> Span:
    """Where the value is in these columns that the text ends in the cell of; the text's end if it ends in none."""
    size = len(view.text)
    begin, end, _ = max(cells(view, size, columns), default=(size, size, ""))
    return (size, size) if view.folded[end:].strip(AROUND) else (begin, end)


def _plan(heads: tuple[Head, ...], columns: Columns[str]) -> dict[str, dict[int, str]]:
    """By the sign that parts them, the columns that are asked for."""
    plan: dict[str, dict[int, str]] = {}
    for head in heads:
        if chosen := head.chosen(columns):
            plan.setdefault(head.sign, {}).update(chosen)
    return plan


def _end(text: str, begin: int) -> int:
    """Where the line ends that begins there."""
    end = text.find("\n", begin)
    end = end if end >= 0 else len(text)
    cut = text.find(SEPARATOR, begin, end)
    return cut if cut >= 0 else end


def _in_columns(view: View, begin: int, end: int, sign: str, wanted: dict[int, str]) -> Iterator[tuple[int, int, str]]:
    before = "" if begin else view.above.line
    line = before + view.folded[begin:end]
    parts = _masked(line)[:MOST].split(sign)
    places = [0, *accumulate(len(part) + len(sign) for part in parts)]
    for column, what in wanted.items():
        if column < len(parts):
            at = places[column]
            inside = line[at : at + len(parts[column])]
            left = at + len(inside) - len(inside.lstrip(AROUND)) - len(before) + begin
            right = left + len(inside.strip(AROUND))
            if begin <= left < right:
                yield left, right, what


def start(text: str, at: int) -> int:
    """Where the line begins that `at` is in."""
    return max(text.rfind("\n", 0, at), text.rfind(SEPARATOR, 0, at)) + 1


def _heads(view: View, begin: int) -> tuple[Head, ...]:
    """What may be the head of the table whose row begins there. Each line of a view is looked at once."""
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


def _following(heads: tuple[Head, ...], line: str) -> tuple[Head, ...]:
    """What may be the head of what stands below a line."""
    if line.rstrip().endswith(_STATEMENT_END):
        return ()
    sign = _sign(line)
    if not sign or _RULE.issuperset(line.rstrip()):
        return heads if sign or _is_rule(line) else ()
    if heads and heads[0].sign not in line:
        heads = ()
    names = _names(line, sign)
    if not names or (heads and heads[-1].names == names and heads[-1].sign == sign):
        return heads
    return (*heads[:_FIRST], Head(sign, names))


def _is_row(line: str) -> bool:
    return bool(_sign(line)) or _is_rule(line)


def _is_rule(line: str) -> bool:
    return bool(line.strip()) and _RULE.issuperset(line.rstrip())


def _sign(line: str) -> str:
    """What parts the columns of a line."""
    for sign in _SIGNS:
        if sign in line:
            return sign
    return ""


def _has_cells(line: str) -> bool:
    """Whether it is parted as a head is, and no prose."""
    sign = _sign(line)
    if not sign or len(line[: line.index(sign)].strip()) > _LONGEST:
        return False
    return max(map(len, map(str.strip, line.split(sign)))) <= _LONGEST


def _names(line: str, sign: str) -> tuple[str, ...]:
    """What a line says that its columns are called; nothing if it can be no head."""
    if len(line) > MOST or sum(map(str.isdigit, line)) > _DIGITS:
        return ()
    cells = [cell.strip() for cell in _of_statement(line).split(sign)]
    return tuple(cell.strip(AROUND) for cell in cells) if max(map(len, cells)) <= _LONGEST else ()


def _of_statement(line: str) -> str:
    """Of a line of SQL that rows follow, the names in its parentheses; any other line as it is."""
    if not line.rstrip().endswith(_VALUES):
        return line
    return line[line.find("(") + 1 : max(line.rfind(")"), 0)]


def _masked(line: str) -> str:
    """A line in which nothing that stands in quotes parts columns."""
    if '"' not in line:
        return line
    parts = line.split('"')
    return '"'.join("x" * len(part) if at % 2 else part for at, part in enumerate(parts))


def _outside(row: str) -> str:
    """What of a row stands in no quotes; SQL has others."""
    row = row.replace("'", '"') if row.lstrip().startswith("(") else row
    return "".join(row.split('"')[::2]) if '"' in row else row
