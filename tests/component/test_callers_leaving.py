"""Rows C12 to C17: callers who leave, in each phase, and bodies that are too long, too short, or announced first."""

import asyncio
import json
import time

import pytest
from tests.support.plane import KEY, plane
from tests.support.rows import (
    CHAT,
    CONFIG,
    OK,
    SSE,
    STREAM,
    answering,
    assert_idle,
    blackhole,
    delta,
    facing,
    in_two,
    raw_caller,
    request,
    streamed,
)
from tests.support.wire_backend import WireBackend, chunk, chunked_head, expect, expect_head, send, until_closed

STREAMING = json.dumps({**CHAT, "stream": True}).encode()
WHOLE = json.dumps(CHAT).encode()
PROMPT = 0.5  # seconds until the backend is left; the target is 0.2 (T13), on a machine with nothing else to do


async def left(running, backend, leave) -> float:
    """Let the caller leave; seconds until the backend's connection has gone."""
    wire = backend.connections[-1]
    before = time.monotonic()
    await leave()
    await wire.until(lambda: wire.left_at is not None)
    waited = wire.left_at - before
    await running.quiet()
    return waited


def assert_left(running, **more) -> None:
    """One record, 499, every slot given back."""
    meta = running.outcome().meta
    assert {"status": 499, "end": "client_closed", "error_code": "client_closed", **more}.items() <= meta.items()
    assert_idle(running)


# --- C12, C13: in each phase ---


async def test_c12_whoever_leaves_while_we_connect_costs_no_request(tmp_path):
    with blackhole() as url:
        async with plane(tmp_path, url, config=CONFIG) as running:
            caller = await running.connect()
            caller.send("POST", "/v1/chat/completions", WHOLE)
            pool = running.worker.gateway.in_force.upstreams["one"].pool
            async with asyncio.timeout(10):
                while not pool.open:
                    await asyncio.sleep(0.001)
            await caller.leave()
            await running.quiet()
            assert pool.open == 0
            assert_left(running, output_tokens=None, input_tokens=None)
            (attempt,) = running.outcome().meta["attempts"]
            assert attempt["connect_s"] is None


@pytest.mark.parametrize("body", [STREAMING, WHOLE])
@pytest.mark.parametrize("begun", [b"", chunked_head(SSE), chunked_head(SSE) + chunk(delta(role="assistant"))])
async def test_c13_before_the_first_token_the_backend_is_left_at_once(tmp_path, body, begun):
    async with facing(tmp_path, [expect(), send(begun), until_closed()]) as (running, backend):
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", body)
        await backend.until(lambda: bool(backend.requests))
        assert await left(running, backend, caller.leave) < PROMPT
        assert_left(running)
        assert running.outcome().meta["attempts"][0]["total_s"] is not None


async def test_c13_in_the_middle_of_a_stream_what_was_said_is_counted(tmp_path):
    go, script = in_two(delta("hello "), send(chunk(delta("world"))), until_closed())
    async with facing(tmp_path, script) as (running, backend):
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", STREAMING)
        await caller.receive(until=delta("hello "))
        go.set()
        await caller.receive(until=delta("world"))
        assert await left(running, backend, caller.leave) < PROMPT
        assert_left(running, usage_estimated=True)
        record = running.outcome()
        assert record.meta["input_tokens"] > 0 and record.meta["output_tokens"] > 0
        assert record.meta["first_token_s"] is not None
        assert json.loads(record.blobs["reply"])["choices"][0]["message"]["content"] == "hello world"


async def test_c13_in_the_middle_of_an_unstreamed_answer(tmp_path):
    async with facing(tmp_path, [expect(), send(OK[:-9]), until_closed()]) as (running, backend):
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", WHOLE)
        await backend.until(lambda: bool(backend.requests))
        assert await left(running, backend, caller.leave) < PROMPT
        assert_left(running)


async def test_c13_while_waiting_for_another_attempt(tmp_path):
    config = CONFIG.replace('base = "5ms"', 'base = "9s"')
    async with WireBackend([expect()]) as backend, plane(tmp_path, backend.url, config=config) as running:
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", json.dumps({**CHAT, "model": "assistant"}).encode())
        await backend.until(lambda: bool(backend.connections) and backend.connections[0].lost_at is not None)
        await caller.leave()
        await running.quiet()
        assert_left(running)
        assert len(backend.connections) == 1


