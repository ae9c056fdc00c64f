"""A backend that means harm: to the event loop, to memory, or by handing our credential on."""

import gzip
import json
import time

import pytest
from tests.support import rows
from tests.support.plane import plane
from tests.support.rows import BODY, SECRET, assert_idle, chat, delta, facing, stream
from tests.support.wire_backend import WireBackend, chunk, chunked_head, expect, reply, send, until_closed

from llmgateway.wire.jsoncodec import decode

PIECE = 64 * 1024
FLOODS = {
    "blank lines": b"\n",
    "comments": b":\n",
    "lines that end with CR": b":\r",
    "lines that end with CRLF": b":\r\n",
    "empty events": b"data:\n\n",
    "tiny events": b"data: 1\n\n",
    "unknown fields": b"a\n",
    "lines of one endless event": b"data:\n",
}


@pytest.mark.parametrize("line", [pytest.param(line, id=name) for name, line in FLOODS.items()])
async def test_a_flood_of_tiny_lines_ends_the_stream_and_the_connection(tmp_path, line):
    """One piece of 64 KiB cost 100 ms of the event loop, and the next one was there already."""
    flood = chunk(line * (PIECE // len(line)))
    script = [expect(), send(chunked_head(rows.SSE) + chunk(delta("hi")) + flood * 20), until_closed()]
    async with facing(tmp_path, script) as (running, backend):
        started = time.process_time()
        answer = await stream(running)
        assert time.process_time() - started < 1.0
        assert b"upstream_protocol" in answer.body
        assert b"[DONE]" not in answer.body
        await backend.connections[0].until(lambda: backend.connections[0].left_at is not None)
        await running.quiet()
        assert running.outcome().meta["error_code"] == "upstream_protocol"
        assert_idle(running)


async def test_a_long_stream_of_ordinary_events_is_no_flood(tmp_path):
    events = b"event: ping\ndata: {}\n\n" * 5_000 + delta("x") * 2_000 + b": keepalive\n\n" * 1_000
    script = [expect(), send(chunked_head(rows.SSE) + chunk(events) + chunk(rows.STREAM) + chunk(b""))]
    async with facing(tmp_path, script) as (running, _):
        answer = await stream(running)
        assert answer.is_whole
        assert answer.body == events + rows.STREAM


@pytest.mark.parametrize(("body", "media"), [(BODY, "application/json"), (delta("hi"), "text/event-stream")])
async def test_what_follows_a_compressed_answer_is_not_gathered(tmp_path, body, media):
    """zlib keeps every byte behind the end of its stream, and copies all of them at each further piece."""
    head = chunked_head(("content-type", media), ("content-encoding", "gzip"))
    script = [expect(), send(head + chunk(gzip.compress(body)) + chunk(b"x" * PIECE) * 100), until_closed()]
    async with facing(tmp_path, script) as (running, backend):
        answer = await stream(running)
        assert b"upstream_encoding" in answer.body
        await backend.connections[0].until(lambda: backend.connections[0].left_at is not None)
        assert_idle(running)


CROWDED = b'{"choices":[' + b"{}," * 1_000_000 + b"{}]}"


@pytest.fixture
def parsed(monkeypatch):
    """How much was parsed at a time."""
    sizes: list[int] = []

    def noting(text: bytes) -> object:
        sizes.append(len(text))
        return decode(text)

    monkeypatch.setattr("llmgateway.wire.replies.decode", noting)
    return sizes


async def test_a_crowded_answer_goes_through_unparsed(tmp_path, parsed):
    """Parsing it takes half a second and 300 MB."""
    async with facing(tmp_path, [expect(), send(reply(CROWDED, headers=rows.JSON))]) as (running, _):
        assert (await chat(running)).body == CROWDED
        assert max(parsed, default=0) < len(CROWDED)


async def test_a_crowded_event_goes_through_unparsed(tmp_path, parsed):
    crowded = b"data: " + CROWDED + b"\n\n"
    script = [expect(), send(chunked_head(rows.SSE) + chunk(crowded) + chunk(rows.STREAM) + chunk(b""))]
    async with facing(tmp_path, script) as (running, _):
        answer = await stream(running)
        assert answer.body == crowded + rows.STREAM
        assert max(parsed) < len(CROWDED)
        assert running.outcome().meta["parse_errors"] == 1


async def test_a_credential_quoted_in_headers_is_masked(tmp_path):
    quoting = [("x-ratelimit-key", SECRET), ("openai-version", f"for {SECRET}"), ("content-type", "application/json")]
    async with facing(tmp_path, [expect(), send(reply(BODY, headers=quoting))]) as (running, _):
        answer = await chat(running)
        assert answer.status == 200
        assert SECRET not in json.dumps(answer.headers)
        assert answer.headers["x-ratelimit-key"] == "***"


async def test_a_credential_that_is_a_header_of_the_backend_is_masked_like_a_key(tmp_path):
    config = rows.CONFIG.replace(
        'api_key = "sk-upstream-secret"', 'headers = { api-key = "azure-secret-123", x = "1" }'
    )
    refusal = reply(b'{"error":{"message":"1 bad key azure-secret-123"}}', status="400 No", headers=rows.JSON)
    async with (
        WireBackend([expect(), send(refusal)]) as backend,
        plane(tmp_path, backend.url, config=config) as running,
    ):
        answer = await chat(running)
        assert answer.json()["error"]["message"] == "1 bad key ***"
        assert backend.requests[0].header(b"api-key") == b"azure-secret-123"
        assert not any(b"azure-secret" in segment.read_bytes() for segment in tmp_path.rglob("*.seg"))
