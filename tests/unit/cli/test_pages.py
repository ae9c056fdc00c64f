"""Pages of titled tables: in a terminal they are as wide as that, and a pipe gets every cell in one piece."""

from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from tests.unit.cli.test_check import TEXT
from typer.testing import CliRunner

from llmgateway.cli import pages
from llmgateway.cli.gateway import console
from llmgateway.cli.main import app
from llmgateway.cli.pages import Titled

ROUTE = "customer-support-assistant"
SENTENCE = "survives a kill -9, and serves nothing that it cannot log"
HASH = "0123456789ab"


@pytest.fixture
def terminal(monkeypatch):
    def wide(characters):
        monkeypatch.setattr(pages, "room", lambda: characters)

    return wide


def filled() -> Titled:
    table = Titled("Routes", "route", "means", "id")
    table.add_row(ROUTE, SENTENCE, HASH)
    return table


def test_a_pipe_gets_every_cell_in_one_piece_however_narrow_the_console_is(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    console().print(filled())
    assert f"{ROUTE} {SENTENCE} {HASH}" in capsys.readouterr().out


@pytest.mark.parametrize("width", [80, 66, 200])
def test_a_terminal_gets_what_fits_with_names_and_ids_whole(capsys, terminal, width):
    terminal(width)
    console().print(filled())
    printed = capsys.readouterr().out
    assert max(map(cell_len, printed.splitlines())) <= width
    for word in (ROUTE, HASH, *SENTENCE.split()):
        assert word in printed
    assert (SENTENCE in printed) == (width == 200)


def test_where_there_is_no_room_for_names_ids_are_still_whole(capsys, terminal):
    terminal(44)
    console().print(filled())
    printed = capsys.readouterr().out
    assert max(map(cell_len, printed.splitlines())) <= 44
    assert HASH in printed
    assert ROUTE not in printed


def test_titles_of_columns_are_no_more_broken_than_names(capsys, terminal):
    terminal(40)
    table = Titled("Settings", "operations", "what it means")
    table.add_row("*", "nothing much to say, but at some length")
    console().print(table)
    assert "operations" in capsys.readouterr().out


def test_a_title_that_is_longer_than_the_terminal_goes_on_below(capsys, terminal):
    terminal(30)
    table = Titled("Backends (time to connect / to the first byte / idle / in all)", "backend", "at")
    table.add_row("one", "http://127.0.0.1:9001/v1")
    console().print(table)
    printed = capsys.readouterr().out
    assert max(map(cell_len, printed.splitlines())) <= 30
    assert "idle" in printed


def test_without_a_title_there_is_no_heading_and_sections_are_set_apart(capsys):
    facts = Titled("", "name", "value")
    facts.add_row("route", "[red]chat[/red]")
    console().print(facts)
    assert capsys.readouterr().out.strip() == "route  [red]chat[/red]"
    table = filled()
    table.add_section()
    table.add_row("other", "", "")
    assert table.row_count == 2
    console().print(table)
    lines = capsys.readouterr().out.splitlines()
    rows = [at for at, line in enumerate(lines) if ROUTE in line or "other" in line]
    assert rows[1] - rows[0] == 2


def test_a_row_that_does_not_fit_the_columns_is_a_mistake():
    table = Titled("", "name")
    table.add_row("one", "two")
    with pytest.raises(ValueError, match="zip"):
        Console().print(table)


WORDS = st.lists(st.text("ab日 ", min_size=0, max_size=60), min_size=4, max_size=4)


@given(st.lists(WORDS, max_size=5), st.integers(60, 120))
def test_whatever_the_cells_are_it_fits(rows, width):
    table = Titled("T", "one", "two words", "three", "id")
    for *cells, _ in rows:
        table.add_row(*cells, HASH)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "room", lambda: width)
        printed = StringIO()
        Console(width=20, soft_wrap=True, file=printed).print(table)
    lines = printed.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= width
    assert sum(HASH in line for line in lines) == len(rows)


@pytest.mark.parametrize("command", [("check",), ("routes", "explain", "--route", "customer-support-assistant", "-c")])
def test_the_pages_of_commands_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    file = tmp_path / "c.toml"
    file.write_text(TEXT.replace("assistant", ROUTE))
    monkeypatch.chdir(tmp_path)
    piped = CliRunner().invoke(app, [*command, "c.toml"])
    assert piped.exit_code == 0, piped.output
    monkeypatch.setattr(pages, "room", lambda: 80)
    shown = CliRunner().invoke(app, [*command, "c.toml"])
    assert max(map(cell_len, shown.output.splitlines())) <= 80, shown.output
    assert ROUTE in shown.output
    assert len(shown.output.splitlines()) > len(piped.output.splitlines())
