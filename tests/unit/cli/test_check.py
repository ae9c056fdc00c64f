"""`llmgateway check`: what it prints and with which code it leaves."""

import json
from pathlib import Path

import pytest
from tests.unit.config.conftest import TEXT
from typer.testing import CliRunner

from llmgateway.cli import pages
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
    assert not any(line.endswith(" ") for line in result.output.splitlines())


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


def test_in_a_small_terminal_names_are_whole(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "room", lambda: 60)
    file.write_text(TEXT.replace("[server]\n", "[server]\nworkers = 1\n"))
    shown = runner.invoke(app, ["check", str(file)]).output
    lines = [line for line in shown.splitlines() if str(file) not in line]
    assert max(map(len, lines)) <= 60
    assert any(line.split()[:2] == ["assistant", "v1"] for line in lines), shown
    assert "of any size" in shown
    assert "1 workers" not in shown


def test_without_a_name_it_is_the_file_that_all_commands_take(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLMGATEWAY_CONFIG", raising=False)
    monkeypatch.chdir(file.parent)
    file.rename(file.parent / "config.toml")
    assert "config.toml is valid" in runner.invoke(app, ["check"]).output
    named = runner.invoke(app, ["check"], env={"LLMGATEWAY_CONFIG": "other.toml"})
    assert (named.exit_code, named.stderr) == (2, "other.toml: cannot be read: No such file or directory\n")


def test_who_starts_where_no_file_is_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLMGATEWAY_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    for words in (["serve"], ["logs", "list"], ["report"]):
        result = runner.invoke(app, words)
        assert result.exit_code == 2
        assert result.stderr.startswith(
            "error: there is no config.toml: name the configuration with --config or $LLMGATEWAY_CONFIG, or "
        )


def test_names_are_not_taken_for_markup(file: Path) -> None:
    file.write_text(
        TEXT + '[routes."[red]x[/red]".versions.v]\nbackends = ["one"]\n[keys.k]\nhash = "sha256:' + "2" * 64 + '"\n'
    )
    assert "[red]x[/red]" in runner.invoke(app, ["check", str(file)]).output


RULES = """
[[routes.assistant.rules]]
name = "gold"
when = { header = { x-tier = "gold" }, time = { days = ["fri"], from = "22:00", to = "06:00", zone = "Asia/Tokyo" } }
use = { v2 = 1, v3 = 3 }
[[routes.assistant.rules]]
name = "rest"
use = { v1 = 1 }
[routes.assistant.on_failure]
faults = ["timeout", "auth"]
[routes.assistant.versions.v3]
backends = ["two"]
"""


def test_rules_faults_and_pins_are_told_in_words(file: Path) -> None:
    file.write_text(TEXT.replace("[keys.app]", RULES + "[keys.app]\nmay_pin = true"))
    output = runner.invoke(app, ["check", str(file)]).output
    for words in (
        'header x-tier is "gold"',
        "Fri 22:00 to 06:00 of the next day in Asia/Tokyo",
        "v2 25 %, v3 75 %",
        "always",
        "by rule",
        "3, after timeout, auth",
        "app (may pin)",
    ):
        assert words in output
    told = json.loads(runner.invoke(app, ["check", "--json", str(file)]).stdout)["config"]
    assert [rule["use"] for rule in told["routes"][0]["rules"]] == [{"v2": 25.0, "v3": 75.0}, {"v1": 100.0}]
    assert told["routes"][0]["on_failure"] == ["timeout", "auth"]
    assert told["keys"][0]["may_pin"] is True


def test_routes_without_rules_have_no_table_of_them(file: Path) -> None:
    assert "Rules" not in runner.invoke(app, ["check", str(file)]).output


def test_a_route_that_never_tries_again_makes_one_attempt(file: Path) -> None:
    file.write_text(TEXT + "[routes.assistant.on_failure]\nfaults = []\n")
    told = json.loads(runner.invoke(app, ["check", "--json", str(file)]).stdout)["config"]
    assert told["routes"][0]["on_failure"] == []
    assert runner.invoke(app, ["check", str(file)]).exit_code == 0


def test_a_shadow_is_explained(file: Path) -> None:
    file.write_text(
        TEXT.replace("[routes.assistant]\n", '[routes.assistant]\nshadow = { version = "v2", share = 0.25 }\n').replace(
            "weight = 10", "weight = 0"
        )
    )
    output = " ".join(runner.invoke(app, ["check", str(file)]).output.split())
    assert "callers never see their answers" in output
    assert "assistant v2 25 % at most 16 at once, 600 a minute" in output
    assert "v2 shadow as called two" in output
    assert "is valid" in output


CHOICES = """
[backends.three]
provider = "openai"
base_url = "http://127.0.0.1:9003/v1"
drained = true
max_concurrent = 64
health = { probe = "models" }
[routes.single]
hedge = { after = "2s" }
versions = { v1 = { backends = ["one"] } }
"""


def test_how_a_backend_is_chosen_limited_and_judged_is_told(file: Path) -> None:
    text = TEXT.replace('fallback = ["v1"]', 'fallback = ["v1"]\nbalance = "ordered"\nhedge = { after = "p99" }')
    text = text.replace('backends = ["two"]', 'backends = ["two", "one"]').replace("[keys.app]", CHOICES + "[keys.app]")
    file.write_text(text + 'priority = "low"\n')
    output = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["check", str(file)]).output
    for words in (
        "in order: two, one",
        "after p99 of first-token times, at least 50ms",
        "after 2s",
        "one, two ",
        "three (drained)",
        "64 at once, 128 may wait for 5s",
        "5 faults in a row",
        "models every 10s",
        "app (low priority)",
    ):
        assert words in output
    told = json.loads(runner.invoke(app, ["check", "--json", str(file)]).stdout)["config"]
    assert told["routes"][0]["hedge"] == {"after": "p99", "min_wait": "50ms"}
    assert (told["backends"][2]["drained"], told["backends"][2]["health"]["probe"]) == (True, "models")


