"""What a replay asks is marked as such: beside a pin, by somebody who may pin, and with an id that could be one."""

import asyncio

import pytest
from tests.support.plane import BOUND_S, CONFIG, plane
from tests.support.shadowing import CONFIG as SHADOWED
from tests.support.wire_backend import WireBackend, expect, forever, reply, send

PINNING = CONFIG.replace("[keys.app]", "[keys.app]\nmay_pin = true")
REPLAY = "01a221e7-ad5a-7002-bf96-0f1a610dd8a6"
ASKED = {"model": "assistant", "messages": [], "metadata": {"team": "search"}}
ANSWER = b'{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}'
OK = reply(ANSWER, headers=[("content-type", "application/json")])


@pytest.mark.parametrize(
    ("headers", "tag"),
    [
        ({"x-llmgateway-version": "v1", "x-llmgateway-replay": REPLAY}, REPLAY),
        ({"x-llmgateway-version": "v1", "x-llmgateway-replay": "mine"}, None),
        ({"x-llmgateway-version": "v1"}, None),
        ({"x-llmgateway-replay": REPLAY}, None),
    ],
)
async def test_who_asks_for_a_version_may_say_that_it_is_a_replay(tmp_path, headers, tag):
    async with WireBackend([expect(), send(OK)]) as backend, plane(tmp_path, backend.url, config=PINNING) as running:
        answer = await running.post("/v1/chat/completions", ASKED, headers)
        assert answer.status == 200
        await running.quiet()
        (facts,) = running.of_kind("admitted")
        assert facts.meta["tags"] == {"team": "search"} | ({"replay": tag} if tag else {})
        assert all(request.header(b"x-llmgateway-replay") is None for request in backend.requests)


async def test_who_may_not_pin_is_refused_as_before(tmp_path):
    async with WireBackend([]) as backend, plane(tmp_path, backend.url) as running:
        headers = {"x-llmgateway-version": "v1", "x-llmgateway-replay": REPLAY}
        assert (await running.post("/v1/chat/completions", ASKED, headers)).status == 403


async def test_what_a_replay_asks_is_not_copied_to_a_shadow(tmp_path):
    config = SHADOWED.replace("[keys.app]", "[keys.app]\nmay_pin = true").replace("JOURNAL", "").replace("SHADOW", "")
    async with WireBackend([forever(expect(), send(OK))]) as one, WireBackend([forever(expect(), send(OK))]) as two:
        async with plane(tmp_path, one.url, two.url, config=config) as running:
            for headers in ({}, {"x-llmgateway-replay": REPLAY}):
                pinned = {"x-llmgateway-version": "v1", **headers}
                assert (await running.post("/v1/chat/completions", ASKED, pinned)).status == 200
            await running.quiet()
            async with asyncio.timeout(BOUND_S):
                while len(running.of_kind("settled")) < 3:
                    await asyncio.sleep(0.001)
            assert (len(one.requests), len(two.requests)) == (2, 1)
