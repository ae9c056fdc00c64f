"""A route that never was is refused by every command that reads the log; one of the past, or of the file, is not."""

import asyncio
from pathlib import Path

import pytest
from tests.support.exchanges import ExchangeFactory
from tests.support.listener import run
from tests.unit.cli.test_logs import fill
from typer.testing import CliRunner, Result

from llmgateway.cli import main as root
from llmgateway.ports.generations import Generation, SeenVersion
from llmgateway.store.sqlite import SqliteStore

REFUSED = 'error: no route is called "suport"; did you mean "support"? There is "support"'
READERS = [
    ("logs", "list"),
    ("logs", "tail", "--no-follow"),
    ("logs", "export"),
    ("logs", "compare"),
    ("scores", "list"),
    ("scores", "summary"),
    ("report",),
    ("eval", "run"),
    ("datasets", "create", "golden"),
]


def command(folder: Path, words: tuple[str, ...], route: str, *more: str) -> Result:
    return CliRunner().invoke(root.app, [*words, "--data", str(folder), "--route", route, *more])


@pytest.mark.parametrize("words", READERS)
def test_a_typo_is_refused_and_a_known_route_is_not(tmp_path: Path, words: tuple[str, ...]) -> None:
    fill(tmp_path, ExchangeFactory().entries(1))
    refused = command(tmp_path, words, "suport")
    assert (refused.exit_code, refused.stderr, refused.stdout) == (2, REFUSED + "\n", "")
    assert "no route" not in command(tmp_path, words, "support").output


@pytest.mark.parametrize("words", READERS[:3])
def test_an_empty_store_without_a_configuration_cannot_tell_a_typo(tmp_path: Path, words: tuple[str, ...]) -> None:
    fill(tmp_path, [])
    found = command(tmp_path, words, "suport")
    assert found.exit_code == 0
    assert "nothing is known of any route" in found.stderr


def test_a_refused_export_leaves_no_file(tmp_path: Path) -> None:
    fill(tmp_path, ExchangeFactory().entries(1))
    file = tmp_path / "out.jsonl"
    assert command(tmp_path, ("logs", "export"), "suport", "--output", str(file)).exit_code == 2
    assert not file.exists()


def test_the_file_and_the_past_know_routes_that_nobody_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fill(tmp_path, ExchangeFactory().entries(1))
    asyncio.run(_see("retired", tmp_path))
    file = tmp_path / "config.toml"
    file.write_text('[data]\ndir = "."\n[routes.fresh.versions.v1]\nwieght = "half edited"\n')

    def listed(route: str) -> Result:
        return CliRunner().invoke(root.app, ["logs", "list", "--route", route])

    for route in ("fresh", "retired", "support"):
        assert listed(route).exit_code == 0, listed(route).output
    assert 'did you mean "fresh"? There is "fresh", "retired", "support"' in listed("frehs").stderr


async def _see(route: str, folder: Path) -> None:
    store = SqliteStore(folder / "store.sqlite3")
    await store.open()
    past = Generation(1, at=1.0, author="ada", reason="", diff="", text="")
    await store.add_generation(past, [SeenVersion(route, "v1", "0123456789ab", 1.0, 1)])
    await store.close()


TOLD = 'No route is called "suport"; did you mean "support"? There is "support".'
ASKERS = [
    (("events", "list", "--route"), "events"),
    (("review", "list", "--route"), "review/items"),
    (("review", "concern", "list", "--route"), "concerns"),
    (("versions", "list", "--route"), "versions"),
    (("drift", "status"), "drift"),
    (("golden", "status"), "golden"),
]


@pytest.mark.parametrize(("words", "path"), ASKERS)
def test_those_that_ask_a_gateway_say_what_it_says_of_a_route_that_never_was(listener, words, path):
    listener.answers = [(404, {"error": {"code": "route_not_found", "message": TOLD}})]
    refused = run(listener, *words, "suport")
    assert (refused.exit_code, refused.stderr) == (2, f"error: {TOLD} (route_not_found)\n")
    ((method, asked, *_),) = listener.seen
    assert method == "GET"
    assert asked.startswith(f"/admin/v1/{path}?")
    assert "route=suport" in asked
