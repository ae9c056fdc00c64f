"""The official SDKs while things go wrong: what they raise, when they try again, and what is left when they give up.

The data plane runs in the test's own loop, so that backends can be scripted byte by byte and records looked at.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import openai
import pytest
from tests.support.plane import KEY, Plane
from tests.support.rows import (
    ANSWER,
    BODY,
    DONE,
    FINISH,
    JSON,
    OK,
    answering,
    assert_idle,
    chunk_of,
    closing,
    delta,
    event,
    facing,
    in_two,
    streamed,
)
from tests.support.wire_backend import Step, WireBackend, chunk, expect, finish, reply, reset, send, until_closed

ASK: dict[str, Any] = {"model": "once", "messages": [{"role": "user", "content": "hi"}]}
ASK_CLAUDE: dict[str, Any] = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
END = chunk(b"")
PROMPT = 0.5  # seconds until a backend is left; the target is 0.2, on a machine with nothing else to do


@asynccontextmanager
async def openai_facing(
    tmp_path, *scripts: list[Step], **options
) -> AsyncIterator[tuple[openai.AsyncOpenAI, Plane, WireBackend]]:
    async with facing(tmp_path, *scripts) as (running, backend):
        settings = {"max_retries": 0, "timeout": 10, **options}
        async with openai.AsyncOpenAI(
            base_url=f"http://127.0.0.1:{running.port}/v1", api_key=KEY, **settings
        ) as client:
            yield client, running, backend


@asynccontextmanager
async def anthropic_facing(
    tmp_path, *scripts: list[Step], **options
) -> AsyncIterator[tuple[anthropic.AsyncAnthropic, Plane, WireBackend]]:
    async with facing(tmp_path, *scripts) as (running, backend):
        settings = {"max_retries": 0, "timeout": 10, **options}
        async with anthropic.AsyncAnthropic(
            base_url=f"http://127.0.0.1:{running.port}", api_key=KEY, **settings
        ) as client:
            yield client, running, backend


def said(text: str) -> bytes:
    return b"event: content_block_delta\n" + event(
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    )


def kind(name: str, **more) -> bytes:
    return f"event: {name}\n".encode() + event({"type": name, **more})


MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [],
    "stop_reason": None,
}
MESSAGE |= {"stop_sequence": None, "usage": {"input_tokens": 4, "output_tokens": 1}}
BEGUN = kind("message_start", message=MESSAGE)
BEGUN += kind("content_block_start", index=0, content_block={"type": "text", "text": ""}) + said("hel")


# --- trying again ---


async def test_the_sdk_tries_again_where_that_may_help_and_succeeds(tmp_path):
    busy = reply(b"<html>", status="503 Busy")
    async with openai_facing(tmp_path, closing(busy), answering(OK), max_retries=2) as (client, running, backend):
        answer = await client.chat.completions.create(**ASK)
        assert answer.choices[0].message.content == "hello"
        assert [record.meta["status"] for record in running.of_kind("settled")] == [503, 200]
        assert len(backend.requests) == 2


async def test_the_sdk_does_not_try_again_where_that_does_not_help(tmp_path):
    """502 is a status it would repeat: x-should-retry tells it not to."""
    raw = reply(b"{}", status="401 No", headers=JSON)
    async with openai_facing(tmp_path, answering(raw), max_retries=2) as (client, running, backend):
        with pytest.raises(openai.InternalServerError) as failed:
            await client.chat.completions.create(**ASK)
        assert failed.value.code == "upstream_auth"
        assert failed.value.request_id == running.outcome().meta["id"]
        assert len(backend.requests) == 1
    (folder := tmp_path / "claude").mkdir()
    async with anthropic_facing(folder, answering(raw), max_retries=2) as (client, running, backend):
        with pytest.raises(anthropic.InternalServerError) as refused:
            await client.messages.create(**ASK_CLAUDE)
        assert refused.value.request_id == running.outcome().meta["id"]
        assert len(backend.requests) == 1


async def test_the_sdk_waits_as_long_as_it_is_told(tmp_path):
    busy = reply(b"{}", status="429 Slow Down", headers=[*JSON, ("retry-after", "1")])
    async with openai_facing(tmp_path, closing(busy), answering(OK), max_retries=1) as (client, _, backend):
        started = time.monotonic()
        await client.chat.completions.create(**ASK)
        assert 1.0 <= time.monotonic() - started < 5
        assert len(backend.requests) == 2
    (folder := tmp_path / "claude").mkdir()
    async with anthropic_facing(folder, closing(busy), answering(OK), max_retries=1) as (client, _, backend):
        started = time.monotonic()
        await client.messages.create(**ASK_CLAUDE)
        assert 1.0 <= time.monotonic() - started < 5


async def test_a_stream_that_fails_before_its_first_token_is_tried_again_like_any_call(tmp_path):
    """It has its real status, not 200 and an event: so the SDK's own retries work."""
    dead = streamed(event({"error": {"message": "the GPU fell over"}}))
    async with openai_facing(
        tmp_path, closing(dead), answering(streamed(delta("hi") + FINISH + DONE)), max_retries=1
    ) as (client, running, _):
        chunks = [chunk async for chunk in await client.chat.completions.create(**ASK, stream=True)]
        assert chunks[0].choices[0].delta.content == "hi"
        assert [record.meta["status"] for record in running.of_kind("settled")] == [502, 200]