async def test_c13_in_the_middle_of_an_upload(tmp_path):
    async with facing(tmp_path, [expect_head(), until_closed()]) as (running, backend), raw_caller(running) as caller:
        caller.send(upload(b"x" * 1000, length=100_000))
        await backend.until(lambda: bool(backend.connections) and b"x" in backend.connections[0].received)

        async def leave() -> None:
            caller.writer.transport.abort()

        assert await left(running, backend, leave) < PROMPT
        assert_left(running)


async def test_c13_a_pipelined_request_behind_one_that_was_left_is_never_asked(tmp_path):
    async with facing(tmp_path, [expect(), until_closed()]) as (running, backend), raw_caller(running) as caller:
        caller.send(request(WHOLE) + request(WHOLE))
        await backend.until(lambda: bool(backend.requests))
        caller.writer.transport.abort()
        await running.quiet()
        assert_left(running)
        assert len(backend.requests) == 1


# --- C14: a half-close is a leave, as documented ---


@pytest.mark.parametrize("body", [STREAMING, WHOLE])
async def test_c14_shutting_the_sending_side_counts_as_leaving(tmp_path, body):
    async with facing(tmp_path, [expect(), until_closed()]) as (running, backend), raw_caller(running) as caller:
        caller.send(request(body))
        await backend.until(lambda: bool(backend.requests))

        async def leave() -> None:
            caller.writer.write_eof()

        assert await left(running, backend, leave) < PROMPT
        assert await caller.rest() == b""
        assert_left(running)


# --- C15 to C17: lengths ---

LIMIT = 64 * 1024


def refused(running, raw: bytes, status: int, code: str) -> dict:
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"connection: close" in head
    assert json.loads(body)["error"]["code"] == code
    (record,) = running.records()
    assert (record.meta["k"], record.meta["error_code"]) == ("refused", code)
    return record.meta


async def test_c15_a_length_over_the_limit_is_refused_before_any_of_it_is_read(tmp_path):
    async with facing(tmp_path) as (running, backend), raw_caller(running) as caller:
        caller.send(request(length=LIMIT + 1))
        meta = refused(running, await caller.rest(), 413, "payload_too_large")
        assert "request" not in meta  # no body is recorded
        assert backend.connections == []


async def test_c15_chunks_that_pass_the_limit_are_refused_when_they_do(tmp_path):
    async with facing(tmp_path) as (running, backend), raw_caller(running) as caller:
        caller.send(chunked_request() + chunk(b'{"model":"once","x":"') + chunk(b"y" * LIMIT))
        refused(running, await caller.rest(), 413, "payload_too_large")
        assert backend.connections == []


async def test_c15_a_body_at_the_limit_is_served(tmp_path):
    body = json.dumps({**CHAT, "pad": "x" * (LIMIT - len(WHOLE) - 11)}).encode()
    assert len(body) == LIMIT
    async with facing(tmp_path, answering(OK)) as (running, _):
        assert (await running.ask("POST", "/v1/chat/completions", body)).status == 200


