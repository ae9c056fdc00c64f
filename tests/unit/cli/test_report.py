"""`llmgateway report`, as people run it: against a store file, in each form."""

import asyncio
import json
import stat
from pathlib import Path

import pytest
import typer
from tests.support.exchanges import ExchangeFactory
from tests.support.reports import read
from typer.testing import CliRunner, Result

from llmgateway.cli.report import register
from llmgateway.domain.clock import SystemClock
from llmgateway.store.sqlite import SqliteStore


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A store with an hour of two routes' traffic."""

    async def run() -> None:
        store = SqliteStore(tmp_path / "store.sqlite3")
        await store.open()
        make = ExchangeFactory(start=SystemClock.time() - 3_600)
        entries = [*make.entries(8), make.entry(status=502, end="upstream_error", error_code="upstream_error")]
        entries += make.entries(3, route="chat")
        await store.append(entries, [], [], None)
        await store.close()

    asyncio.run(run())
    return tmp_path


def run(*args: str) -> Result:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    return CliRunner().invoke(app, ["report", *args])


def test_markdown_is_printed_with_all_routes_the_busiest_first(filled: Path) -> None:
    result = run("--data", str(filled))
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("# Trust report\n")
    assert 0 < result.stdout.index("## Route support") < result.stdout.index("## Route chat")


def test_a_file_is_written_as_its_name_says_and_is_its_owners_alone(filled: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.touch(0o644)
    result = run("--data", str(filled), "--route", "support", "--language", "ja", "--output", str(file))
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "信頼性報告書: support" in read(file.read_text()).text
    run("--data", str(filled), "--output", str(tmp_path / "report.json"))
    assert len(json.loads((tmp_path / "report.json").read_text())["routes"]) == 2


def test_programs_have_the_same_as_json(filled: Path) -> None:
    result = run("--data", str(filled), "--route", "support", "--json")
    (route,) = json.loads(result.stdout)["routes"]
    available = route["service"]["available"]
    assert (available["count"], available["of"]) == (8, 9)
    assert 0 < available["low"] < available["share"] < available["high"] < 1
    assert route["service"]["outcomes"]["failed"] == 1


def test_a_time_without_traffic_is_said_to_be_one(filled: Path) -> None:
    result = run("--data", str(filled), "--since", "10m")
    assert result.exit_code == 0, result.output
    assert "The log has no requests from this time" in result.stdout
    result = run("--data", str(filled), "--route", "support", "--since", "10m")
    assert result.exit_code == 0
    assert "nobody asked for support in this time" in result.stderr


def test_a_route_that_never_was_is_refused_with_the_nearest(filled: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.md"
    result = run("--data", str(filled), "--route", "suport", "--output", str(file))
    assert result.exit_code == 2
    assert 'no route is called "suport"; did you mean "support"?' in result.stderr
    assert not file.exists()


def test_a_name_that_says_nothing_of_the_form_is_not_guessed_at(filled: Path, tmp_path: Path) -> None:
    refused = run("--data", str(filled), "--output", str(tmp_path / "report.pdf"))
    assert refused.exit_code == 2
    assert ".html" in refused.output
    assert not (tmp_path / "report.pdf").exists()
    assert run("--data", str(filled), "--output", str(tmp_path / "report.pdf"), "--format", "html").exit_code == 0


def test_what_makes_no_sense_is_refused(filled: Path, tmp_path: Path) -> None:
    for args, word in (
        (["--since", "1h", "--until", "2h"], "has to be before"),
        (["--since", "yesterday"], "is no time"),
        (["--language", "fr"], "'fr' is not one of"),
        (["--format", "pdf"], "'pdf' is not one of"),
    ):
        result = run("--data", str(filled), *args)
        assert result.exit_code == 2, result.output
        assert word in " ".join(result.output.replace("│", " ").split())
    missing = run("--data", str(tmp_path / "nowhere"))
    assert missing.exit_code == 1
    assert "there is no store" in missing.output
