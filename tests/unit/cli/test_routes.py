"""`llmgateway routes explain`, as people run it."""

import json
from pathlib import Path

import pytest
from tests.unit.routing.test_explain import CONFIG
from typer.testing import CliRunner, Result

from llmgateway.cli.main import app


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(CONFIG)
    return path


def run(file: Path, *args: str, stdin: str | None = None) -> Result:
    runner = CliRunner(env={"COLUMNS": "160"})
    return runner.invoke(app, ["routes", "explain", "--config", str(file), *args], input=stdin)


def test_it_says_the_version_the_rule_the_attempts_and_what_follows(file: Path, tmp_path: Path) -> None:
    body = tmp_path / "request.json"
    body.write_text('{"model": "assistant", "stream": true}')
    result = run(file, "--key", "app", "-H", "X-Tier: gold", "--body", str(body))
    assert result.exit_code == 0
    for words in (
        "v2 (chance 100 %)",
        "rule gold",
        "1. v2 at two (first)",
        "2. v1 at one (fallback)",
        "✔",
        "not asked",
    ):
        assert words in result.output
    assert "upstream_unreachable" in result.output
    assert "the caller gets the error" in result.output


def test_a_rule_that_does_not_fit_says_why(file: Path) -> None:
    result = run(file, "--route", "assistant", "-H", "x-tier: silver")
    assert "✘ not streamed" in result.output
    assert '✘ "silver"' in result.output
    assert "v1 is the likeliest (90 %): each request draws anew" in result.output
    assert "by user, which the request does not name" in result.output
    assert "which of one, two begins: the less busy of two drawn ones" in result.output


def test_json_for_programs(file: Path) -> None:
    shown = json.loads(run(file, "--json", "--body", "-", stdin='{"model":"assistant","tools":[{}]}').stdout)
    assert (shown["assigned_by"], shown["version"], shown["key"]) == ("rule:tools", "v2", "app")


def test_without_a_key_it_says_whose_request_it_took_it_for(file: Path) -> None:
    assert "as key app, the first that may use the route; name a key for another" in run(file, "-r", "assistant").output
    assert "as key" not in run(file, "-r", "assistant", "--key", "app").output
    switched_off = file.read_text().replace("[keys.app]", "[keys.app]\nenabled = false")
    file.write_text(switched_off)
    assert "with key ops" in run(file, "-r", "assistant").output
    assert "the key app is switched off" in run(file, "-r", "assistant", "--key", "app").output


def test_a_gateway_without_keys_serves_everybody(file: Path) -> None:
    file.write_text(CONFIG[: CONFIG.index("[keys.app]")])
    result = run(file, "-r", "assistant", "-H", "x-llmgateway-version: v2")
    assert "with key anonymous" in result.output
    assert "the caller, with x-llmgateway-version" in result.output


def test_anthropics_callers_are_told_apart_as_the_gateway_does(file: Path) -> None:
    for args in (("--path", "/v1/messages"), ("-H", "anthropic-version: 2023-06-01")):
        assert "(anthropic, messages)" in run(file, "-r", "assistant", *args).output


def test_a_time_can_be_named(file: Path) -> None:
    when = '[[routes.assistant.rules]]\nname = "night"\nwhen = { time = { from = "22:00", to = "06:00" } }\nuse = { v1 = 1 }\n'
    file.write_text(CONFIG.replace("[[routes.assistant.rules]]", when + "[[routes.assistant.rules]]", 1))
    assert "rule night" in run(file, "-r", "assistant", "--at", "2026-01-05T23:00Z").output
    result = run(file, "-r", "assistant", "--at", "2026-01-05T12:00Z")
    assert "rule night" not in result.output
    assert "✘ Mon 12:00" in result.output


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("-r", "asistant"), 2, 'no route is called "asistant"; did you mean "assistant"?'),
        (("-r", "assistant", "-k", "ap"), 2, 'no key is called "ap"; did you mean "app"?'),
        (("-r", "assistant", "-H", "x-tier gold"), 2, "is no header: write 'name: value'"),
        (("-r", "assistant", "--at", "noon"), 2, "is no time"),
        (("-r", "assistant", "-k", "no"), 1, "this key may not use it"),
        (("-r", "assistant", "-k", "app", "-H", "x-llmgateway-version: v1"), 1, "This key may not name a version"),
        (("-r", "assistant", "-k", "ops", "-H", "x-llmgateway-version: v9"), 1, "The route has no version of the name"),
        (("-r", "assistant", "--body", "/nowhere.json"), 1, "/nowhere.json: No such file or directory"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(file: Path, args: tuple[str, ...], code: int, words: str) -> None:
    result = run(file, *args)
    assert result.exit_code == code
    assert words in result.output


def test_a_broken_body_and_a_broken_file_are_said_in_a_line(file: Path) -> None:
    assert "not valid JSON" in run(file, "-r", "assistant", "--body", "-", stdin="{").output
    file.write_text(CONFIG.replace("x-tier", "x tier"))
    result = run(file, "-r", "assistant")
    assert (result.exit_code, result.output.startswith(f"{file}:")) == (2, True)


def test_no_secret_is_looked_up(file: Path) -> None:
    file.write_text(CONFIG.replace("[backends.two]", 'api_key = "env:LLMGATEWAY_TEST_UNSET"\n[backends.two]'))
    assert run(file, "-r", "assistant").exit_code == 0
