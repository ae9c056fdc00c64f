"""Explanations over the admin API: what a request would get now, from whom, and what would be refused."""

import io

import pytest
from tests.support.admin import CANARY, CONFIG, AdminGateway

from llmgateway.controlplane.api import explaining

MORE = f"""
[keys.app]
hash = "sha256:{"1" * 64}"
routes = ["chat"]
[keys.ops]
hash = "sha256:{"2" * 64}"
may_pin = true
[[routes.chat.rules]]
name = "gold"
when = {{ header = {{ x-tier = "gold" }} }}
use = {{ v2 = 1 }}
[[routes.chat.rules]]
name = "night"
when = {{ time = {{ from = "22:00", to = "06:00" }} }}
use = {{ v2 = 1 }}
"""
TEXT = CONFIG.replace("[routes.chat]", '[routes.chat]\nfallback = ["v1"]') + MORE
GOLD = {"headers": {"X-Tier": "gold"}, "at": "2026-01-05T12:00:00Z"}


@pytest.fixture
def gateway(tmp_path):
    gateway = AdminGateway(tmp_path, TEXT)
    yield gateway
    gateway.listener.close()


async def test_a_request_is_explained_with_how_the_backends_are(gateway):
    async with gateway.running(workers=0):
        code, told = await gateway.ask("POST", "routes/chat/explain", json=GOLD)
        explanation = told["explanation"]
        assert (code, told["generation"], told["refused"]) == (200, 1, None)
        assert (explanation["version"], explanation["assigned_by"], explanation["key"]) == ("v2", "rule:gold", "app")
        assert [each["backend"] for each in explanation["present"]] == ["two", "one"]
        assert told["note"].startswith("as key app")
        assert told["backends"]["two"] == {"state": "in", "why": "", "until": None, "in_flight": 0, "queued": 0}
        await gateway.ask("POST", "backends/two/eject")
        _, told = await gateway.ask("POST", "routes/chat/explain", json=GOLD)
        assert [each["backend"] for each in told["explanation"]["attempts"]] == ["two", "one"]
        assert [each["backend"] for each in told["explanation"]["present"]] == ["one"]
        assert told["backends"]["two"]["why"] == "ejected by hand"
        assert CANARY not in str(told)


async def test_it_is_the_configuration_in_force_that_answers(gateway):
    async with gateway.running():
        await gateway.ask("PATCH", "routes/chat", json={"rules": None})
        _, told = await gateway.ask("POST", "routes/chat/explain", json=GOLD)
        assert (told["generation"], told["explanation"]["assigned_by"]) == (2, "split")
        gateway.file.write_text("broken")
        assert (await gateway.ask("POST", "routes/chat/explain", json=GOLD))[0] == 200


async def test_everything_may_be_left_out_and_a_pattern_has_models(gateway):
    async with gateway.running(workers=0):
        for path, sent in (("chat", {}), ("vendor%2Fm-%2A", {"json": {"model": "vendor/m-3"}}), ("vendor%2Fm-3", {})):
            code, told = await gateway.ask("POST", f"routes/{path}/explain", **sent)
            assert (code, told["refused"]) == (200, None), path
        assert (told["explanation"]["route"], told["explanation"]["model"]) == ("vendor/m-*", "vendor/m-3")


async def test_time_path_method_and_body_count(gateway):
    async with gateway.running(workers=0):
        sent = {"at": "2026-01-05T23:00:00Z", "path": "/v1/messages", "body": {"model": "chat", "stream": True}}
        _, told = await gateway.ask("POST", "routes/chat/explain", json=sent)
        assert (told["explanation"]["assigned_by"], told["explanation"]["dialect"]) == ("rule:night", "anthropic")
        sent = {"path": "/v1/files/f", "method": "get", "at": 0, "key": "ops"}
        _, told = await gateway.ask("POST", "routes/chat/explain", json=sent)
        assert (told["explanation"]["assigned_by"], told["explanation"]["key"]) == ("home", "ops")


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"key": "app", "model": "vendor/m-1"}, 404, "model_not_found"),
        ({"key": "app", "headers": {"x-llmgateway-version": "v1"}}, 403, "pin_not_allowed"),
        ({"key": "ops", "headers": {"x-llmgateway-version": "v9"}}, 404, "version_not_found"),
        ({"body": "{"}, 400, "invalid_json"),
        ({"body": '{"model":"chat","model":"x"}'}, 400, "duplicate_key"),
    ],
)
async def test_what_the_gateway_would_refuse_is_explained_as_that(gateway, sent, status, code):
    async with gateway.running(workers=0):
        answer, told = await gateway.ask("POST", "routes/chat/explain", json=sent)
        assert (answer, told["refused"]["status"], told["refused"]["code"]) == (200, status, code)
        assert (told["explanation"], told["backends"], bool(told["refused"]["message"])) == (None, {}, True)


@pytest.mark.parametrize(
    ("route", "sent", "status", "words"),
    [
        ("chatt", {}, 404, 'did you mean "chat"'),
        ("chat", {"model": "chatt"}, 404, 'did you mean "chat"'),
        ("chat", {"key": "ap"}, 404, 'No key is called "ap"; did you mean "app"?'),
        ("chat", {"bodyy": {}}, 422, "unknown field"),
        ("chat", {"body": [1]}, 422, "a text for body"),
        ("chat", {"key": 1}, 422, "a text for key"),
        ("chat", {"headers": {"a": 1}}, 422, "names and texts for headers"),
        ("chat", {"headers": ["a"]}, 422, "names and texts for headers"),
        ("chat", {"headers": {str(n): "" for n in range(explaining.MAX_HEADERS + 1)}}, 422, "at most 100"),
        ("chat", {"at": "noon"}, 422, "a date with its zone"),
        ("chat", {"at": True}, 422, "a date with its zone"),
        ("chat", {"at": -1}, 422, "a date with its zone"),
    ],
)
async def test_what_can_not_be_explained_is_said(gateway, route, sent, status, words):
    async with gateway.running(workers=0):
        code, answer = await gateway.ask("POST", f"routes/{route}/explain", json=sent)
        assert (code, words in answer["error"]["message"]) == (status, True), answer


async def test_a_description_has_its_bound(gateway):
    async with gateway.running(workers=0):
        sent = {"data": io.BytesIO(b"x" * (explaining.LIMIT + 1)), "headers": {"content-type": "application/json"}}
        code, answer = await gateway.ask("POST", "routes/chat/explain", **sent)
        assert (code, answer["error"]["code"]) == (413, "payload_too_large")
