"""Guardrails over the admin API: what there is, what a text would come to, and that the text goes nowhere."""

import io
import logging

import pytest
from tests.support import guardrails as simple
from tests.support.admin import CONFIG, AdminGateway

from llmgateway import plugins
from llmgateway.controlplane.api import guardrails
from llmgateway.domain.verdict import Finding
from llmgateway.ports.judge import Judged
from llmgateway.wire.options import OptionError

TEXT = """
[guardrails]
baseline = ["digits"]
[guardrails.digits]
use = "runs"
[guardrails.rude]
use = "word"
word = "bother"
action = "block"
stages = ["reply"]
[guardrails.seen]
use = "word"
word = "hello"
mode = "observe"
""" + CONFIG.replace("[routes.chat]", '[routes.chat]\nguardrails = ["rude", "seen"]')
VALUE = "5550123"


class Loud:
    """Judges texts in capitals."""

    name = "loud"
    version = "3"
    kinds = ("loud.all",)

    def __init__(self, options):
        if options:
            raise OptionError("x", "loud takes no settings.")

    def judge(self, pieces):
        return [
            Judged(at, Finding(0, len(each.text), "loud.all", 0.5))
            for at, each in enumerate(pieces)
            if each.text.isupper()
        ]


class Broken:
    """A guardrail that quotes what it was given when it fails."""

    name = "broken"
    version = "1"
    kinds = ()

    def __init__(self, options): ...

    def find(self, view, start=0):
        raise RuntimeError(view.text)


@pytest.fixture
def gateway(tmp_path, monkeypatch):
    simple.install(monkeypatch)
    here = {"loud": f"{__name__}:Loud", "length": plugins.BUILT_IN["judge"]["length"]}
    known = plugins.BUILT_IN["guardrail"] | {"broken": f"{__name__}:Broken"}
    monkeypatch.setattr(plugins, "BUILT_IN", {**plugins.BUILT_IN, "judge": here, "guardrail": known})
    gateway = AdminGateway(tmp_path, TEXT)
    yield gateway
    gateway.listener.close()


def finding(guardrail, kind, start, end, score=1.0):
    return {"guardrail": guardrail, "kind": kind, "start": start, "end": end, "score": score}


@pytest.mark.parametrize(
    ("sent", "action", "redacted", "findings"),
    [
        ({"text": f"é {VALUE}", "route": "chat"}, "redact", "é [NUMBER]", [finding("digits", "number", 2, 9)]),
        ({"text": "bother", "route": "chat"}, "allow", "bother", []),
        ({"text": "bother", "route": "chat", "stage": "reply"}, "block", "[WORD]", [finding("rude", "word", 0, 6)]),
        ({"text": "hello", "route": "chat", "stage": "request"}, "allow", "hello", [finding("seen", "word", 0, 5)]),
        ({"text": "1234", "route": "vendor/m-7"}, "redact", "[NUMBER]", [finding("digits", "number", 0, 4)]),
        ({"text": "bother", "guardrails": ["rude"]}, "block", "[WORD]", [finding("rude", "word", 0, 6)]),
        ({"text": "1234 ZZZ", "guardrails": ["runs"]}, "redact", "[NUMBER] ZZZ", [finding("runs", "number", 0, 4)]),
        ({"text": "HEY", "guardrails": ["loud", "runs"]}, "flag", "HEY", [finding("loud", "loud.all", 0, 3, 0.5)]),
        ({"text": "", "guardrails": ["runs"]}, "allow", "", []),
        (
            {"text": "1234 ZZZ"},
            "redact",
            "1234 [MARK]",
            [finding("pii", "mark", 5, 8), finding("secrets", "mark", 5, 8)],
        ),
    ],
)
async def test_a_text_is_checked_as_the_gateway_would(gateway, sent, action, redacted, findings):
    async with gateway.running(workers=0):
        status, answer = await gateway.ask("POST", "guardrails/check", json=sent)
        assert (status, answer) == (200, {"action": action, "redacted": redacted, "findings": findings})


async def test_it_is_the_configuration_in_force_that_answers(gateway):
    async with gateway.running():
        sent = {"text": "bother hello", "route": "chat", "stage": "reply"}
        assert (await gateway.ask("POST", "guardrails/check", json=sent))[1]["action"] == "block"
        assert (await gateway.ask("PATCH", "routes/chat", json={"guardrails": ["seen"]}))[0] == 200
        assert (await gateway.ask("POST", "guardrails/check", json=sent))[1]["action"] == "allow"