async def test_a_blocking_client_is_served_the_same(tmp_path):
    busy = reply(b"<html>", status="500 Oops")
    async with facing(tmp_path, closing(busy), answering(OK)) as (running, _):

        def ask() -> str | None:
            with openai.OpenAI(
                base_url=f"http://127.0.0.1:{running.port}/v1", api_key=KEY, max_retries=1, timeout=10
            ) as client:
                return client.chat.completions.create(**ASK).choices[0].message.content

        assert await asyncio.to_thread(ask) == "hello"


# --- giving up ---


async def settled(running: Plane) -> dict[str, Any]:
    await running.quiet()
    assert_idle(running)
    return running.outcome().meta


async def left_within(backend: WireBackend, started: float) -> float:
    wire = backend.connections[0]
    await wire.until(lambda: wire.left_at is not None)
    return wire.left_at - started


@pytest.mark.parametrize("stream", [True, False])
async def test_when_the_sdk_gives_up_waiting_the_backend_is_left_and_a_record_says_so(tmp_path, stream):
    async with openai_facing(tmp_path, [expect(), until_closed()], timeout=0.3) as (client, running, backend):
        with pytest.raises(openai.APITimeoutError):
            await client.chat.completions.create(**ASK, stream=stream)
        assert await left_within(backend, time.monotonic()) < PROMPT
        meta = await settled(running)
        assert (meta["end"], meta["status"]) == ("client_closed", 499)
    (folder := tmp_path / "claude").mkdir()
    async with anthropic_facing(folder, [expect(), until_closed()], timeout=0.3) as (client, running, backend):
        with pytest.raises(anthropic.APITimeoutError):
            await client.messages.create(**ASK_CLAUDE, stream=stream)
        assert (await settled(running))["end"] == "client_closed"


async def test_a_stream_that_is_closed_in_the_middle_stops_the_model_and_is_counted(tmp_path):
    _, script = in_two(delta("one two three"), until_closed())
    async with openai_facing(tmp_path, script) as (client, running, backend):
        stream = await client.chat.completions.create(**ASK, stream=True)
        async for _ in stream:
            break
        started = time.monotonic()
        await stream.close()
        assert await left_within(backend, started) < PROMPT
        meta = await settled(running)
        assert (meta["end"], meta["usage_estimated"]) == ("client_closed", True)
        assert meta["output_tokens"] > 0


async def test_a_blocking_client_that_leaves_its_stream_does_so_too(tmp_path):
    _, script = in_two(delta("one two three"), until_closed())
    async with facing(tmp_path, script) as (running, backend):

        def ask() -> float:
            client = openai.OpenAI(base_url=f"http://127.0.0.1:{running.port}/v1", api_key=KEY, max_retries=0)
            with client, client.chat.completions.create(**ASK, stream=True) as stream:
                next(iter(stream))
                return time.monotonic()

        assert await left_within(backend, await asyncio.to_thread(ask)) < PROMPT
        assert (await settled(running))["end"] == "client_closed"


async def test_a_message_that_is_closed_in_the_middle_keeps_the_count_so_far(tmp_path):
    _, script = in_two(BEGUN, until_closed())
    async with anthropic_facing(tmp_path, script) as (client, running, backend):
        async with client.messages.stream(**ASK_CLAUDE) as stream:
            async for _ in stream.text_stream:
                break
        started = time.monotonic()
        assert await left_within(backend, started) < PROMPT
        meta = await settled(running)
        assert (meta["end"], meta["input_tokens"]) == ("client_closed", 4)


async def test_a_task_that_is_cancelled_leaves_the_backend(tmp_path):
    async with openai_facing(tmp_path, [expect(), until_closed()]) as (client, running, backend):
        task = asyncio.create_task(client.chat.completions.create(**ASK))
        await backend.until(lambda: bool(backend.requests))
        started = time.monotonic()
        task.cancel()
        assert await left_within(backend, started) < PROMPT
        assert (await settled(running))["end"] == "client_closed"


