"""Rows U20 to U24: a backend that says no, in its ways. What callers see of it, and what it is called."""

import asyncio
import json
from email.utils import formatdate

import pytest
from tests.support.rows import (
    ANSWER,
    CHAT,
    JSON,
    MESSAGES,
    OK,
    answering,
    assert_idle,
    assert_refused,
    chat,
    closing,
    facing,
    results,
    stream,
)
from tests.support.wire_backend import WireBackend, chunk, chunked_head, expect, reply, send, until_closed, wait_for

HTML = b"<html><title>502</title>gpu-7.internal:8000 Traceback (most recent call last)</html>"


def refusal(status: str, body: bytes = b"{}", *headers: tuple[str, str]) -> bytes:
    return reply(body, status=status, headers=[*JSON, *headers])


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "402 Payment Required", "407 Proxy"])
@pytest.mark.parametrize("ask", [chat, stream])
async def test_u20_our_own_credential_refused_is_502_and_no_news_about_the_callers(tmp_path, status, ask):
    body = b'{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}'
    async with facing(tmp_path, answering(refusal(status, body))) as (running, backend):
        answer = await ask(running, "assistant")
        record = assert_refused(running, answer, 502, "upstream_auth")
        assert answer.headers["x-should-retry"] == "false"
        assert b"Incorrect" not in answer.body
        assert len(backend.requests) == 1
        assert record.meta["attempts"][0]["status"] == int(status[:3])
        assert "Incorrect API key" in record.meta["attempts"][0]["detail"]  # for the operator


async def test_u20_an_account_without_quota_is_ours_to_pay(tmp_path):
    body = b'{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}'
    async with facing(tmp_path, answering(refusal("429 Too Many", body))) as (running, _):
        answer = await chat(running)
        assert_refused(running, answer, 502, "upstream_auth")


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "409 Conflict", "413 Too Large", "422 No"])
@pytest.mark.parametrize("ask", [chat, stream])
async def test_u21_what_the_backend_finds_wrong_with_the_request_goes_through_as_it_is(tmp_path, status, ask):
    body = b'{"error" : {"message":"tools[0] is odd","type":"invalid_request_error","param":"tools","code":null}}'
    async with facing(tmp_path, answering(refusal(status, body))) as (running, backend):
        answer = await ask(running, "resilient")
        assert (answer.status, answer.body, answer.is_whole) == (int(status[:3]), body, True)
        assert answer.headers["content-type"] == "application/json"
        assert len(backend.requests) == 1
        record = running.outcome()
        assert (record.meta["status"], record.meta["end"], results(record)) == (answer.status, "completed", ["ok"])
        assert record.blobs["reply"] == body
        assert record.meta["usage_estimated"] is False  # nothing was generated


NOW = 1_000_000_000
WAITS = {
    "seconds": ("5", "5"),
    "a fraction": ("0.4", "1"),
    "zero": ("0", "1"),
    "too many": ("1000000000", "60"),
    "negative": ("-5", "1"),
    "junk": ("soon", "1"),
    "a very long number": ("9" * 400, "60"),
    "a date": (formatdate(NOW + 20, usegmt=True), "20"),
    "a date gone by": (formatdate(NOW - 20, usegmt=True), "1"),
    "a date far off": (formatdate(NOW + 10**9, usegmt=True), "60"),
    "none": (None, "1"),
}


@pytest.mark.parametrize(("sent", "told"), [pytest.param(*pair, id=name) for name, pair in WAITS.items()])
async def test_u22_a_rate_limit_is_passed_on_with_a_wait_that_makes_sense(tmp_path, sent, told):
    headers = [("date", formatdate(NOW, usegmt=True)), *([("retry-after", sent)] if sent is not None else [])]
    async with facing(tmp_path, answering(refusal("429 Too Many", b"{}", *headers))) as (running, _):
        answer = await chat(running)
        assert_refused(running, answer, 429, "upstream_rate_limited")
        assert answer.headers["retry-after"] == told
        assert answer.headers["x-should-retry"] == "true"


async def test_u22_milliseconds_go_before_seconds(tmp_path):
    headers = [("retry-after-ms", "2500"), ("retry-after", "50")]
    async with facing(tmp_path, answering(refusal("429 Too Many", b"{}", *headers))) as (running, _):
        assert (await chat(running)).headers["retry-after"] == "3"


