"""Copies on real sockets: what the shadow is asked, what is written down, and that the caller can't tell."""

import asyncio
import json

import pytest
from tests.support.rows import ANSWER, BODY, JSON, OK, SSE, STREAM, answering, delta, streamed
from tests.support.shadowing import shadowed
from tests.support.wire_backend import chunked_head, expect, forever, reply, send, tell, until_closed, wait_for

from llmgateway.domain.errors import GatewayError

CHAT = {"model": "assistant", "messages": [{"role": "user", "content": "hi"}], "temperature": 0.9}
OTHER = reply(
    json.dumps(ANSWER | {"id": "other", "usage": {"prompt_tokens": 3, "completion_tokens": 9}}).encode(), headers=JSON
)


async def test_the_shadow_is_asked_the_same_with_its_own_model_parameters_and_credential(tmp_path):
    async with shadowed(tmp_path, [answering(OK)], [answering(OTHER)]) as it:
        answer = await it.plane.post("/v1/chat/completions", CHAT, {"idempotency-key": "k-1", "openai-beta": "b=1"})
        await it.still()
        assert (answer.status, answer.body) == (200, BODY)
        (asked,), (copied,) = it.one.requests, it.two.requests
    assert copied.target == asked.target
    assert json.loads(copied.body) == CHAT | {"model": "shadow-model", "temperature": 0.5}
    assert copied.header(b"authorization") == b"Bearer sk-shadow-secret"
    assert copied.header(b"openai-beta") == b"b=1"
    assert asked.header(b"idempotency-key") == b"k-1"
    assert copied.header(b"idempotency-key") is None  # else a shared provider would take one for the other


async def test_the_copy_is_an_exchange_of_its_own_that_names_its_primary(tmp_path):
    async with shadowed(tmp_path, [answering(OK)], [answering(OTHER)]) as it:
        await it.plane.post("/v1/chat/completions", CHAT | {"user": "u-1"})
        await it.still()
        primary, copy = it.pair()
    assert (copy["route"], copy["assigned_version"], copy["served_version"]) == ("assistant", "v2", "v2")
    assert (copy["key"], copy["user"], copy["request_model"]) == ("app", "u-1", "assistant")
    assert (copy["status"], copy["end"], copy["finish_reason"]) == (200, "completed", "stop")
    assert (primary["output_tokens"], copy["output_tokens"]) == (5, 9)
    assert [attempt["kind"] for attempt in copy["attempts"]] == ["shadow"]
    assert [attempt["backend"] for attempt in copy["attempts"]] == ["two"]
    assert json.loads(copy["said"]["reply"])["id"] == "other"
    assert "request" not in copy["said"]  # it is the primary's
    assert primary["said"]["request"]
    assert primary["shadow_of"] is None
    assert "shadow_left_out" not in primary


@pytest.mark.parametrize("route", ["plain", "assistant"])
async def test_the_caller_gets_the_same_bytes_with_and_without(tmp_path, route):
    async with shadowed(tmp_path, [answering(OK)], [answering(OTHER)]) as it:
        answer = await it.plane.post("/v1/chat/completions", CHAT | {"model": route})
        await it.still()
        assert len(it.two.requests) == (route == "assistant")
    changing = {"date", "x-request-id", "x-llmgateway-exchange-id"}
    told = {name: value for name, value in answer.headers.items() if name not in changing}
    assert told == {"content-type": "application/json", "content-length": str(len(BODY)), "x-llmgateway-version": "v1"}
    assert answer.body == BODY


async def test_a_stream_is_copied_and_read_to_its_end(tmp_path):
    longer = delta("good") + delta(" day") + delta(" to you") + STREAM.removeprefix(delta("hel") + delta("lo"))
    async with shadowed(tmp_path, [answering(streamed(STREAM))], [answering(streamed(longer))]) as it:
        answer = await it.plane.post("/v1/chat/completions", CHAT | {"stream": True})
        await it.still()
        assert answer.body == STREAM
        assert answer.is_whole
        primary, copy = it.pair()
    assert json.loads(it.two.requests[0].body)["stream"] is True
    assert (copy["stream"], copy["end"], copy["finish_reason"]) == (True, "completed", "stop")
    assert copy["first_token_s"] is not None
    assert json.loads(copy["said"]["reply"])["choices"][0]["message"]["content"] == "good day to you"
    assert "events" in primary["said"]  # the route asks for them
    assert "events" not in copy["said"]


