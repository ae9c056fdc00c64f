"""Rules, pins and faults on real sockets: which version answers, what callers are told, what the journal says."""

import asyncio
import json
from dataclasses import replace
from datetime import datetime

import pytest
from tests.component.test_pipeline import CHAT, OK, SSE, STREAM
from tests.support.plane import CONFIG, KEY, Plane, plane
from tests.support.wire_backend import WireBackend, chunk, chunked_head, expect, forever, reply, send

from llmgateway.dataplane import phases
from llmgateway.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.dialects.openai.dialect import OpenAIDialect
from llmgateway.domain.clock import SystemClock
from llmgateway.routing.explain import Asked, explain

RULES = """
[routes.ruled]
sticky = "user"
fallback = ["v1"]
[routes.ruled.versions.v1]
backends = ["one"]
model = "m1"
weight = 1
[routes.ruled.versions.v2]
backends = ["two"]
model = "m2"
weight = 0
[[routes.ruled.rules]]
name = "tier"
when = { header = { x-tier = "gold" } }
use = { v2 = 1 }
[[routes.ruled.rules]]
name = "tools"
when = { tools = true, stream = false }
use = { v2 = 1 }
[[routes.ruled.rules]]
name = "images"
when = { images = true }
use = { v2 = 1 }
[[routes.ruled.rules]]
name = "plan"
when = { metadata = { plan = "pro" } }
use = { v2 = 1 }
[[routes.ruled.rules]]
name = "effort"
when = { params = { reasoning_effort = ["high", "medium"] } }
use = { v2 = 1 }
[[routes.ruled.rules]]
name = "long"
when = { min_tokens = 1000 }
use = { v2 = 1 }
[[routes.ruled.rules]]
name = "dialect"
when = { dialect = "anthropic" }
use = { v2 = 1 }
[[routes.ruled.rules]]
name = "team"
when = { key_tags = { team = "search" }, stream = true }
use = { v1 = 1, v2 = 1 }
[routes.strict]
fallback = ["v2"]
on_failure = { faults = ["rate_limited"] }
[routes.strict.versions.v1]
backends = ["one"]
[routes.strict.versions.v2]
backends = ["two"]
"""
RULED = (
    CONFIG.replace("[keys.app]", RULES + "[keys.app]\nmay_pin = true\ntags = { team = 'search' }").replace(
        "[routes.strict.versions.v1]\n", "[routes.strict.versions.v1]\nweight = 1\n"
    )
    + '[keys.other]\nhash = "sha256:'
    + "2" * 64
    + '"\n'
)
ASK = {**CHAT, "model": "ruled"}
IMAGE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.example/x.png"}}]}

CASES = [
    ("split", {}, {}),
    ("split", {}, {"x-tier": "silver"}),
    ("rule:tier", {}, {"x-tier": "gold"}),
    ("rule:tier", {"tools": [{"type": "function"}]}, {"x-tier": "gold"}),
    ("rule:tools", {"tools": [{"type": "function"}]}, {}),
    ("split", {"tools": []}, {}),
    ("rule:images", {"messages": [IMAGE]}, {}),
    ("rule:plan", {"metadata": {"plan": "pro"}}, {}),
    ("split", {"metadata": {"plan": "Pro"}}, {}),
    ("rule:effort", {"reasoning_effort": "medium"}, {}),
    ("rule:long", {"messages": [{"role": "user", "content": "word " * 1000}]}, {}),
]


async def ask(running: Plane, more, headers, path="/v1/chat/completions"):
    answer = await running.post(path, {**ASK, **more}, headers)
    assert answer.status == 200, answer.body
    return answer


async def test_each_rule_sends_its_requests_where_it_says_and_the_journal_says_why(tmp_path):
    ok = [forever(expect(), send(OK))]
    async with (
        WireBackend(ok) as one,
        WireBackend(ok) as two,
        plane(tmp_path, one.url, two.url, config=RULED) as running,
    ):
        for reason, more, headers in CASES:
            answer = await ask(running, more, headers)
            assert answer.headers["x-llmgateway-version"] == ("v1" if reason == "split" else "v2")
        records = running.of_kind("admitted")
        assert [record.meta["assigned_by"] for record in records] == [reason for reason, _, _ in CASES]
        assert {record.meta["probability"] for record in records} == {1.0}
        assert len(two.requests) == sum(reason != "split" for reason, _, _ in CASES)
        assert {json.loads(request.body)["model"] for request in two.requests} == {"m2"}


async def test_what_explain_tells_is_what_happens(tmp_path):
    async with WireBackend([forever(expect(), send(OK))]) as backend:
        async with plane(tmp_path, backend.url, backend.url, config=RULED) as running:
            snapshot = running.worker.gateway.in_force.snapshot
            (key,) = [key for key in snapshot.keys.values() if key.name == "app"]
            for at, (_, more, headers) in enumerate([*CASES, ("pin", {}, {"x-llmgateway-version": "v2"})]):
                answer = await ask(running, {"user": f"u{at}", **more}, headers)
                told = explain(
                    snapshot,
                    Asked(
                        key,
                        OpenAIDialect(),
                        0.0,
                        headers={name.encode(): value.encode() for name, value in headers.items()},
                        body=json.dumps({**ASK, "user": f"u{at}", **more}).encode(),
                    ),
                )
                facts = running.of_kind("admitted")[-1].meta
                assert (told.version, told.assigned_by, told.probability) == (
                    answer.headers["x-llmgateway-version"], facts["assigned_by"], facts["probability"],
                )  # fmt: skip


