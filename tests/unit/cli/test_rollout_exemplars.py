"""The answers that `llmgateway rollout promote` has people read."""

import json

import pytest
import typer

from llmgateway.cli.rollout import acts

REPLY = {
    "id": "chatcmpl-1",
    "model": "m",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Good \x1b[2Jmorning."}, "finish_reason": "stop"}
    ],
}


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        ("reply", json.dumps(REPLY), "   reply: Good \\x1b[2Jmorning."),
        ("request", json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}]}), "   request: Hi"),
        ("reply", '{"cut": "in the mid', '   reply: {"cut": "in the mid'),
        ("reply", "[1]", "   reply: [1]"),
        ("reply", "w" * 700, "   reply: " + "w" * acts.SHOWN + " …"),
    ],
)
def test_people_read_words_and_no_json(kind, text, told, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "900")
    acts._print_exemplars([{"id": "x", "finish_reason": "stop", "end": "completed", "said": {kind: text}}])
    assert told in capsys.readouterr().out.splitlines()


def test_nobody_is_given_answers_to_read_when_nothing_can_be_promoted(monkeypatch, capsys):
    asked = []

    def get(_, path, **__):
        asked.append(path)
        return {"rollout": {"state": "canary", "words": ["Still missing: time.\x1b[2J"]}}

    monkeypatch.setattr(acts.gateway, "get", get)
    with pytest.raises(typer.Exit):
        acts.promote("chat", "as good", url="http://127.0.0.1:9")
    assert asked == ["rollouts/chat"]
    told = capsys.readouterr().err
    assert told.splitlines() == [
        "error: the rollout of chat is canary, and waits for nobody to promote it",
        "  Still missing: time.\\x1b[2J",
    ]
