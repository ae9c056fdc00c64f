"""`llmgateway drift` against a gateway that answers from a script."""

import json

import pytest
import typer
from typer.testing import CliRunner

from llmgateway.cli import drift as module
from llmgateway.cli import gateway

SIGNAL = {
    "name": "refusal", "state": "alarm", "bad_in_window": 40, "window": 2_000, "bad_since": 30, "since": 600, "reference": 0.026, "evidence": 1e5,
    "score": 1.25, "event": "drift-1", "text": "More refusals of version v1\x1b[2J of route chat.",
}  # fmt: skip
FEATURE = {
    "name": "reply_length", "state": "moved", "psi": 0.31, "p": 1e-9, "limit": 0.1, "score": 3.1, "event": "drift-2",
    "text": "Not what it was.",
}  # fmt: skip
OTHERS = [
    SIGNAL
    | {"name": "error", "state": "too_high", "bad_in_window": 1_900, "reference": None, "score": 0.0, "text": None},
    SIGNAL | {"name": "blocked", "state": "calm", "bad_in_window": 0, "score": 0.0, "text": None},
]
BLANK = FEATURE | {"name": "prompt_length", "state": "too_few", "psi": None, "limit": None, "score": 0.0, "text": None}
LEARNING = {
    "route": "chat",
    "version": "v2",
    "id": "b",
    "state": "learning",
    "missing": 1_234,
    "signals": [],
    "features": [],
}
WATCHING = {"route": "chat", "version": "v1", "id": "a", "state": "watching", "missing": 7,
            "signals": [SIGNAL, *OTHERS], "features": [FEATURE, BLANK]}  # fmt: skip
ANSWER = {"is_on": True, "versions": [WATCHING, LEARNING], "left_out": 3, "unreadable": 0}


@pytest.fixture
def asked(monkeypatch):
    """What the gateway was asked; it answers ANSWER."""
    calls = []

    def get(_, path, *, has, **query):
        calls.append(("GET", path, query))
        return ANSWER

    def change(_, method, path, *, has, **query):
        calls.append((method, path, query))
        return ANSWER

    monkeypatch.setattr(gateway, "get", get)
    monkeypatch.setattr(gateway, "change", change)
    monkeypatch.setattr(module, "locate", lambda *_: None)
    return calls


def run(*words):
    app = typer.Typer()
    module.register(app)
    return CliRunner().invoke(app, ["drift", *words], env={"COLUMNS": "200"})


def test_status_has_a_line_for_each_thing_that_is_watched(asked):
    result = run("status", "chat")
    assert result.exit_code == 0
    assert asked == [("GET", "drift", {"route": "chat"})]
    lines = [line.split() for line in result.stdout.splitlines() if line.strip().startswith("chat")]
    assert lines[0] == ["chat", "v1", "refusal", "alarm", "up", "to", "2.60%", "5.00%", "125%"]
    assert lines[1] == ["chat", "v1", "error", "too", "high", "95.00%", "5.00%"]
    assert lines[3] == ["chat", "v1", "reply_length", "moved", "PSI", "below", "0.10", "0.310", "310%"]
    assert lines[4] == ["chat", "v1", "prompt_length", "too", "few"]
    assert lines[5] == ["chat", "v2", "learning,", "1,234", "to", "go"]
    assert "More refusals" in result.stdout
    assert "3 more versions are not watched" in result.stdout
    assert "\x1b" not in result.stdout


def test_status_as_json_is_what_the_gateway_says(asked):
    assert json.loads(run("status", "--json").stdout) == ANSWER


def test_where_nothing_is_watched_it_says_so(asked, monkeypatch):
    monkeypatch.setattr(gateway, "get", lambda *_, **__: {"is_on": False, "versions": []})
    assert "nothing is watched" in run("status").stdout


def test_a_reset_asks_before(asked):
    assert run("reset", "chat/a").exit_code != 0
    assert asked == []
    assert run("reset", "chat/a", "--version", "v1", "--yes").exit_code == 0
    assert asked == [("POST", "drift/chat%2Fa/reset", {"version": "v1"})]


def test_where_nothing_is_watched_that_is_said(monkeypatch):
    known = {"versions": [{"route": "asistant"}], "next": None}
    answers = {"drift": ANSWER | {"versions": [], "left_out": 0}, "versions": known}
    monkeypatch.setattr(gateway, "get", lambda _, path, **__: answers[path])
    app = typer.Typer()
    module.register(app)
    assert "no such version is watched" in CliRunner().invoke(app, ["drift", "status", "asistant"]).output
