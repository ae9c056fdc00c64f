"""What the model server does wrong when asked, seen from a bare socket or a plain client."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from llmgateway.modelserver.faults import FAULTS
from llmgateway.modelserver.knobs import Knobs
from llmgateway.modelserver.server import ModelServer
from llmgateway.modelserver.service import Settings
from llmgateway.wire.jsoncodec import JsonError, decode, encode

ASK: dict[str, Any] = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hello there"}]}


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer(Settings(record=4)) as made:
        yield made


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as made:
        yield made


async def raw(server: ModelServer, headers: str = "", **body: Any) -> bytes:
    """Send one request and read until the server closes."""
    content = encode({**ASK, **body})
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(content)}\r\n"
    writer.write(f"{head}{headers}\r\n".encode() + content)
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


async def streamed(server: ModelServer, fault: str) -> bytes:
    return await raw(server, f"x-mock-fault: {fault}\r\n", stream=True)


async def test_a_sound_stream_ends_with_done_and_the_last_chunk():
    async with ModelServer(Settings()) as server:
        assert (await raw(server, stream=True)).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


async def test_cut_ends_in_the_middle_without_a_last_chunk(server):
    reply = await streamed(server, "cut")
    assert reply.startswith(b"HTTP/1.1 200")
    assert b'"content":"' in reply
    assert not reply.endswith(b"0\r\n\r\n")
    assert b'finish_reason":"stop' not in reply


async def test_reset_is_a_reset(server):
    with pytest.raises(ConnectionResetError):
        await streamed(server, "reset")


async def test_no_done_has_everything_but_the_end_mark(server):
    reply = await streamed(server, "no-done")
    assert b'"finish_reason":"stop"' in reply
    assert b"[DONE]" not in reply
    assert reply.endswith(b"0\r\n\r\n")


async def test_no_finish_ends_cleanly_too_early(server):
    reply = await streamed(server, "no-finish")
    assert b'"finish_reason":"stop"' not in reply
    assert reply.endswith(b"0\r\n\r\n")


async def test_malformed_holds_one_event_that_is_not_json(server):
    bad = [line for line in (await streamed(server, "malformed")).split(b"\n") if line.startswith(b"data: {")]
    broken = [line for line in bad if not _is_json(line[6:])]
    assert len(broken) == 1


async def test_an_answer_of_one_token_meets_its_fault_once_too(server):
    reply = await raw(server, "x-mock-fault: malformed\r\nx-mock-tokens: 1\r\n", stream=True)
    assert reply.count(b'"broken"') == 1


async def test_a_fault_can_be_put_after_a_number_of_tokens(server):
    reply = await raw(server, "x-mock-fault: no-finish\r\nx-mock-fault-after: 3\r\n", stream=True)
    assert reply.count(b'"content":"') == 4  # the empty one that opens every answer, and three


async def test_an_error_event_ends_the_stream(server):
    reply = await streamed(server, "error-event")
    assert b'data: {"error":{' in reply
    assert b"[DONE]" not in reply


@pytest.mark.parametrize(
    ("fault", "mark"), [("crlf", b'data: {"id"'), ("no-space", b'data:{"id"'), ("comments", b": still here\n\ndata: ")]
)
async def test_events_can_be_written_in_other_lawful_ways(server, fault, mark):
    reply = await streamed(server, fault)
    assert mark in reply
    assert (b"}\r\n\r\n\r\n" in reply) is (fault == "crlf")  # the event's CRLFs and the chunk's own


async def test_split_sends_every_byte_in_a_chunk_of_its_own(server):
    reply = await streamed(server, "split")
    assert b"\r\n1\r\nd\r\n1\r\na\r\n1\r\nt\r\n1\r\na\r\n" in reply


async def test_no_reply_closes_without_a_byte_and_garbage_is_not_http(server):
    assert await streamed(server, "no-reply") == b""
    assert not (await streamed(server, "garbage")).startswith(b"HTTP")


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [("html", 200, "text/html"), ("empty", 200, "application/json"), ("redirect", 307, None), ("gzip", 200, None)],
)
async def test_replies_that_no_model_would_send(server, session, fault, status, kind):
    asked = session.post(
        f"{server.url}/v1/chat/completions",
        json=ASK,
        headers={"x-mock-fault": fault},
        allow_redirects=False,
    )
    async with asked as reply:
        assert reply.status == status
        assert kind is None or reply.content_type == kind
        if fault == "gzip":
            assert reply.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("fault", ["hang", "stall"])
async def test_silence_lasts_until_the_caller_leaves(server, fault):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await streamed(server, fault)
    await _until(lambda: server.service.tallies.active == 0)


@pytest.mark.parametrize("fault", ["endless", "stall"])
async def test_whole_replies_meet_the_faults_too(server, session, fault):
    url = f"{server.url}/v1/chat/completions"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3), session.post(url, json=ASK, headers={"x-mock-fault": fault}) as reply:
            assert reply.status == 200
            await reply.read()


async def test_a_whole_reply_is_cut_short_of_its_length(server, session):
    async with session.post(f"{server.url}/v1/chat/completions", json=ASK, headers={"x-mock-fault": "cut"}) as reply:
        with pytest.raises(aiohttp.ClientPayloadError):
            await reply.read()


async def test_a_malformed_whole_reply_is_not_json(server, session):
    async with session.post(
        f"{server.url}/v1/chat/completions", json=ASK, headers={"x-mock-fault": "malformed"}
    ) as reply:
        assert not _is_json(await reply.read())


async def test_the_caller_leaving_stops_the_generation_at_once(server):
    headers = "x-mock-tokens: 100000\r\nx-mock-rate: 100\r\n"
    asking = asyncio.ensure_future(raw(server, headers, stream=True))
    await _until(lambda: server.service.tallies.tokens)
    asking.cancel()
    await _until(lambda: server.service.tallies.cancelled == 1)
    assert server.service.tallies.tokens < 10_000


async def test_a_rate_is_kept_and_the_first_token_waits(server, session):
    headers = {"x-mock-ttft": "0.5", "x-mock-rate": "200", "x-mock-tokens": "40"}
    start, times = time.monotonic(), []
    async with session.post(
        f"{server.url}/v1/chat/completions", json={**ASK, "stream": True}, headers=headers
    ) as reply:
        times.append(time.monotonic() - start)
        times.extend([time.monotonic() - start async for line in reply.content if b'"content"' in line])
    assert times[0] < 0.49  # the head does not wait
    assert times[1] >= 0.5
    assert times[-1] >= 0.5 + 39 / 200  # spread over the whole time, and prompt: see the next line
    assert times[20] < times[-1] - 0.05


@pytest.mark.parametrize(
    ("headers", "extra", "model"),
    [
        ({"x-mock-error": "503", "x-mock-retry-after": "2"}, {}, "gpt-4.1"),
        ({}, {"metadata": {"mock_error": "503", "mock_retry_after": "2"}}, "gpt-4.1"),
        ({}, {}, "gpt-4.1@error=503,retry_after=2"),
    ],
)
async def test_knobs_are_turned_by_header_metadata_and_model_name(server, session, headers, extra, model):
    body = {**ASK, "model": model, **extra}
    async with session.post(f"{server.url}/v1/chat/completions", json=body, headers=headers) as reply:
        assert (reply.status, reply.headers["retry-after"]) == (503, "2")
        assert (await reply.json())["error"]["type"] == "server_error"


async def test_an_error_for_the_first_arrivals_only_lets_the_retry_through(server, session):
    body = {**ASK, "metadata": {"mock_error": "500", "mock_first": "2"}}
    found = []
    for _ in range(3):
        async with session.post(f"{server.url}/v1/chat/completions", json=body) as reply:
            found.append(reply.status)
    assert found == [500, 500, 200]


async def test_an_error_rate_is_a_share_of_the_requests(session):
    async with ModelServer(Settings(knobs=Knobs(error_rate=0.3))) as server:
        found = []
        for _ in range(100):
            async with session.post(f"{server.url}/v1/chat/completions", json=ASK) as reply:
                found.append(reply.status)
    assert 15 <= found.count(500) <= 45
    assert set(found) == {200, 500}


async def test_a_knob_that_does_not_exist_is_a_400_that_names_those_that_do(server, session):
    async with session.post(f"{server.url}/v1/chat/completions", json=ASK, headers={"x-mock-colour": "red"}) as reply:
        assert reply.status == 400
        assert "refusal_rate" in (await reply.json())["error"]["message"]


async def test_knobs_can_be_turned_while_it_runs(server, session):
    async with session.put(f"{server.url}/mock/knobs", json={"error": 503, "latency": 0}) as reply:
        shown = await reply.json()
        assert (reply.status, shown["error"], shown["error_rate"]) == (200, 503, 1.0)
    async with session.post(f"{server.url}/v1/chat/completions", json=ASK) as reply:
        assert reply.status == 503
    async with session.put(f"{server.url}/mock/knobs", json={"error_rate": 0}) as reply:
        assert reply.status == 200
    async with session.post(f"{server.url}/v1/chat/completions", json=ASK) as reply:
        assert reply.status == 200


async def test_a_knob_that_does_not_exist_turns_none(server, session):
    async with session.put(f"{server.url}/mock/knobs", json={"error_rate": 1, "volume": 11}) as reply:
        assert reply.status == 400
        assert "There is no knob 'volume'" in await reply.text()
    async with session.post(f"{server.url}/v1/chat/completions", json=ASK) as reply:
        assert reply.status == 200


async def test_a_key_is_asked_for_where_there_is_one(session):
    async with ModelServer(Settings(api_key="right")) as server:
        for headers, status in (({}, 401), ({"authorization": "Bearer wrong"}, 401), ({"x-api-key": "right"}, 200)):
            async with session.post(f"{server.url}/v1/chat/completions", json=ASK, headers=headers) as reply:
                assert reply.status == status


async def test_recorded_requests_show_what_came_without_the_credential(server, session):
    content = b'{ "model":"m",  "messages":[{"role":"user","content":"\xc3\xa9"}]}'
    headers = {"authorization": "Bearer secret", "content-type": "application/json"}
    async with session.post(f"{server.url}/v1/chat/completions?a=1", data=content, headers=headers) as reply:
        assert reply.status == 200
    async with session.get(f"{server.url}/mock/requests") as reply:
        text = await reply.text()
    (seen,) = decode(text)
    assert seen["body"].encode() == content
    assert seen["target"] == "/v1/chat/completions?a=1"
    assert "secret" not in text


async def test_echo_shows_any_request_as_it_came(server, session):
    async with session.put(f"{server.url}/v1/mock/echo/deep/path?x=%20y", data=b"\x00\x01") as reply:
        seen = await reply.json()
    assert (seen["method"], seen["target"], seen["body_bytes"]) == ("PUT", "/v1/mock/echo/deep/path?x=%20y", 2)


def test_every_fault_of_the_table_is_tested_or_listed_here():
    tested = {
        *("cut", "reset", "stall", "malformed", "error-event", "no-finish", "endless", "no-done"),
        *("crlf", "no-space", "comments", "split", "no-reply", "hang", "garbage", "html", "empty", "redirect", "gzip"),
    }
    assert set(FAULTS) - tested == {"no-usage"}  # in tests/unit/modelserver/test_delivery.py


def _is_json(text: bytes) -> bool:
    try:
        decode(text)
    except JsonError:
        return False
    return True


async def _until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)
