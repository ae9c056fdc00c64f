"""Lists fit the terminal: what is least important goes first, ids stay whole, and a pipe gets everything."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from llmgateway.cli import tables
from llmgateway.cli.tables import Column, Fit, Trimmed, fitted, identity, number, show, words

ID = "0190163d-8694-739b-aea5-966c26f8ad91"
COLUMNS = (identity("id"), Column("route"), number("n", rank=1), words("why"), Column("who", rank=2))
ROW = (ID, "a-route-of-some-length", "1,234", "because it was slow " * 5, "somebody@example.com")


@pytest.fixture
def terminal(monkeypatch):
    def wide(characters):
        monkeypatch.setattr(tables, "room", lambda: characters)

    return wide


def test_a_pipe_gets_every_cell_whole_a_line_a_row(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    show(COLUMNS, [ROW, ("x", "", "", "", "")])
    printed = capsys.readouterr()
    line, other = (line for line in printed.out.splitlines() if "0190163d" in line or "x" in line)
    assert line.split() == " ".join(ROW).split()
    assert other == " x"
    assert not any(line.endswith(" ") for line in printed.out.splitlines())
    assert printed.err == ""


def test_of_what_is_trimmed_no_line_ends_with_blanks_and_nothing_else_is_lost():
    console = Console(file=io.StringIO(), width=30, force_terminal=True, color_system="truecolor")
    row = Text("  a  b   ", style="red")
    console.print(Trimmed(row, Text("   "), Text("日本 \n\n c ")), end="")
    plain = Text.from_ansi(console.file.getvalue()).plain
    assert plain.split("\n")[:5] == ["  a  b", "", "日本", "", " c"]


def test_a_terminal_gets_what_fits_with_the_id_whole_and_is_told_what_does_not(capsys, terminal):
    terminal(80)
    show(COLUMNS, [ROW])
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert max(map(cell_len, lines)) <= 80
    assert ID in printed.out
    assert "…" in printed.out  # the route
    assert "somebody" not in printed.out
    assert "no room for: who (a wider terminal or --json has them)" in printed.err
    assert sum("slow" in line for line in lines) > 1  # sentences go on below


def test_a_name_in_a_sentence_is_not_broken(capsys, terminal):
    terminal(44)
    used = "customer-support/current, customer-support/next"
    show((identity("backend"), Column("at", rank=1), words("used by", least=12)), [("one", "http://h" * 9, used)])
    printed = capsys.readouterr().out
    assert "customer-support/current," in printed
    assert "customer-support/next" in printed
    assert max(map(cell_len, printed.splitlines())) <= 44


def test_where_others_lack_room_a_column_of_nothing_goes_first_and_is_not_missed(capsys, terminal):
    columns = (Column("route"), Column("usual", rank=1), Column("state"))
    rows = [("a-route-of-some-length", "", "learning"), ("b", "", "learning")]
    terminal(35)
    show(columns, rows)
    printed = capsys.readouterr()
    assert "a-route-of-some-length" in printed.out
    assert "usual" not in printed.out + printed.err
    terminal(80)
    show(columns, rows)
    assert "usual" in capsys.readouterr().out


def test_wide_characters_count_twice(capsys, terminal):
    terminal(30)
    show((identity("id"), Column("name")), [("12345678", "日本語の長い名前がここにある")])
    assert max(map(cell_len, capsys.readouterr().out.splitlines())) <= 30


def test_nothing_in_a_cell_is_markup_and_rows_have_their_style(capsys):
    show((Column("a"),), [("[red]x[/red]",)], styles=["bold"])
    assert "[red]x[/red]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (None, [36, 30, 5, 100, 20]),
        (300, [36, 30, 5, 100, 20]),
        (100, [36, 14, 5, 26, 13]),
        (80, [36, 11, 5, 23, None]),
        (70, [36, 9, None, 21, None]),
        (20, [36, 8, None, 20, None]),  # what always stays does so
    ],
)
def test_the_least_important_goes_first_and_room_is_shared(limit, expected):
    assert fitted(COLUMNS, [36, 30, 5, 100, 20], limit) == expected


COLUMN = st.builds(
    Column,
    st.text("abc", min_size=1, max_size=8),
    st.sampled_from(Fit),
    st.integers(0, 3),
    least=st.integers(0, 30),
)


@given(st.lists(st.tuples(COLUMN, st.integers(8, 60)), min_size=1, max_size=8), st.integers(1, 200))
def test_whatever_the_columns_are_it_fits_or_only_the_indispensable_is_left(drawn, limit):
    columns, naturals = zip(*drawn, strict=True)
    widths = fitted(columns, naturals, limit)
    kept = [at for at, width in enumerate(widths) if width is not None]
    total = sum(widths[at] for at in kept) + len(kept) + 1
    assert total <= limit or not any(columns[at].rank for at in kept)
    for at in kept:
        assert widths[at] <= naturals[at]
        assert columns[at].fit is not Fit.WHOLE or widths[at] == naturals[at]
    assert all(columns[at].rank for at, width in enumerate(widths) if width is None)
