"""The judge `http` on real sockets: what a service of the operator's own is sent, and what its answers do."""

import hmac
import json
from contextlib import asynccontextmanager

import pytest
from tests.component.test_guardrails import answer_of, everything_on_disk
from tests.component.test_guardrails_asking import BAD, CHATS, JSON, chat, code, says, verdicts
from tests.support.plane import CONFIG, plane
from tests.support.wire_backend import (
    WireBackend,
    chunk,
    chunked_head,
    expect,
    finish,
    forever,
    reply,
    send,
    until_closed,
)

SECRET = "shared-with-the-service-4b7d"
GUARDED = (
    CONFIG.replace('base_url = "{two}/v1"\n', f'base_url = "{{two}}/guard"\napi_key = "{SECRET}"\n', 1).replace(
        "fallback = []\n", 'fallback = []\nguardrails = ["service"]\n', 1
    )
    + '[guardrails.service]\nuse = "http"\nbackend = "two"\naction = "block"\ntimeout = "0.5s"\nkinds = ["harm"]\n'
)


def judging() -> list:
    async def answer(wire) -> None:
        sent = json.loads(wire.backend.requests[-1].body)
        found = [{"text": at, "kind": "harm"} for at, each in enumerate(sent["texts"]) if BAD in each["text"]]
        await send(reply(json.dumps({"findings": found}).encode(), headers=JSON))(wire)

    return [forever(expect(), answer)]


@asynccontextmanager
async def serviced(tmp_path, *services, config=GUARDED):
    async with (
        WireBackend(says("hello")) as one,
        WireBackend(*services) as two,
        plane(tmp_path, one.url, two.url, config=config) as running,
    ):
        yield one, two, running


async def test_it_is_asked_below_its_base_url_and_can_tell_who_asks(tmp_path):
    async with serviced(tmp_path, judging()) as (_, two, running):
        assert (await running.post(CHATS, chat("a kind word"))).status == 200
        (asked,) = two.requests
        assert (asked.method, asked.target) == ("POST", "/guard/check")
        assert json.loads(asked.body)["texts"] == [{"text": "a kind word", "source": "user"}]
        signed = asked.header(b"x-llmgateway-timestamp") + b"." + asked.body
        expected = b"v1=" + hmac.digest(SECRET.encode(), signed, "sha256").hex().encode()
        assert asked.header(b"x-llmgateway-signature") == expected
        assert SECRET.encode() not in asked.raw
        assert asked.header(b"authorization") is None


async def test_what_it_finds_blocks_and_costs_no_exchange(tmp_path):
    async with serviced(tmp_path, judging()) as (one, _, running):
        assert code(await running.post(CHATS, chat(BAD))) == (400, "guardrail_blocked")
        assert one.requests == []
        assert [each["kind"] for each in verdicts(running)] == ["http.harm"]
        assert running.of_kind("admitted") == []
        assert SECRET.encode() not in everything_on_disk(tmp_path)


HUGE = chunked_head(*JSON) + chunk(b"[" * 600_000) + chunk(b"[" * 600_000)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ([expect(), until_closed()], "timeout"),
        ([expect(), send(reply(b"{}", status="500 Oh", headers=JSON)), until_closed()], "unavailable"),
        ([expect(), send(reply(b'{"findings": []}', status="202 Later", headers=JSON)), until_closed()], "unavailable"),
        ([expect(), send(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"), finish()], "unavailable"),
        ([expect(), send(b"HTTP/1.1 200 OK\r\n\r\n{}"), finish()], "unavailable"),
        ([expect(), send(HUGE), until_closed()], "senseless"),
        ([expect(), send(answer_of("no findings")), until_closed()], "senseless"),
        ([expect(), send(reply(b"oh", headers=JSON)), until_closed()], "senseless"),
    ],
)
async def test_what_is_no_answer_is_told_as_what_it_is(tmp_path, script, why):
    async with serviced(tmp_path, script) as (one, _, running):
        assert code(await running.post(CHATS, chat("a kind word"))) == (503, "guardrail_unavailable")
        assert [each["kind"] for each in verdicts(running)] == [f"error.{why}"]
        assert one.requests == []


async def test_a_kept_connection_that_died_is_tried_again(tmp_path):
    once = [expect(), send(reply(b'{"findings": []}', headers=JSON)), expect(), finish()]
    async with serviced(tmp_path, once, judging()) as (_, two, running):
        assert (await running.post(CHATS, chat("one"))).status == 200
        assert (await running.post(CHATS, chat("two"))).status == 200
        assert [each.connection for each in two.requests] == [0, 0, 1]


async def test_nobody_there(tmp_path):
    config = GUARDED.replace("{two}", "http://127.0.0.1:1")
    async with serviced(tmp_path, [], config=config) as (_, _, running):
        assert code(await running.post(CHATS, chat("a kind word"))) == (503, "guardrail_unavailable")