async def test_u22_a_short_wait_is_waited_and_the_caller_notices_nothing(tmp_path):
    busy = refusal("429 Too Many", b"{}", ("retry-after-ms", "30"), ("connection", "close"))
    async with facing(tmp_path, closing(busy), answering(OK)) as (running, _):
        answer = await chat(running, "assistant")
        assert (answer.status, answer.json()) == (200, ANSWER)
        first, second = running.outcome().meta["attempts"]
        assert (first["result"], second["result"]) == ("upstream_rate_limited", "ok")
        assert second["offset_s"] - first["offset_s"] >= 0.03


async def test_u22_others_are_tried_without_any_wait(tmp_path):
    busy = refusal("429 Too Many", b"{}", ("retry-after", "50"))
    async with WireBackend(answering(OK)) as good, facing(tmp_path, answering(busy), two=good.url) as (running, _):
        answer = await chat(running, "resilient")
        assert (answer.status, answer.headers["x-llmgateway-version"]) == (200, "v2")


FAULTS = {
    "500 Oops": (502, "upstream_error"),
    "502 Bad": (502, "upstream_error"),
    "503 Busy": (503, "upstream_overloaded"),
}
FAULTS |= {"504 Late": (504, "upstream_timeout"), "529 Overloaded": (503, "upstream_overloaded")}


@pytest.mark.parametrize("status", FAULTS)
@pytest.mark.parametrize("ask", [chat, stream])
async def test_u23_a_failure_gets_our_words_and_the_original_goes_to_the_log(tmp_path, status, ask):
    raw = reply(HTML, status=status, headers=[("content-type", "text/html"), ("server", "gpu-7")])
    async with facing(tmp_path, answering(raw)) as (running, _):
        answer = await ask(running)
        record = assert_refused(running, answer, *FAULTS[status])
        assert b"internal" not in answer.body
        assert "gpu-7.internal" in record.meta["attempts"][0]["detail"]
        assert (answer.headers.get("retry-after") == "1") == (answer.status == 503)


@pytest.mark.parametrize("status", ["500 Oops", "429 Too Many"])
async def test_u23_of_an_error_without_end_only_the_beginning_is_read(tmp_path, status):
    """The backend goes on for ever; the caller has its answer all the same, and the connection is dropped."""
    head = chunked_head(status=status) + chunk(b"words " * 20_000)
    async with facing(tmp_path, [expect(), send(head), until_closed()]) as (running, backend):
        answer = await chat(running)
        record = assert_refused(running, answer, *(FAULTS.get(status) or (429, "upstream_rate_limited")))
        assert len(record.meta["attempts"][0]["detail"]) <= 500
        await backend.connections[0].until(lambda: backend.connections[0].left_at is not None)
        assert_idle(running)


async def test_u23_of_a_refusal_without_end_the_beginning_is_passed_on(tmp_path):
    head = chunked_head(*JSON, status="400 Bad") + chunk(b"words " * 20_000)
    async with facing(tmp_path, [expect(), send(head), until_closed()]) as (running, backend):
        answer = await chat(running)
        assert (answer.status, answer.is_whole) == (400, True)
        assert len(answer.body) == 64 * 1024
        await backend.connections[0].until(lambda: backend.connections[0].left_at is not None)
        assert running.outcome().meta["status"] == 400


async def test_u23_anthropics_own_overload_reaches_its_sdk_as_what_it_is(tmp_path):
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    async with facing(tmp_path, answering(refusal("529 Overloaded", body))) as (running, _):
        answer = await running.post("/v1/messages", MESSAGES)
        assert (answer.status, answer.json()["error"]["type"]) == (503, "overloaded_error")
        assert answer.headers["x-should-retry"] == "true"


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent", "304 Not Modified"])
async def test_u24_a_redirect_is_not_followed_and_our_credential_stays(tmp_path, status):
    async with WireBackend(answering(OK)) as elsewhere:
        raw = reply(b"", status=status, headers=[("location", f"{elsewhere.url}/v1/chat/completions")])
        async with facing(tmp_path, answering(raw)) as (running, _):
            answer = await chat(running)
            assert_refused(running, answer, 502, "unexpected_redirect")
            assert "location" not in answer.headers
        assert elsewhere.connections == []


async def test_u23_one_callers_failure_is_not_the_next_ones(tmp_path):
    held = asyncio.Event()
    slow = [expect(), wait_for(held), send(reply(HTML, status="500 Oops"))]
    async with facing(tmp_path, slow, answering(OK)) as (running, backend):
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", json.dumps(CHAT).encode())
        await backend.until(lambda: bool(backend.requests))
        assert (await chat(running)).json() == ANSWER
        held.set()
        assert (await caller.receive()).status == 502
        assert sorted(record.meta["status"] for record in running.of_kind("settled")) == [200, 502]
