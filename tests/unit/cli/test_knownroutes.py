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


LISTS = [
    (("events", "list"), "events", {"next": None}),
    (("review", "list"), "items", {"next": None}),
    (("review", "concern", "list"), "concerns", {}),
    (("versions", "list"), "versions", {"next": None}),
]


@pytest.mark.parametrize(("words", "has", "more"), LISTS)
def test_a_list_with_nothing_in_it_asks_whether_there_is_such_a_route(listener, words, has, more):
    nothing = (200, {"versions": [], "next": None})
    listener.answers = [(200, {has: [], **more}), nothing, (200, {"versions": [{"route": "support"}], "next": None})]
    refused = run(listener, *words, "--route", "suport")
    assert (refused.exit_code, refused.stderr) == (2, REFUSED + "\n")
    assert listener.seen[1][1] == "/admin/v1/versions?limit=1000&route=suport&past=true"


@pytest.mark.parametrize(("words", "has", "more"), LISTS)
def test_a_route_of_the_past_is_one(listener, words, has, more):
    listener.answers = [(200, {has: [], **more}), (200, {"versions": [{"route": "retired"}], "next": None})]
    found = run(listener, *words, "--route", "retired")
    assert found.exit_code == 0
    assert "matches" in found.stderr


@pytest.mark.parametrize("words", [("drift", "status"), ("golden", "status")])
def test_those_that_take_it_without_an_option_do_so_too(listener, words):
    empty = {"is_on": True, "versions": [], "routes": [], "left_out": 0, "next": None}
    listener.answers = [(200, empty), (200, empty), (200, {"versions": [{"route": "support"}], "next": None})]
    assert REFUSED in run(listener, *words, "suport").stderr


def test_a_dataset_is_not_imported_for_a_route_that_never_was(listener, tmp_path):
    file = tmp_path / "requests.jsonl"
    file.write_text('{"messages": [{"role": "user", "content": "Where is my parcel?"}]}\n')
    listener.answers = [
        (200, {"versions": [], "next": None}),
        (200, {"versions": [{"route": "support"}], "next": None}),
    ]
    refused = run(listener, "datasets", "import", "golden", str(file), "--route", "suport")
    assert (refused.exit_code, refused.stderr) == (2, REFUSED + "\n")
    assert {method for method, *_ in listener.seen} == {"GET"}, "nothing is begun"