# --- breaking off ---

CUTS: dict[str, list[Step]] = {
    "reset": [reset()],
    "closed": [finish()],
    "ended without a reason": [send(END)],
    "half an event": [send(chunk(delta("lo")[:-30])), finish()],
    "half an event, then a clean end": [send(chunk(delta("lo")[:-30]) + END)],
    "an error event": [send(chunk(event({"error": {"message": "the GPU fell over"}})) + END)],
    "garbage for a chunk": [send(b"zz\r\n")],
    "silence": [until_closed()],
}


@pytest.mark.parametrize("cut", [pytest.param(cut, id=name) for name, cut in CUTS.items()])
async def test_a_broken_chat_raises_and_never_looks_like_an_end(tmp_path, cut):
    ask = {**ASK, "model": "hasty"}
    go, script = in_two(delta("hel"), *cut)
    async with openai_facing(tmp_path, script) as (client, running, _):
        chunks = []
        with pytest.raises(openai.APIError) as broken:
            async for piece in await client.chat.completions.create(**ask, stream=True):
                chunks.append(piece)
                go.set()
        assert [piece.choices[0].delta.content for piece in chunks] == ["hel"]
        assert "Expecting value" not in str(broken.value)
        meta = await settled(running)
        assert meta["end"] in {"truncated", "upstream_error", "timeout"}
        assert meta["output_tokens"] > 0


@pytest.mark.parametrize("cut", [[reset()], [send(END)], [send(chunk(said("lo")[:-9]) + END)]])
async def test_a_broken_message_raises(tmp_path, cut):
    go, script = in_two(BEGUN, *cut)
    async with anthropic_facing(tmp_path, script) as (client, running, _):
        with pytest.raises(anthropic.APIStatusError) as broken:
            async for piece in await client.messages.create(**ASK_CLAUDE, stream=True):
                if piece.type == "content_block_delta":
                    go.set()
        assert broken.value.body["error"]["details"]["error_code"] == "upstream_truncated"
        assert (await settled(running))["end"] == "truncated"


async def test_a_message_that_fails_in_the_middle_raises_what_the_backend_said(tmp_path):
    error = kind("error", error={"type": "overloaded_error", "message": "Overloaded"})
    go, script = in_two(BEGUN, send(chunk(error) + END))
    async with anthropic_facing(tmp_path, script) as (client, running, _):
        with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
            async for piece in await client.messages.create(**ASK_CLAUDE, stream=True):
                if piece.type == "content_block_delta":
                    go.set()
        assert (await settled(running))["end"] == "upstream_error"


