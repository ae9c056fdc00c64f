"""`llmgateway rollout approve` asks whether one is sure of what can be approved of, and leaves a refusal to the gateway."""

import pytest
import typer

from llmgateway.cli.rollout import acts
from llmgateway.wire.jsoncodec import decode

ROLLOUT = {"candidate": "v2", "evidence_hash": "0123456789abcdef"}


@pytest.fixture
def said(monkeypatch):
    """What was asked of the person, and sent to the gateway."""
    questions, sent = [], []

    def sure(_source, question, *, is_agreed):
        if not is_agreed:
            questions.append(question)

    def change(_, method, path, *, has, body):
        sent.append((method, path, decode(body[1])))
        return {has: ROLLOUT}

    monkeypatch.setattr(acts.gateway, "sure", sure)
    monkeypatch.setattr(acts.gateway, "change", change)
    return questions, sent


def approve(monkeypatch, **how):
    found = ROLLOUT | {name: how.pop(name) for name in ("asking",) if name in how}
    monkeypatch.setattr(acts.gateway, "get", lambda *_, **__: {"rollout": found})
    acts.approve("chat", url="http://127.0.0.1:9", as_json=True, **how)


SENT = [("POST", "rollouts/chat/approve", {"evidence_hash": "0123456789abcdef"})]


@pytest.mark.parametrize(("how", "asked"), [({"asking": True}, 1), ({}, 1), ({"asking": True, "yes": True}, 0)])
def test_who_approves_is_asked_whether_of_this_evidence(monkeypatch, said, how, asked):
    approve(monkeypatch, **how)
    assert said == (["Approve of v2 on evidence 0123456789ab?"] * asked, SENT)


def test_where_nobody_is_asked_yet_the_gateway_says_what_is_missing(monkeypatch, said):
    def refused(*_, **__):
        raise typer.Exit(1)

    monkeypatch.setattr(acts.gateway, "change", refused)
    with pytest.raises(typer.Exit):
        approve(monkeypatch, asking=False)
    assert said == ([], [])