async def test_streams_stick_by_the_rules_weights(tmp_path):
    stream = [forever(expect(), send(chunked_head(SSE) + chunk(STREAM) + chunk(b"")))]
    async with (
        WireBackend(stream) as one,
        WireBackend(stream) as two,
        plane(tmp_path, one.url, two.url, config=RULED) as running,
    ):
        seen = {}
        for _ in range(3):
            for user in range(12):
                answer = await ask(running, {"stream": True, "user": f"user-{user}"}, {})
                seen.setdefault(user, set()).add(answer.headers["x-llmgateway-version"])
        assert all(len(versions) == 1 for versions in seen.values())
        assert {name for versions in seen.values() for name in versions} == {"v1", "v2"}
        facts = running.of_kind("admitted")
        assert {(each.meta["assigned_by"], each.meta["probability"]) for each in facts} == {("rule:team", 0.5)}


async def test_callers_of_the_other_dialect_are_told_apart(tmp_path):
    async with WireBackend([forever(expect(), send(reply(b"{}")))]) as backend:
        async with plane(tmp_path, backend.url, backend.url, config=RULED) as running:
            await running.post("/v1/messages", {**ASK, "max_tokens": 5}, {"anthropic-version": "2023-06-01"})
            (facts,) = running.of_kind("admitted")
            assert facts.meta["assigned_by"] == "rule:dialect"


async def test_who_may_pin_gets_the_version_it_names_whatever_the_rules_say(tmp_path):
    async with WireBackend([forever(expect(), send(OK))]) as one, WireBackend([forever(expect(), send(OK))]) as two:
        async with plane(tmp_path, one.url, two.url, config=RULED) as running:
            for version, headers in (("v2", {}), ("v1", {"x-tier": "gold"})):
                answer = await ask(running, {}, {"x-llmgateway-version": version, **headers})
                assert answer.headers["x-llmgateway-version"] == version
            for record in running.of_kind("admitted"):
                assert (record.meta["assigned_by"], record.meta["probability"]) == ("pin", 1.0)
            sent = [*one.requests, *two.requests]
            assert all(request.header(b"x-llmgateway-version") is None for request in sent)


async def test_a_pinned_version_that_fails_is_not_replaced_by_another(tmp_path):
    failing = reply(b'{"error":{}}', status="500 Oops")
    async with WireBackend([forever(expect(), send(failing))]) as one:
        async with WireBackend([forever(expect(), send(OK))]) as two:
            config = RULED.replace(
                'fallback = ["v1"]\n[routes.ruled.versions',
                'fallback = ["v2"]\nretries = { base = "1ms" }\n[routes.ruled.versions',
            )
            async with plane(tmp_path, one.url, two.url, config=config) as running:
                assert (await running.post("/v1/chat/completions", ASK)).headers["x-llmgateway-version"] == "v2"
                answer = await running.post("/v1/chat/completions", ASK, {"x-llmgateway-version": "v1"})
                assert (answer.status, answer.json()["error"]["code"]) == (502, "upstream_error")
                assert len(two.requests) == 1


@pytest.mark.parametrize("is_anthropic", [False, True])
async def test_pins_that_are_not_allowed_or_lead_nowhere_are_refused_in_the_callers_dialect(tmp_path, is_anthropic):
    path = "/v1/messages" if is_anthropic else "/v1/chat/completions"
    refused = RULED.replace("may_pin = true", "may_pin = false")
    for config, version, status, code in (
        (refused, "v1", 403, "pin_not_allowed"),
        (refused, "nothing", 403, "pin_not_allowed"),
        (RULED, "nothing", 404, "version_not_found"),
        (RULED, "", 404, "version_not_found"),
    ):
        folder = tmp_path / f"{code}-{version}"
        folder.mkdir()
        async with plane(folder, "http://127.0.0.1:9", config=config) as running:
            body = json.dumps({**ASK, "max_tokens": 5}).encode()
            caller = await running.connect()
            caller.writer.write(
                f"POST {path} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n"
                f"x-llmgateway-version: {version}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
                + body
            )
            head = await asyncio.wait_for(caller.reader.readuntil(b"\r\n\r\n"), 5)
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            answer = json.loads(await caller.reader.readexactly(length))
            assert head.startswith(b"HTTP/1.1 %d " % status)
            error = answer["error"]
            assert (error["details"]["error_code"] if is_anthropic else error["code"]) == code
            (record,) = running.of_kind("refused")
            assert (record.meta["error_code"], record.meta["assigned_by"]) == (code, None)
            assert not any(running.worker.gateway.gauges.in_flight.values())