async def test_anthropics_messages_are_copied(tmp_path):
    message = {"type": "message", "id": "m", "model": "c", "role": "assistant", "content": [{"type": "text", "text": "hi"}],
               "stop_reason": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 1}}  # fmt: skip
    raw = reply(json.dumps(message).encode(), headers=JSON)
    async with shadowed(tmp_path, [answering(raw)], [answering(raw)]) as it:
        asked = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
        answer = await it.plane.post("/v1/messages", asked, {"anthropic-version": "2023-06-01"})
        await it.still()
        assert answer.status == 200
        primary, copy = it.pair()
    assert (copy["dialect"], copy["operation"], copy["finish_reason"]) == ("anthropic", "messages", "end_turn")
    assert json.loads(it.two.requests[0].body)["model"] == "claude-shadow"
    assert it.two.requests[0].header(b"anthropic-version") == b"2023-06-01"
    assert primary["finish_reason"] == copy["finish_reason"]


@pytest.mark.parametrize(
    ("path", "asked", "raw"),
    [
        ("/v1/embeddings", {"input": "hi"}, reply(b'{"object":"list","data":[{"embedding":[0.5]}],"usage":{"prompt_tokens":1}}', headers=JSON)),
        ("/v1/completions", {"prompt": "hi"}, reply(b'{"choices":[{"text":"x","finish_reason":"stop"}]}', headers=JSON)),
        ("/v1/moderations", {"input": "hi"}, reply(b'{"results":[]}', headers=JSON)),
        ("/v1/audio/speech", {"input": "hi"}, reply(b"\0" * 9000, headers=[("content-type", "audio/mpeg")])),
    ],
)  # fmt: skip
async def test_every_endpoint_with_a_json_body_is_copied(tmp_path, path, asked, raw):
    async with shadowed(tmp_path, [answering(raw)], [answering(raw)]) as it:
        answer = await it.plane.post(path, asked | {"model": "assistant"})
        await it.still()
        assert answer.status == 200
        _, copy = it.pair()
    assert (copy["status"], copy["end"], copy["path"]) == (200, "completed", path)
    assert copy["reply_bytes"] == len(answer.body)
    assert it.two.requests[0].target == path


async def test_the_copy_does_not_start_before_the_primary_has_been_sent(tmp_path):
    """The primary's backend accepts and reads nothing for a while: no copy until the request has gone out to it."""
    order = []
    first, second = asyncio.Event(), asyncio.Event()
    one = [forever(expect(), tell(first), send(OK))]
    two = [forever(expect(), tell(second), send(OTHER))]

    async def note(event, name):
        await event.wait()
        order.append(name)

    async with shadowed(tmp_path, [one], [two]) as it:
        await asyncio.gather(
            note(first, "primary"), note(second, "shadow"), it.plane.post("/v1/chat/completions", CHAT)
        )
        await it.still()
    assert order == ["primary", "shadow"]


async def test_a_primary_that_reaches_nobody_is_copied_once_another_attempt_is_sent(tmp_path):
    broken = reply(b'{"error":{"message":"no"}}', status="500 Internal Server Error", headers=JSON)
    async with shadowed(tmp_path, [[forever(expect(), send(broken), expect(), send(OK))]], [answering(OTHER)]) as it:
        answer = await it.plane.post("/v1/chat/completions", CHAT)
        await it.still()
        assert answer.status == 200
        primary, copy = it.pair()
    assert len(primary["attempts"]) == 2
    assert len(it.two.requests) == 1  # once an exchange, not once an attempt
    assert copy["end"] == "completed"