async def test_c15_an_upload_that_passes_its_limit_on_the_way_is_refused_and_the_backend_never_sees_it_whole(tmp_path):
    async with facing(tmp_path, [expect_head(), until_closed()]) as (running, backend), raw_caller(running) as caller:
        head = b"POST /v1/files HTTP/1.1\r\nhost: g\r\nauthorization: Bearer lgw_test\r\n"
        caller.send(head + b"content-type: application/octet-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(5):
            caller.send(chunk(b"x" * LIMIT))
        raw = await caller.rest()
        assert raw.startswith(b"HTTP/1.1 413 ")
        await backend.connections[0].until(lambda: backend.connections[0].left_at is not None)
        assert not backend.connections[0].received.endswith(b"0\r\n\r\n")
        await running.quiet()
        meta = running.outcome().meta
        assert (meta["end"], meta["status"], meta["error_code"]) == ("refused", 413, "payload_too_large")


async def test_c16_an_upload_that_stops_making_sense_on_its_way_is_refused_at_once(tmp_path):
    """The second `model` could mean another route: nothing of it, and nothing behind it, goes on."""
    form = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nonce\r\n'
    async with facing(tmp_path, [expect_head(), until_closed()]) as (running, backend), raw_caller(running) as caller:
        raw = upload(form + form.replace(b'"model"', b'"file"'), length=900).replace(
            b"application/octet-stream", b"multipart/form-data; boundary=b"
        )
        caller.send(raw.replace(b"/v1/files", b"/v1/audio/transcriptions"))
        await backend.until(lambda: bool(backend.connections) and b"once" in backend.connections[0].received)
        caller.send(form.replace(b"once", b"other") + form)  # longer than what is sent: it is refused before its end
        answer = await caller.rest()
        assert answer.startswith(b"HTTP/1.1 400 ") and b"duplicate_key" in answer
        await backend.connections[0].until(lambda: backend.connections[0].left_at is not None)
        assert b"other" not in backend.connections[0].received
        await running.quiet()
        assert running.outcome().meta["error_code"] == "duplicate_key"


async def test_c16_a_body_that_ends_too_soon_is_not_used(tmp_path):
    async with facing(tmp_path, answering(OK)) as (running, backend), raw_caller(running) as caller:
        caller.send(request(WHOLE, length=len(WHOLE) + 1))
        caller.writer.write_eof()
        assert await caller.rest() == b""
        await running.quiet()
        (record,) = running.records()
        assert (record.meta["k"], record.meta["end"], record.meta["status"]) == ("refused", "client_closed", 499)
        assert backend.connections == []
        assert_idle(running)


@pytest.mark.parametrize("end", [b"", b"5", b"5\r\nabc", b"0\r\n"])
async def test_c16_nor_is_one_whose_chunks_do(tmp_path, end):
    async with facing(tmp_path, answering(OK)) as (running, backend), raw_caller(running) as caller:
        caller.send(chunked_request() + chunk(WHOLE) + end)
        caller.writer.write_eof()
        assert await caller.rest() == b""
        await running.quiet()
        assert [record.meta["end"] for record in running.records()] == ["client_closed"]
        assert backend.connections == []


async def test_c16_an_upload_that_ends_too_soon_never_looks_complete_to_the_backend(tmp_path):
    async with facing(tmp_path, [expect_head(), until_closed()]) as (running, backend), raw_caller(running) as caller:
        caller.send(upload(b"x" * 1000, length=2000))
        await backend.until(lambda: bool(backend.connections) and backend.connections[0].received.endswith(b"x" * 1000))
        caller.writer.write_eof()
        await backend.connections[0].until(lambda: backend.connections[0].left_at is not None)
        await running.quiet()
        assert_left(running)


EXPECT = b"expect: 100-continue\r\n"


@pytest.mark.parametrize(
    ("key", "length", "status"), [("nope", 10, 401), (KEY, LIMIT + 1, 413), ("nope", LIMIT + 1, 401)]
)
async def test_c17_whoever_asks_first_is_told_no_without_sending_it(tmp_path, key, length, status):
    async with facing(tmp_path) as (running, backend), raw_caller(running) as caller:
        caller.send(request(key=key, length=length, more=EXPECT))
        raw = await caller.rest()
        assert raw.startswith(b"HTTP/1.1 %d " % status)
        assert b"100 Continue" not in raw
        assert backend.connections == []


async def test_c17_and_yes_when_it_is_wanted(tmp_path):
    async with facing(tmp_path, answering(OK)) as (running, backend), raw_caller(running) as caller:
        caller.send(request(length=len(WHOLE), more=EXPECT))
        assert await caller.receive() == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert backend.connections == []
        caller.send(WHOLE)
        assert (await caller.receive()).startswith(b"HTTP/1.1 200 ")


def upload(body: bytes, length: int) -> bytes:
    raw = request(body, path="/v1/files", length=length)
    return raw.replace(b"application/json", b"application/octet-stream")


def chunked_request() -> bytes:
    head = request().partition(b"content-length")[0]
    return head + b"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"


async def test_c13_after_the_last_byte_nothing_is_left_to_leave(tmp_path):
    async with facing(tmp_path, answering(streamed(STREAM))) as (running, _):
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", STREAMING)
        assert (await caller.receive()).is_whole
        await caller.leave()
        await running.quiet()
        assert running.outcome().meta["end"] == "completed"