async def test_only_the_faults_a_route_names_lead_to_its_fallback(tmp_path):
    busy, broken = reply(b'{"error":{}}', status="429 Too Many"), reply(b'{"error":{}}', status="500 Oops")
    async with WireBackend([expect(), send(broken), expect(), send(busy)]) as one:
        async with WireBackend([forever(expect(), send(OK))]) as two:
            async with plane(tmp_path, one.url, two.url, config=RULED) as running:
                first = await running.post("/v1/chat/completions", {**CHAT, "model": "strict"})
                assert (first.status, first.json()["error"]["code"]) == (502, "upstream_error")
                second = await running.post("/v1/chat/completions", {**CHAT, "model": "strict"})
                assert (second.status, second.headers["x-llmgateway-version"]) == (200, "v2")
                served = [record.meta["served_version"] for record in running.of_kind("settled")]
                assigned = [record.meta["assigned_version"] for record in running.of_kind("admitted")]
                assert (served, assigned) == ([None, "v2"], ["v1", "v1"])


async def test_what_has_an_id_stays_home_unless_it_is_pinned(tmp_path):
    async with WireBackend([forever(expect(), send(reply(b'{"data":[]}')))]) as one:
        async with WireBackend([forever(expect(), send(reply(b'{"data":[]}')))]) as two:
            async with plane(tmp_path, one.url, two.url, config=RULED) as running:
                header = {"x-llmgateway-route": "ruled", "x-tier": "gold"}
                await running.ask("GET", "/v1/files", headers=header)
                await running.ask("GET", "/v1/files", headers={**header, "x-llmgateway-version": "v2"})
                reasons = [record.meta["assigned_by"] for record in running.of_kind("admitted")]
                assert (reasons, len(one.requests), len(two.requests)) == (["home", "pin"], 1, 1)


async def test_the_time_of_arrival_decides_where_a_rule_asks_for_it(tmp_path):
    night = """
[[routes.night.rules]]
name = "night"
when = { time = { days = ["fri"], from = "22:00", to = "06:00", zone = "Asia/Tokyo" } }
use = { v2 = 1 }
[routes.night.versions.v1]
backends = ["one"]
weight = 1
[routes.night.versions.v2]
backends = ["one"]
[keys.app]"""
    async with WireBackend([forever(expect(), send(OK))]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG.replace("[keys.app]", night)) as running:
            for text in ("2026-01-09T13:00Z", "2026-01-09T20:59Z", "2026-01-09T21:00Z", "2026-01-09T12:59Z"):
                running.worker.gateway.clock = At(datetime.fromisoformat(text).timestamp())
                await running.post("/v1/chat/completions", {**CHAT, "model": "night"})
            reasons = [record.meta["assigned_by"] for record in running.of_kind("admitted")]
            assert reasons == ["rule:night", "rule:night", "split", "split"]


class At(SystemClock):
    """The machine's clock, but for the date."""

    def __init__(self, moment: float) -> None:
        self.time = lambda: moment


async def test_a_reload_changes_what_a_route_may_spend_on_retries(tmp_path):
    async with plane(tmp_path, "http://127.0.0.1:9", config=RULED) as running:
        in_force = running.worker.gateway.in_force
        for _ in range(100):
            in_force.budgets["ruled"].request()
        route = in_force.snapshot.routes["ruled"]
        wider = replace(route, retries=replace(route.retries, budget=1.5))
        running.worker.put_in_force(replace(in_force.snapshot, generation=2, routes={"ruled": wider}))
        budget = running.worker.gateway.in_force.budgets["ruled"]
        assert sum(budget.spend() for _ in range(100)) == 50


async def test_rules_that_a_reload_brings_hold_for_the_next_request(tmp_path):
    async with WireBackend([forever(expect(), send(OK))]) as backend:
        async with plane(tmp_path, backend.url, backend.url, config=RULED) as running:
            await ask(running, {}, {"x-tier": "gold"})
            snapshot = running.worker.gateway.in_force.snapshot
            plain = replace(snapshot.routes["ruled"], rules=())
            running.worker.put_in_force(replace(snapshot, generation=2, routes={"ruled": plain}))
            await ask(running, {}, {"x-tier": "gold"})
            reasons = [record.meta["assigned_by"] for record in running.of_kind("admitted")]
            assert reasons == ["rule:tier", "split"]


async def test_a_route_without_rules_asks_nothing_of_its_requests(tmp_path, monkeypatch):
    def asked(**_):
        raise AssertionError("facts were gathered")

    async with WireBackend([forever(expect(), send(OK))]) as backend:
        async with plane(tmp_path, backend.url, backend.url, config=RULED) as running:
            monkeypatch.setattr(phases, "Facts", asked)
            assert (await running.post("/v1/chat/completions", CHAT)).status == 200
            assert (await running.post("/v1/chat/completions", ASK)).status == 500


def test_explain_knows_the_same_dialects():
    assert {OpenAIDialect.name, AnthropicDialect.name} == {"openai", "anthropic"}
