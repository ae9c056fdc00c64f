"""`llmgateway guard replay`, as people run it: against a store file, with what it prints."""

import json
from pathlib import Path

import pytest
from tests.support import guardrails as simple
from tests.support.exchanges import ExchangeFactory, copy_of, verdict
from tests.unit.cli.test_guard import CONFIG
from tests.unit.cli.test_logs import HOSTILE, fill
from typer.testing import CliRunner, Result

from llmgateway.cli.logs import walk
from llmgateway.cli.main import app
from llmgateway.ports.store import Body, Entry

VALUE = "555012345678"
NUMBER = ("request", "digits", "number")


@pytest.fixture
def make() -> ExchangeFactory:
    return ExchangeFactory()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    simple.install(monkeypatch)
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("config.toml").write_text(f'[data]\ndir = "{tmp_path}"\n{CONFIG}')
    return tmp_path


def run(*args: str) -> Result:
    return CliRunner(env={"COLUMNS": "160"}).invoke(app, ["guard", "replay", "--since", "2023-01-01", *args])


def entry(make: ExchangeFactory, request: str | None, reply: str | None = "fine", **more: object) -> Entry:
    texts = {"request": request, "reply": reply}
    contents = {
        kind: json.dumps({"messages": [{"role": "user", "content": text}]}).encode()
        for kind, text in texts.items()
        if text is not None
    }
    bodies = [Body(kind, "application/json", len(content), content) for kind, content in contents.items()]
    return Entry(make.row(**{"route": "assistant", **more}), bodies)


def figures(*args: str) -> dict[tuple[str, str, str], tuple[int, ...]]:
    shown = json.loads(run(*args, "--json").stdout)["verdicts"]
    names = ("exchanges", "new", "changed", "gone", "unknown")
    return {(row["stage"], row["guardrail"], row["kind"]): tuple(row[name] for name in names) for row in shown}


def test_what_would_come_is_told_beside_what_was_recorded(folder: Path, make: ExchangeFactory) -> None:
    entries = [
        entry(make, f"ring {VALUE}"),
        entry(make, "hello", "bother"),
        entry(make, "nothing", verdicts=[verdict(guardrail="digits", kind="number")]),
        entry(make, "[NUMBER]", verdicts=[verdict(guardrail="digits", kind="number")]),
        entry(make, None, None),
    ]
    fill(folder, entries)
    result = run()
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.output.splitlines()]
    assert "5 exchanges: would be 1 blocked, 1 redacted, 3 untouched" in result.output
    assert ["digits", "request", "number", "redact", "1", "1", "0", "1", "1"] in rows
    assert ["rude", "reply", "word", "block", "1", "1", "0", "0", "0"] in rows
    found = f"{entries[0].row['id']}  digits redact, new: number in the request  1.00  55… (12 characters)"
    assert found in result.output
    assert f"{entries[2].row['id']}  digits number in the request" in result.output
    assert "1 request not looked into: nothing was recorded" in result.output
    assert "taken out of requests before they were stored, and not found again: number 1" in result.output
    assert "unknown: recorded, and what it was about is not in the store" in result.output
    assert VALUE not in result.output


def test_json_has_the_figures_and_never_a_value(folder: Path, make: ExchangeFactory) -> None:
    fill(folder, [entry(make, f"{VALUE} hello")])
    shown = json.loads(run("--json").stdout)
    assert (shown["exchanges"], shown["limited"]) == (1, False)
    assert shown["outcomes"] == {"allow": 0, "flag": 0, "redact": 1, "block": 0}
    assert {(row["guardrail"], row["action"], row["mode"]) for row in shown["verdicts"]} == {
        ("digits", "redact", "enforce"), ("seen", "flag", "enforce"),
    }  # fmt: skip
    assert VALUE not in run("--json").stdout


def test_guardrails_can_be_named_without_a_configuration(folder: Path, make: ExchangeFactory) -> None:
    fill(folder, [entry(make, "1234", route="long-gone", verdicts=[verdict()])])
    folder.joinpath("config.toml").unlink()
    assert figures("--guardrails", "runs", "--data", ".") == {("request", "runs", "number"): (1, 1, 0, 0, 0)}
    assert figures("--guardrails", "runs", "--data", ".", "--route", "long-gone") != {}
    refused = run("--guardrails", "runs", "--data", ".", "--route", "other")
    assert refused.exit_code == 2
    assert 'no route is called "other"; there is "long-gone"' in refused.stderr


def test_routes_times_and_copies_are_left_out(folder: Path, make: ExchangeFactory) -> None:
    first = entry(make, "1234")
    make.clock.advance(20)
    other = entry(make, "1234", route="other")
    fill(folder, [first, other, copy_of(first, make)])
    assert figures("--route", "assistant")[NUMBER][0] == 1
    assert json.loads(run("--json").stdout)["unguarded"] == {"other": 1}
    assert json.loads(run("--until", "2023-11-14T22:13:35+00:00", "--json").stdout)["exchanges"] == 1
    assert "no exchange in this time" in run("--until", "2023-02-01").output
    assert "nothing would be found" in run("--since", "2023-11-14T22:13:35+00:00").output


def test_the_newest_are_taken_and_it_is_said(folder: Path, make: ExchangeFactory, monkeypatch) -> None:
    monkeypatch.setattr(walk, "PAGE", 2)
    entries = [entry(make, "1234" if at < 3 else "fine") for at in range(7)]
    fill(folder, entries)
    assert figures() == {NUMBER: (3, 3, 0, 0, 0)}
    result = run("--limit", "5")
    assert "5 exchanges: would be 1 redacted, 4 untouched" in result.output
    assert "these are the newest 5; --limit looks further back" in result.stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--route", "asistant"), 'no route is called "asistant"; did you mean "assistant"?'),
        (("--guardrails", "run"), 'no guardrail is called "run"; did you mean "runs"?'),
        (("--guardrails", ","), "names at least one guardrail"),
        (("--guardrails", "length"), '"length" can\'t be asked without settings'),
        (("--since", "yesterday"), "is no time"),
        (("--config", "nowhere.toml"), "there is no nowhere.toml"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    folder: Path, make: ExchangeFactory, args: tuple[str, ...], words: str
) -> None:
    fill(folder, [entry(make, "1234")])
    result = run(*args)
    assert (result.exit_code, words in " ".join(result.output.split())) == (2, True), result.output


def test_without_a_store_it_is_said_where_it_was_looked_for() -> None:
    result = run()
    assert (result.exit_code, "there is no store at" in result.output) == (1, True)


def test_nothing_in_the_log_moves_the_cursor(folder: Path, make: ExchangeFactory) -> None:
    hostile = dict.fromkeys(("guardrail", "kind"), HOSTILE)
    fill(
        folder, [entry(make, f"{HOSTILE.replace(chr(0xD800), '')} 1234", verdicts=[verdict(**hostile)], route=HOSTILE)]
    )
    for args in ((), ("--json",), ("--guardrails", "runs")):
        assert "\x1b" not in run(*args).output


def test_it_is_told_whose_request_is_not_known(folder: Path, make: ExchangeFactory) -> None:
    fill(folder, [entry(make, None, "goose"), entry(make, "x", "goose")])
    shown = run("--guardrails", "told").output
    assert "told not asked about 1 reply: what was asked is not known" in shown