def test_where_nothing_is_chosen_there_is_no_table_of_choices(file: Path) -> None:
    assert "Several backends" not in runner.invoke(app, ["check", str(file)]).output


def test_metrics_that_read_scores_are_told_with_what_is_bad(file: Path) -> None:
    metrics = """[routes.assistant.rollout]
candidate = "v2"
metrics.error = { ceiling = 0.01 }
metrics.thumbs = { score = "helpful", bad = false, kind = "signal" }
metrics.stars = { score = "stars", below = 3, source_id = "app" }
metrics.wordy = { evaluator = "too_long", bad = true }
[evaluators.too_long]
"""
    file.write_text(TEXT.replace("[keys.app]", metrics + "[keys.app]"))
    result = runner.invoke(app, ["check", str(file)], env={"COLUMNS": "220"})
    assert result.exit_code == 0, result.output
    for words in (
        "error (critical, ceiling 1 %)",
        "thumbs (signal): score helpful by user, bad: false",
        "stars (critical): score stars by user app, bad: below 3",
        "wordy (critical): score too_long by code too_long, bad: true",
    ):
        assert words in result.output


def test_a_metric_of_an_evaluator_that_is_not_there_is_refused_with_its_line(file: Path) -> None:
    text = TEXT.replace(
        "[keys.app]",
        '[routes.assistant.rollout]\ncandidate = "v2"\nmetrics.error = {}\n'
        '[routes.assistant.rollout.metrics.tone]\nevaluator = "tone"\nbad = false\n[keys.app]',
    )
    file.write_text(text)
    result = runner.invoke(app, ["check", str(file)])
    line = text.splitlines().index('evaluator = "tone"') + 1
    assert result.exit_code == 2
    assert f"{file}:{line}: routes.assistant.rollout.metrics.tone.evaluator: no evaluator" in result.stderr
