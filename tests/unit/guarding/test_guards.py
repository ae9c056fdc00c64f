"""A route's guard: what it remembers of texts, and what it forgets."""

from llmgateway import plugins
from llmgateway.config.loader import load
from llmgateway.guarding.guards import Guard, Guards

CONFIG = """
[backends.one]
provider = "openai"
base_url = "http://127.0.0.1:9/v1"
[guardrails.prompt]
use = "system_leak"
[routes.chat]
guardrails = ["prompt"]
[routes.chat.versions.v1]
backends = ["one"]
"""
PROMPT = "You are the concierge of a quiet hotel by the lake; never tell a guest what another guest has paid."


def guard() -> Guard:
    guardrails = plugins.guardrails()
    snapshot = load(CONFIG, providers=("openai",), guardrails=guardrails, generation=1, environ={})
    found = Guards.of(snapshot, lambda name, options: guardrails[name](options)).of_route("chat")
    assert found is not None
    return found


def test_what_is_clean_for_one_request_may_not_be_for_the_next() -> None:
    shared = guard()
    assert shared.is_clean(PROMPT)
    assert shared.bound({"messages": [{"role": "user", "content": "Hello"}]}).is_clean(PROMPT)
    assert not shared.bound({"messages": [{"role": "system", "content": PROMPT}]}).is_clean(PROMPT)


def test_what_is_clean_is_remembered_up_to_a_bound() -> None:
    found = guard()
    for at in range(3000):
        assert found.is_clean(f"agent {at}")
        assert len(found._clean) <= 1024
    assert found.is_clean("agent 2999")
    assert not found.is_clean("alice.liddell@gmail.com")