@pytest.mark.parametrize(
    ("sent", "status", "code", "words"),
    [
        ({"text": "x", "route": "chatt"}, 404, "route_not_found", 'did you mean "chat"?'),
        ({"text": "x", "guardrails": ["rud"]}, 404, "guardrail_not_found", 'did you mean "rude"?'),
        ({"text": "x", "guardrails": ["length"]}, 422, "guardrail_not_configured", "settings: max_characters or max_"),
        ({"text": "x", "guardrails": []}, 422, "invalid_body", "1 to 100 names"),
        ({"text": "x", "guardrails": "pii"}, 422, "invalid_body", "1 to 100 names"),
        ({"text": "x", "guardrails": [1]}, 422, "invalid_body", "1 to 100 names"),
        ({"text": "x", "guardrails": ["rude"], "route": "chat"}, 422, "invalid_body", "one of them is enough"),
        ({"text": "x", "route": 1}, 422, "invalid_body", "a text for route"),
        ({"text": "x", "stage": "both"}, 422, "invalid_body", "request or reply for stage"),
        ({"text": "x", "stage": []}, 422, "invalid_body", "request or reply for stage"),
        ({"text": "x", "request": {}}, 422, "invalid_body", "only for replies"),
        ({"text": "x", "request": "", "stage": "reply"}, 422, "invalid_body", "an object for request"),
        ({"text": 1}, 422, "invalid_body", "a text for text"),
        ({}, 422, "invalid_body", "a text for text"),
        ({"text": "x", "texts": []}, 422, "invalid_body", "1 unknown field"),
    ],
)
async def test_what_can_not_be_checked_is_said(gateway, sent, status, code, words):
    async with gateway.running(workers=0):
        got, answer = await gateway.ask("POST", "guardrails/check", json=sent)
        assert (got, answer["error"]["code"], words in answer["error"]["message"]) == (status, code, True), answer


async def test_a_text_has_its_bound(gateway):
    async with gateway.running(workers=0):
        sent = {"data": io.BytesIO(b"x" * (guardrails.LIMIT + 1)), "headers": {"content-type": "application/json"}}
        status, answer = await gateway.ask("POST", "guardrails/check", **sent)
        assert (status, answer["error"]["code"]) == (413, "payload_too_large")


async def test_the_text_goes_nowhere_even_when_a_guardrail_fails(gateway, caplog):
    caplog.set_level(logging.DEBUG)
    async with gateway.running(workers=0):
        for names in (["runs"], ["broken"], ["nobody"]):
            await gateway.ask("POST", "guardrails/check", json={"text": f"my {VALUE}", "guardrails": names})
        status, answer = await gateway.ask("POST", "guardrails/check", json={"text": VALUE, "guardrails": ["broken"]})
        assert (status, answer["error"]["code"]) == (500, "internal_error")
        assert VALUE not in str(answer)
        assert VALUE not in (await gateway.ask("GET", "/metrics"))[1]
    assert VALUE not in caplog.text
    assert all(VALUE.encode() not in path.read_bytes() for path in gateway.data.rglob("*") if path.is_file())


async def test_what_there_is_is_listed_by_route_and_by_plugin(gateway):
    async with gateway.running(workers=0):
        status, listed = await gateway.ask("GET", "guardrails?limit=1")
        assert (status, listed["generation"], listed["next"]) == (200, 1, "chat")
        (chat,) = listed["routes"]
        assert (chat["route"], [each["name"] for each in chat["guardrails"]]) == ("chat", ["digits", "rude", "seen"])
        assert chat["guardrails"][0]["baseline"] is True
        assert chat["guardrails"][1]["action"] == "block"
        by_name = {each["name"]: each for each in listed["plugins"]}
        told = [list(by_name[name].values()) for name in ("loud", "word")]
        assert told == [["loud", "judge", "3", ["loud.all"], None], ["word", "guardrail", "7", None, None]]
        _, listed = await gateway.ask("GET", "guardrails?after=chat")
        assert ([each["route"] for each in listed["routes"]], listed["next"]) == (["vendor/m-*"], None)


async def test_a_reply_is_judged_by_the_request_it_answers(gateway):
    sent = {"text": "so the goose", "guardrails": ["told"], "stage": "reply"}
    async with gateway.running(workers=0):
        _, alone = await gateway.ask("POST", "guardrails/check", json=sent)
        _, by_it = await gateway.ask("POST", "guardrails/check", json=sent | {"request": {"system": "goose"}})
    assert alone == {"action": "allow", "redacted": "so the goose", "findings": [], "unbound": ["told"]}
    assert by_it == {"action": "redact", "redacted": "so the [TOLD]", "findings": [finding("told", "told", 7, 12)]}