async def test_a_caller_that_leaves_does_not_take_the_copy_along(tmp_path):
    asked, go = asyncio.Event(), asyncio.Event()
    two = [expect(), tell(asked), wait_for(go), send(OTHER)]
    async with shadowed(tmp_path, [[expect(), until_closed()]], [two]) as it:
        caller = await it.plane.connect()
        caller.send("POST", "/v1/chat/completions", json.dumps(CHAT).encode())
        await asyncio.wait_for(asked.wait(), 5)
        await caller.leave()
        await it.plane.quiet()
        assert it.shadows == 1
        go.set()
        await it.still()
        primary, copy = it.pair()
    assert (primary["end"], copy["end"], copy["status"]) == ("client_closed", "completed", 200)


async def test_the_primarys_answer_waits_for_nothing_of_the_shadow(tmp_path):
    async with shadowed(tmp_path, [answering(OK)], [[expect(), until_closed()]]) as it:
        for _ in range(5):
            answer = await asyncio.wait_for(it.plane.post("/v1/chat/completions", CHAT), 10)
            assert answer.status == 200
        assert it.shadows == 5
        await it.plane.worker._shadows.close()


async def test_routes_without_a_shadow_and_a_share_of_nothing_copy_nothing(tmp_path):
    async with shadowed(tmp_path, [answering(OK)], [answering(OTHER)]) as it:
        await it.plane.post("/v1/chat/completions", CHAT | {"model": "plain"})
        await it.still()
        assert it.two.connections == []
        assert len(it.plane.of_kind("settled")) == 1


async def test_a_chunked_stream_without_its_last_chunk_does_not_hold_the_copy(tmp_path):
    raw = chunked_head(SSE) + streamed(STREAM, last=False).partition(b"\r\n\r\n")[2]
    async with shadowed(tmp_path, [answering(streamed(STREAM))], [[expect(), send(raw), until_closed()]]) as it:
        await it.plane.post("/v1/chat/completions", CHAT | {"stream": True})
        await it.still()
        _, copy = it.pair()
        assert copy["end"] == "completed"
        await asyncio.wait_for(it.two.until(lambda: it.two.connections[0].left_at is not None), 10)


class Listening:
    """Stands before a worker's Shadows and hears what it is told."""

    def __init__(self, shadows, heard):
        self.shadows = shadows
        self.heard = heard

    def sent(self, errand, request):
        self.shadows.sent(errand, request)
        self.heard(errand)


async def test_nothing_of_a_copy_is_done_before_the_loop_has_turned(tmp_path):
    async with shadowed(tmp_path, [answering(OK)], [answering(OTHER)]) as it:
        seen = []
        shadows = it.plane.worker._shadows
        it.plane.worker.gateway.shadowing = Listening(
            shadows, lambda _: seen.append((len(shadows), len(it.plane.of_kind("admitted"))))
        )
        await it.plane.post("/v1/chat/completions", CHAT)
        await it.still()
        it.pair()
    assert seen == [(0, 1)]  # of the primary: a copy has no copy


async def test_a_request_that_met_a_dead_connection_is_copied_with_the_one_that_goes_out(tmp_path):
    async with shadowed(tmp_path, [answering(OK)], [answering(OTHER)]) as it:
        await it.plane.post("/v1/chat/completions", CHAT)
        await it.still()
        died = []

        def die(errand):
            if not died and errand.exchange.attempts[-1].is_reused:
                died.append(errand)
                errand.reply.on_fault(GatewayError("upstream_error"), reusable_retry=True)

        it.plane.worker.gateway.shadowing = Listening(it.plane.worker._shadows, die)
        answer = await it.plane.post("/v1/chat/completions", CHAT)
        await it.still()
        primaries, copies = it.exchanges()
    assert answer.status == 200
    assert [len(each["attempts"]) for each in primaries] == [1, 2]
    assert [each["shadow_of"] for each in copies] == [each["id"] for each in primaries]
