"""`llmgateway golden` against a gateway that answers from a script."""

import json

import pytest
import typer
from typer.testing import CliRunner

from llmgateway.cli import gateway
from llmgateway.cli import golden as module

FAILED = {"question": "0123456789ab", "reason": "refusal\x1b[2J", "exchange": "0190a0b0-0000-7000-8000-00000000002a"}
LINE = {
    "route": "chat", "is_running": False, "begun": 1_700_000_000.0, "due": 1_700_086_400.0, "trouble": "used up",
    "cost_usd": 0.25,
    "versions": [
        {"version": "v1", "id": "a", "at": 1_700_000_000.0, "asked": 3, "passed": 2, "failed": [FAILED]},
        {"version": "v2", "id": "b", "at": 1_700_000_000.0, "asked": 3, "passed": 3, "failed": []},
    ],
}  # fmt: skip
NEW = LINE | {"route": "new", "begun": None, "due": 0.0, "trouble": None, "cost_usd": None, "versions": []}
ANSWER = {"routes": [LINE, NEW]}


@pytest.fixture
def asked(monkeypatch):
    """What the gateway was asked; it answers ANSWER."""
    calls = []

    def get(_, path, *, has, **query):
        calls.append(("GET", path, query))
        return ANSWER

    def change(_, method, path, *, has):
        calls.append((method, path, {}))
        return ANSWER

    monkeypatch.setattr(gateway, "get", get)
    monkeypatch.setattr(gateway, "change", change)
    monkeypatch.setattr(module, "locate", lambda *_: None)
    return calls


def run(*words):
    app = typer.Typer()
    module.register(app)
    return CliRunner().invoke(app, ["golden", *words], env={"COLUMNS": "200", "TZ": "UTC"})


def test_status_has_a_line_for_each_version_and_each_question_that_failed(asked):
    result = run("status", "chat")
    assert result.exit_code == 0, result.output
    assert asked == [("GET", "golden", {"route": "chat"})]
    lines = [line.split() for line in result.stdout.splitlines() if line.strip()]
    assert lines[2][:5] == ["chat", "v1", "3", "2", "1"]
    assert lines[2][-1] == "$0.2500"
    assert lines[3][:4] == ["v2", "3", "3", "0"]
    assert lines[4] == ["new", "never", "now"]
    assert "chat: used up" in result.stdout
    assert "chat v1: 0123456789ab refusal" in result.stdout
    assert "\x1b" not in result.stdout


def test_what_is_asked_for_now_is_told_as_the_gateway_says(asked):
    assert json.loads(run("run", "chat/a", "--json").stdout) == ANSWER
    assert asked == [("POST", "golden/chat%2Fa/run", {})]


def test_where_there_are_none_it_says_so(asked, monkeypatch):
    monkeypatch.setattr(gateway, "get", lambda *_, **__: {"routes": []})
    assert "no golden questions" in run("status").stdout
