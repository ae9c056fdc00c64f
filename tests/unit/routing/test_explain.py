"""What a request would get: told without sending it, and as the data plane decides it."""

import json

import pytest

from llmgateway.config.loader import load
from llmgateway.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.dialects.openai.dialect import OpenAIDialect
from llmgateway.domain.errors import GatewayError
from llmgateway.routing.explain import Asked, Explanation, Outcome, Present, explain
from llmgateway.routing.standings import Standings
from llmgateway.wire.jsoncodec import encode

CONFIG = """
[backends.one]
provider = "openai"
base_url = "http://127.0.0.1:1/v1"
[backends.two]
provider = "openai"
base_url = "http://127.0.0.1:2/v1"
[routes.assistant]
sticky = "user"
fallback = ["v1"]
retries = { max_attempts = 3, base = "100ms" }
on_failure = { faults = ["unreachable", "server_error"] }
[routes.assistant.versions.v1]
backends = ["one", "two"]
weight = 90
[routes.assistant.versions.v2]
backends = ["two"]
weight = 10
[[routes.assistant.rules]]
name = "gold"
when = { header = { x-tier = "gold" }, stream = true }
use = { v2 = 1 }
[[routes.assistant.rules]]
name = "long"
when = { min_tokens = 100 }
use = { v1 = 1, v2 = 3 }
[[routes.assistant.rules]]
name = "tools"
when = { tools = true }
use = { v2 = 1 }
[keys.app]
hash = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
default_route = "assistant"
[keys.ops]
hash = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
may_pin = true
[keys.no]
hash = "sha256:3333333333333333333333333333333333333333333333333333333333333333"
routes = ["gpt-4"]
[routes."gpt-*".versions.pass]
backends = ["one"]
"""
SNAPSHOT = load(CONFIG, providers=("openai",), generation=1, environ={})
KEYS = {key.name: key for key in SNAPSHOT.keys.values()}


def told(document=None, *, key="app", dialect=None, **more):
    body = json.dumps({"model": "assistant", **document}).encode() if document is not None else b""
    headers = {name.encode(): value.encode() for name, value in more.pop("headers", {}).items()}
    asked = Asked(KEYS[key], dialect or OpenAIDialect(), 0.0, headers=headers, body=body, **more)
    return explain(SNAPSHOT, asked)


def outcomes(explanation):
    return {rule.name: rule.outcome for rule in explanation.rules}


def test_the_rule_that_matched_is_told_and_why_the_others_did_not():
    explanation = told({"stream": False, "tools": [{}], "user": "ann"}, headers={"x-tier": "gold"})
    assert outcomes(explanation) == {
        "gold": Outcome.NO_MATCH,
        "long": Outcome.NO_MATCH,
        "tools": Outcome.MATCHED,
    }
    gold, long, tools = explanation.rules
    assert [(check.condition, check.holds, check.has) for check in gold.checks] == [
        ("streamed", False, "not streamed"),
        ('header x-tier is "gold"', True, '"gold"'),
    ]
    assert [(check.condition, check.has) for check in long.checks] == [("at least 100 input tokens", "about 18")]
    assert tools.use == {"v2": 1.0}
    assert (explanation.assigned_by, explanation.version, explanation.probability) == ("rule:tools", "v2", 1.0)


def test_rules_behind_the_one_that_matched_were_not_asked():
    explanation = told({"stream": True, "tools": [{}]}, headers={"x-tier": "gold"})
    assert outcomes(explanation) == {
        "gold": Outcome.MATCHED,
        "long": Outcome.NOT_ASKED,
        "tools": Outcome.NOT_ASKED,
    }


def test_without_a_rule_the_weights_decide_and_every_chance_is_told():
    explanation = told({"user": "ann"})
    assert (explanation.assigned_by, explanation.chances) == ("split", {"v1": 0.9, "v2": 0.1})
    assert (explanation.sticky_by, explanation.sticky_key, explanation.is_drawn) == ("user", "ann", False)
    assert explanation.probability == explanation.chances[explanation.version]


def test_where_nothing_sticks_the_likeliest_version_is_told_as_that():
    explanation = told({"x": "a" * 400})
    assert (explanation.version, explanation.probability, explanation.is_drawn) == ("v2", 0.75, True)
    assert explanation.sticky_key is None


def test_a_sticky_caller_gets_the_version_that_the_hash_gives():
    from llmgateway.routing.select import split_of

    for user in ("ann", "bob", "cy", "dan", "eve"):
        choice = split_of(SNAPSHOT.routes["assistant"]).choose(user, 0.0)
        assert told({"user": user}).version == choice.version.name