RESPONSE = {"id": "r", "object": "response", "created_at": 1, "model": "m", "output": [], "status": "in_progress"}
RESPONSE |= {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
TOLD = kind("response.created", response=RESPONSE, sequence_number=0)
TOLD += kind(
    "response.output_text.delta",
    delta="hel",
    output_index=0,
    content_index=0,
    item_id="i",
    sequence_number=1,
    logprobs=[],
)


@pytest.mark.parametrize("cut", [[reset()], [send(END)]])
async def test_a_broken_response_raises(tmp_path, cut):
    go, script = in_two(TOLD, *cut)
    async with openai_facing(tmp_path, script) as (client, running, _):
        with pytest.raises(openai.APIError):
            async for piece in await client.responses.create(model="once", input="hi", stream=True):
                if piece.type == "response.output_text.delta":
                    go.set()
        assert (await settled(running))["end"] == "truncated"


async def test_an_unstreamed_answer_that_breaks_off_raises(tmp_path):
    async with openai_facing(tmp_path, closing(OK[:-9])) as (client, _, _):
        with pytest.raises(openai.InternalServerError) as failed:
            await client.chat.completions.create(**ASK)
        assert failed.value.code == "upstream_truncated"


async def test_sound_that_breaks_off_raises(tmp_path):
    head = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 900\r\n\r\n"
    async with openai_facing(tmp_path, closing(head + b"\xff" * 400)) as (client, _, _):
        with pytest.raises(openai.APIConnectionError):
            await client.audio.speech.create(model="once", input="hi", voice="alloy")


# --- endpoints that the model server has not: what arrives is what was sent ---

BATCH = {"id": "batch_1", "object": "batch", "completion_window": "24h", "created_at": 1, "endpoint": "/v1/x"}
BATCH |= {"input_file_id": "f", "status": "in_progress"}
PATHS = [
    (
        "POST",
        "/v1/batches",
        lambda c: c.batches.create(input_file_id="f", endpoint="/v1/responses", completion_window="24h"),
    ),
    ("GET", "/v1/batches/batch_1", lambda c: c.batches.retrieve("batch_1")),
    ("POST", "/v1/batches/batch_1/cancel", lambda c: c.batches.cancel("batch_1")),
    ("GET", "/v1/batches?limit=2", lambda c: c.batches.list(limit=2)),
    ("POST", "/v1/responses/r_1/cancel", lambda c: c.responses.cancel("r_1")),
    ("GET", "/v1/responses/r_1/input_items", lambda c: c.responses.input_items.list("r_1")),
    ("POST", "/v1/vector_stores", lambda c: c.vector_stores.create(name="n")),
    ("POST", "/v1/vector_stores/v/search", lambda c: c.vector_stores.search("v", query="q")),
    ("POST", "/v1/uploads", lambda c: c.uploads.create(bytes=3, filename="f", mime_type="text/plain", purpose="batch")),
    ("POST", "/v1/uploads/u/parts", lambda c: c.uploads.parts.create("u", data=b"abc")),
    ("POST", "/v1/fine_tuning/jobs", lambda c: c.fine_tuning.jobs.create(model="once", training_file="f")),
    ("POST", "/v1/images/edits", lambda c: c.images.edit(model="once", image=("a.png", b"\x89PNG"), prompt="p")),
]


@pytest.mark.parametrize(("method", "target", "call"), [pytest.param(*row, id=f"{row[0]} {row[1]}") for row in PATHS])
async def test_a_path_of_the_api_reaches_the_backend_as_the_sdk_sent_it(tmp_path, method, target, call):
    raw = reply(json.dumps(BATCH).encode(), headers=JSON)
    async with WireBackend(answering(raw)) as straight:
        async with openai.AsyncOpenAI(base_url=f"{straight.url}/v1", api_key="k", max_retries=0) as client:
            await call(client)
        (want,) = straight.requests
    async with openai_facing(tmp_path, answering(raw)) as (client, _, backend):
        await call(client)
        (sent,) = backend.requests
    assert (sent.method, sent.target) == (want.method, want.target) == (method, target)
    media = want.header(b"content-type") or b""
    if media.startswith(b"multipart/"):  # its boundary is drawn anew each time
        assert strip(sent) == strip(want)
    else:
        assert sent.body == want.body


def strip(request) -> bytes:
    boundary = request.header(b"content-type").partition(b"boundary=")[2]
    return request.body.replace(boundary, b"")


async def test_anthropics_batches_and_files_go_to_its_backend(tmp_path):
    async with anthropic_facing(tmp_path, answering(reply(b'{"id":"b","type":"message_batch"}', headers=JSON))) as (
        client,
        running,
        backend,
    ):
        extra = {"x-llmgateway-route": "claude"}
        asked = {"custom_id": "1", "params": ASK_CLAUDE}
        assert (await client.messages.batches.create(requests=[asked], extra_headers=extra)).id == "b"
        await client.messages.batches.retrieve("b", extra_headers=extra)
        await client.messages.batches.cancel("b", extra_headers=extra)
        assert [sent.target for sent in backend.requests] == [
            *("/v1/messages/batches", "/v1/messages/batches/b", "/v1/messages/batches/b/cancel")
        ]
        assert {sent.header(b"x-api-key") for sent in backend.requests} == {b"sk-ant-secret"}
        assert json.loads(backend.requests[0].body)["requests"][0]["params"]["model"] == "claude"
        names = [record.meta["operation"] for record in running.of_kind("admitted")]
        assert names == ["messages.batches.create", "messages.batches.retrieve", "messages.batches.cancel"]


async def test_the_answer_is_the_backends_own(tmp_path):
    async with openai_facing(tmp_path, answering(OK)) as (client, running, _):
        raw = await client.chat.completions.with_raw_response.create(**ASK)
        assert raw.content == BODY
        assert raw.parse().model_dump(exclude_unset=True) == ANSWER
        assert raw.headers["x-request-id"] == running.outcome().meta["id"]


async def test_an_endless_silence_is_filled_with_comments_that_no_sdk_minds(tmp_path, monkeypatch):
    from llmgateway.dataplane import reply as replies

    monkeypatch.setattr(replies, "HEARTBEAT_S", 0.05)

    async def silence(wire) -> None:
        await asyncio.sleep(0.4)

    _, script = in_two(delta("hel"), silence, send(chunk(event(chunk_of("lo")) + FINISH + DONE) + END))
    script.pop(2)  # nothing to wait for: the silence is the point
    async with openai_facing(tmp_path, script) as (client, _, _):
        stream = await client.chat.completions.create(**ASK, stream=True)
        assert "".join([piece.choices[0].delta.content or "" async for piece in stream]) == "hello"
