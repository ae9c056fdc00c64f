"""`llmgateway check`: what it prints and with which code it leaves."""

import json
from pathlib import Path

import pytest
from tests.unit.config.conftest import TEXT
from typer.testing import CliRunner

from llmgateway.cli.main import app

runner = CliRunner(env={"COLUMNS": "120"})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(TEXT)
    return path


def test_a_sound_file_is_explained(file: Path) -> None:
    result = runner.invoke(app, ["check", str(file)])
    assert result.exit_code == 0
    for word in ("http://127.0.0.1:8080", "assistant", "90 %", "10 %", "one (openai)", "3s / 2m / 1m / 10m", "app"):
        assert word in result.output
    assert f"{file} is valid" in result.output.replace("\n", "")


def test_warnings_do_not_fail(file: Path) -> None:
    file.write_text(TEXT + '[backends.three]\nprovider = "openai"\nbase_url = "https://h/v1"\napi_key = "sk-canary"\n')
    result = runner.invoke(app, ["check", str(file)])
    assert result.exit_code == 0
    assert result.output.count("warning: ") == 2
    assert "with 2 warnings" in result.output
    assert "sk-canary" not in result.output


def test_everything_wrong_is_listed_on_stderr_and_the_code_is_two(file: Path) -> None:
    file.write_text(TEXT.replace('fallback = ["v1"]', 'fallback = ["v9"]').replace("weight = 10", 'weight = "x"'))
    result = runner.invoke(app, ["check", str(file)])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert [line.split(": ")[0] for line in result.stderr.splitlines()] == [f"{file}:12", f"{file}:18"]


def test_json_for_programs(file: Path) -> None:
    result = runner.invoke(app, ["check", "--json", str(file)])
    told = json.loads(result.stdout)
    assert (result.exit_code, told["ok"], told["warnings"]) == (0, True, [])
    assert told["config"]["routes"][0]["versions"][0]["share_percent"] == 90.0
    file.write_text(TEXT.replace("weight = 10", 'weight = "x"'))
    result = runner.invoke(app, ["check", "--json", str(file)])
    told = json.loads(result.stdout)
    assert (result.exit_code, told["ok"], told["total"]) == (2, False, 1)
    assert told["problems"] == [
        {"file": str(file), "line": 18, "path": "routes.assistant.versions.v2.weight", "reason": "must be a number"}
    ]


def test_no_secrets_looks_nothing_up(file: Path) -> None:
    file.write_text(TEXT.replace("[backends.two]", 'api_key = "env:LLMGATEWAY_TEST_UNSET"\n[backends.two]'))
    refused = runner.invoke(app, ["check", str(file)])
    assert refused.exit_code == 2
    assert "LLMGATEWAY_TEST_UNSET is not set" in refused.stderr
    assert runner.invoke(app, ["check", "--no-secrets", str(file)]).exit_code == 0


def test_a_missing_file_is_clear(tmp_path: Path) -> None:
    result = runner.invoke(app, ["check", str(tmp_path / "none.toml")])
    assert (result.exit_code, result.stderr) == (
        2,
        f"{tmp_path}/none.toml: cannot be read: No such file or directory\n",
    )


def test_names_are_not_taken_for_markup(file: Path) -> None:
    file.write_text(
        TEXT + '[routes."[red]x[/red]".versions.v]\nbackends = ["one"]\n[keys.k]\nhash = "sha256:' + "2" * 64 + '"\n'
    )
    assert "[red]x[/red]" in runner.invoke(app, ["check", str(file)]).output
