"""`llmgateway rollout rollback` never asks, so that `--yes` is no reason not to roll back."""

import pytest
from typer.testing import CliRunner

from llmgateway.cli.main import app
from llmgateway.cli.rollout import acts
from llmgateway.wire.jsoncodec import decode


@pytest.mark.parametrize("what", ["rollback", "pause", "resume", "discard"])
@pytest.mark.parametrize("more", [[], ["--yes"], ["-y"]])
def test_it_is_done_with_yes_and_without(monkeypatch, what, more):
    sent = []

    def change(_, method, path, *, has, body):
        sent.append((method, path, decode(body[1])))
        return {has: {}}

    monkeypatch.setattr(acts.gateway, "change", change)
    args = ["rollout", what, "chat", "--url", "http://127.0.0.1:9", "--json", "--reason", "why", *more]
    result = CliRunner().invoke(app, args)
    assert (result.exit_code, sent) == (0, [("POST", f"rollouts/chat/{what}", {"reason": "why"})]), result.output
