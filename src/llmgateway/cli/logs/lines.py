"""Exchanges as lines of a table: five columns in 80 characters, more where the terminal is wider."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from llmgateway.cli.logs.printable import clock_time, dollars, full_time, one_line, seconds
from llmgateway.domain.exchange import End
from llmgateway.ports.store import Row

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

PIPE_WIDTH: Final = 240  # into a pipe: everything
CALLERS_FAULTS: Final = frozenset({End.REFUSED, End.CLIENT_CLOSED, End.CLIENT_STALLED})


class Column(NamedTuple):
    title: str
    width: int
    show: Callable[[Row], str]
    is_number: bool = False


def result(row: Row) -> str:
    """The status, or how it ended where there is none."""
    return str(row["status"]) if row["status"] is not None else one_line(row["end"])


def tokens(row: Row) -> str:
    """Tokens in and out; `~` where they are our own guess."""
    told, answered = row["input_tokens"], row["output_tokens"]
    if told is None and answered is None:
        return ""
    guessed = "~" if row["usage_estimated"] else ""
    return f"{guessed}{'?' if told is None else told}/{'?' if answered is None else answered}"


def version(row: Row) -> str:
    """The version that served, or was to; a copy's is marked."""
    mark = "~ " if row["shadow_of"] else ""
    return mark + one_line(row["served_version"] or row["assigned_version"])


# In the order in which they are taken as long as there is room; printed from left to right by _ORDER.
COLUMNS: Final = (
    Column("TIME", 8, lambda row: clock_time(row["at"])),
    Column("ID", 36, lambda row: one_line(row["id"])),
    Column("RESULT", 11, result),
    Column("ROUTE", 12, lambda row: one_line(row["route"])),
    Column("TOOK", 8, lambda row: seconds(row["duration_s"]), is_number=True),
    Column("TOKENS", 11, tokens, is_number=True),
    Column("VERSION", 12, version),
    Column("KEY", 12, lambda row: one_line(row["key"])),
    Column("COST", 10, lambda row: dollars(row["cost_usd"]), is_number=True),
    Column("FIRST", 8, lambda row: seconds(row["first_token_s"]), is_number=True),
    Column("END", 20, lambda row: one_line(row["error_code"] or row["end"])),
    Column("MODEL", 22, lambda row: one_line(row["response_model"] or row["request_model"])),
    Column("DATE", 10, lambda row: full_time(row["at"])[:10]),
)
_ORDER: Final = (
    "DATE", "TIME", "ID", "RESULT", "ROUTE", "VERSION", "KEY", "TOOK", "FIRST", "TOKENS", "COST", "END", "MODEL",
)  # fmt: skip


def chosen(width: int) -> list[Column]:
    """The columns that fit into `width` characters."""
    taken: list[Column] = []
    used = -1
    for column in COLUMNS:
        used += column.width + 1
        if used > width:
            break
        taken.append(column)
    return sorted(taken, key=lambda column: _ORDER.index(column.title))


def heading(columns: Sequence[Column]) -> "Text":
    from rich.text import Text

    return Text(" ".join(_fitted(column.title, column) for column in columns).rstrip(), style="dim")


def line(row: Row, columns: Sequence[Column], *, is_cut: bool = True) -> "Text":
    """One exchange, for a pipe without cuts. Text, never markup: what is in a row can't style itself."""
    from rich.text import Text

    cells = (_fitted(column.show(row), column, is_cut=is_cut) for column in columns)
    return Text(" ".join(cells).rstrip(), style=_style(row))


def _fitted(text: str, column: Column, *, is_cut: bool = True) -> str:
    if is_cut and len(text) > column.width:
        text = text[: column.width - 1] + "…"
    return text.rjust(column.width) if column.is_number else text.ljust(column.width)


def _style(row: Row) -> str:
    if row["end"] in CALLERS_FAULTS:
        return "yellow"
    status = row["status"]
    if row["end"] != End.COMPLETED or (status is not None and status >= 500):
        return "red"
    return "yellow" if status is not None and status >= 400 else ""


def console() -> "Console":
    """Standard output as a console. Into a pipe lines are long, plain and never wrapped."""
    import sys

    from rich.console import Console

    is_terminal = sys.stdout.isatty()
    return Console(
        file=sys.stdout,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
        width=None if is_terminal else PIPE_WIDTH,
    )


def notes() -> "Console":
    """Standard error, for progress and hints."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