def test_a_pin_goes_before_every_rule():
    explanation = told({"tools": [{}]}, key="ops", headers={"x-llmgateway-version": "v1"})
    assert (explanation.assigned_by, explanation.version, explanation.probability) == ("pin", "v1", 1.0)
    assert set(outcomes(explanation).values()) == {Outcome.NOT_ASKED}
    assert [attempt.version for attempt in explanation.attempts] == ["v1", "v1"]


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        ("pin_not_allowed", {"document": {}, "headers": {"x-llmgateway-version": "v1"}}),
        ("version_not_found", {"document": {}, "key": "ops", "headers": {"x-llmgateway-version": "v9"}}),
        ("model_not_found", {"document": {}, "key": "no"}),
        ("model_not_found", {"model": "nothing", "key": "ops"}),
        ("invalid_value", {"document": {"model": 3}}),
        ("invalid_value", {"document": {"stream": "yes"}}),
        ("route_required", {"key": "ops"}),
    ],
)
def test_what_the_gateway_would_refuse_is_refused(code, asked):
    with pytest.raises(GatewayError) as caught:
        told(**asked)
    assert caught.value.code == code


def test_the_attempts_are_told_in_their_order_and_what_follows_which_fault():
    explanation = told({"tools": [{}], "user": "u"})
    assert [(each.version, each.backend, each.kind) for each in explanation.attempts] == [
        ("v2", "two", "first"),
        ("v1", "one", "fallback"),
        ("v1", "two", "fallback"),
    ]
    after = {fault.code: fault for fault in explanation.after}
    assert [(each.version, each.backend) for each in after["upstream_error"].then] == [("v1", "one"), ("v1", "two")]
    assert after["upstream_error"].fault == "server_error"
    assert after["upstream_timeout"].then == ()  # the route does not name it


def test_the_pause_before_the_same_backend_is_told():
    (step, _) = next(each for each in told(model="gpt-4", key="no").after if each.code == "upstream_error").then
    assert (step.kind, step.wait_s, step.version) == ("retry", 0.1, "pass")


def test_what_has_an_id_stays_at_its_home():
    explanation = told(key="app", method="GET", path="/v1/files")
    assert (explanation.route, explanation.assigned_by, explanation.version) == ("assistant", "home", "v1")
    assert len(explanation.attempts) == 1


def test_a_request_without_a_model_goes_where_its_header_or_key_says():
    assert told(key="app").route == "assistant"
    assert told(key="ops", headers={"x-llmgateway-route": "gpt-x"}).route == "gpt-*"


def test_the_dialect_is_the_callers():
    explanation = told({"metadata": {"user_id": "ann"}}, dialect=AnthropicDialect(), path="/v1/messages")
    assert (explanation.dialect, explanation.operation, explanation.sticky_key) == ("anthropic", "messages", "ann")


def test_it_can_be_shown_as_json():
    shown = json.loads(encode(told({"stream": True}, headers={"x-tier": "silver"}).shown()))
    assert shown["rules"][0]["outcome"] == "no match"
    assert shown["rules"][0]["checks"][1]["has"] == '"silver"'
    assert shown["after"][0]["then"][0]["backend"] in {"one", "two"}


def present(**entries):
    standings = Standings(SNAPSHOT)
    standings.take({"heard": 0, "epoch": "e", "out": entries}, 100.0)
    return Present(standings, 100.0)


def now(explanation):
    return [(each.version, each.backend, each.kind) for each in explanation.present]


def test_how_the_backends_are_decides_who_is_asked_now():
    asked = Asked(
        KEYS["app"], OpenAIDialect(), 0.0, headers={b"x-tier": b"gold"}, body=b'{"model":"assistant","stream":true}'
    )
    sick = {"state": "ejected", "reason": "consecutive", "since": 90.0, "until": 130.0}
    assert explain(SNAPSHOT, asked).present == ()
    well = explain(SNAPSHOT, asked, present())
    assert now(well) == [("v2", "two", "first"), ("v1", "one", "fallback"), ("v1", "two", "fallback")]
    out = explain(SNAPSHOT, asked, present(two=sick))
    assert now(out) == [("v1", "one", "fallback"), ("v2", "two", "retry"), ("v1", "two", "fallback")]
    assert out.attempts == well.attempts, "the plan is the same"
    gone = explain(SNAPSHOT, asked, present(two={"drained": True}, one={"cool_until": 130.0}))
    assert now(gone) == [("v1", "one", "fallback")]
    assert now(explain(SNAPSHOT, asked, present(two={"drained": True}, one={"gone_until": 130.0}))) == []


def test_what_was_shown_can_be_read_back():
    for explanation in (told({"stream": True, "user": "a"}, headers={"x-tier": "gold"}), told({"tools": [{}]})):
        assert Explanation.read(json.loads(encode(explanation.shown()))) == explanation


@pytest.mark.parametrize(
    ("method", "path", "hedge"),
    [
        ("POST", "/v1/chat/completions", "after 2s"),
        ("GET", "/v1/models", "after 2s"),
        ("DELETE", "/v1/files/f", None),  # it may have an effect
        ("GET", "/v1/realtime", None),  # a session
    ],
)
def test_balance_and_hedging_are_told_where_they_apply(method, path, hedge):
    text = CONFIG.replace('sticky = "user"', 'sticky = "user"\nbalance = "ordered"\nhedge = { after = "2s" }')
    snapshot = load(text, providers=("openai",), generation=1, environ={})
    asked = Asked(KEYS["app"], OpenAIDialect(), 0.0, model="assistant", method=method, path=path)
    explanation = explain(snapshot, asked)
    assert (explanation.hedge, explanation.balance) == (hedge, "in order: one, two")
