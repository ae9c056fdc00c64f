"""Rows U9, U10 and U12 to U19: streams that end oddly, are written oddly, say they failed, or never stop."""

import asyncio
import json

import pytest
from tests.support.rows import (
    CHAT,
    COUNTED,
    DONE,
    FINISH,
    JSON,
    MESSAGES,
    OK,
    SSE,
    STREAM,
    answering,
    assert_broken,
    assert_idle,
    assert_refused,
    chat,
    chunk_of,
    closing,
    delta,
    event,
    facing,
    in_two,
    results,
    stream,
    stream_in_two,
    streamed,
)
from tests.support.wire_backend import chunk, chunked_head, expect, finish, forever, reply, send, until_closed, wait_for

from llmgateway.dataplane import reply as replies

END = chunk(b"")
CLOSE_DELIMITED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


def named(kind: str, **more) -> bytes:
    """An event as Anthropic and the responses API write them."""
    return f"event: {kind}\n".encode() + event({"type": kind, **more})


STARTED = named("message_start", message={"id": "m", "model": "c", "usage": {"input_tokens": 4, "output_tokens": 1}})
STARTED += named("content_block_start", index=0, content_block={"type": "text", "text": ""})
TEXT = named("content_block_delta", index=0, delta={"type": "text_delta", "text": "hel"})
STOPPED = named("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 7})
OVER = named("message_stop")


# --- U9: how it ends ---


@pytest.mark.parametrize(
    "half", [COUNTED[:-30], COUNTED[:-2].rstrip(b"}"), b"data", b": comm", b"event: x", b"id: 7\n"]
)
async def test_u09_half_an_event_behind_a_whole_answer_is_left_out(tmp_path, half):
    body = delta("hi") + FINISH
    async with facing(tmp_path, closing(CLOSE_DELIMITED + body + half)) as (running, _):
        answer = await stream(running)
        assert (answer.body, answer.is_whole) == (body, True)


@pytest.mark.parametrize(
    "body", [delta("hi") + FINISH, delta("hi") + FINISH + COUNTED, delta("hi", finish_reason="length")]
)
@pytest.mark.parametrize("is_chunked", [True, False])
async def test_u09_without_done_an_answer_with_its_finish_reason_is_whole(tmp_path, body, is_chunked):
    raw = streamed(body) if is_chunked else CLOSE_DELIMITED + body
    async with facing(tmp_path, closing(raw)) as (running, _):
        answer = await stream(running)
        assert (answer.status, answer.body, answer.is_whole) == (200, body, True)
        assert running.outcome().meta["end"] == "completed"


@pytest.mark.parametrize("end", [[send(END)], [send(END), finish()], [finish()]])
async def test_u09_without_a_finish_reason_it_has_broken_off_however_politely(tmp_path, end):
    go, script = in_two(delta("hel"), send(chunk(delta("lo"))), *end)
    async with facing(tmp_path, script) as (running, _):
        answer = await stream_in_two(running, delta("hel"), go)
        assert_broken(running, answer, delta("hel") + delta("lo"), "upstream_truncated", "truncated")
        assert_idle(running)


async def test_u09_every_choice_needs_its_finish_reason(tmp_path):
    both = event({"id": "c", "choices": [{"index": at, "delta": {"content": "x"}} for at in (0, 1)]})
    one = event({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    go, script = in_two(both, send(chunk(one) + END))
    async with facing(tmp_path, script) as (running, _):
        answer = await stream_in_two(running, both, go, n=2)
        assert_broken(running, answer, both + one, "upstream_truncated", "truncated")


async def test_u09_a_stream_without_content_is_no_answer_and_may_be_had_elsewhere(tmp_path):
    nothing = streamed(delta(role="assistant"))
    async with facing(tmp_path, answering(nothing)) as (running, backend):
        answer = await stream(running, "assistant")
        record = assert_refused(running, answer, 502, "upstream_truncated")
        assert results(record) == ["upstream_truncated"] * 3
        assert len(backend.requests) == 3


async def test_u09_an_anthropic_message_is_whole_once_its_stop_reason_is_known(tmp_path):
    body = STARTED + TEXT + STOPPED
    async with facing(tmp_path, answering(streamed(body))) as (running, _):
        answer = await running.post("/v1/messages", {**MESSAGES, "stream": True})
        assert (answer.body, answer.is_whole) == (body, True)
        assert running.outcome().meta["output_tokens"] == 7


async def test_u09_an_anthropic_message_that_breaks_off_ends_with_an_event_its_sdk_reads(tmp_path):
    go, script = in_two(STARTED + TEXT, send(END))
    async with facing(tmp_path, script) as (running, _):
        answer = await stream_in_two(running, STARTED + TEXT, go, "claude", "/v1/messages", max_tokens=9)
        assert not answer.is_whole
        rest = answer.body.removeprefix(STARTED + TEXT)
        assert rest.startswith(b"event: error\ndata: ")
        assert json.loads(rest.partition(b"data: ")[2])["error"]["details"]["error_code"] == "upstream_truncated"
        meta = running.outcome().meta
        assert (meta["end"], meta["input_tokens"]) == ("truncated", 4)


# --- U10: the end, written oddly ---

ENDS = {
    "no blank line": (b"data: [DONE]", DONE),
    "half a blank line": (b"data: [DONE]\n", DONE),
    "crlf, no blank line": (b"data: [DONE]\r\n", b"data: [DONE]\r\n\n"),
    "two": (DONE + DONE, DONE),
    "data behind it": (DONE + delta("secret"), DONE),
    "an error behind it": (DONE + event({"error": {"message": "late"}}), DONE),
    "no space": (b"data:[DONE]\n\n", b"data:[DONE]\n\n"),
    "words behind": (b"data: [DONE] bye\n\n", b"data: [DONE] bye\n\n"),
}


@pytest.mark.parametrize(("sent", "got"), [pytest.param(*pair, id=name) for name, pair in ENDS.items()])
@pytest.mark.parametrize("is_apart", [True, False])
async def test_u10_the_end_is_made_regular_and_what_follows_is_nobodys(tmp_path, sent, got, is_apart):
    start = delta("hi") + FINISH
    raw = streamed(start, sent) if is_apart else streamed(start + sent)
    async with facing(tmp_path, answering(raw)) as (running, _):
        for _ in range(2):  # the connection carries no rest over to the next one
            answer = await stream(running)
            assert (answer.body, answer.is_whole) == (start + got, True)
        assert {record.meta["end"] for record in running.of_kind("settled")} == {"completed"}


async def test_u10_the_caller_has_its_end_although_the_backend_keeps_the_stream_open(tmp_path):
    script = [expect(), send(streamed(STREAM, last=False)), until_closed()]
    async with facing(tmp_path, script) as (running, _):
        answer = await stream(running)
        assert (answer.body, answer.is_whole) == (STREAM, True)


async def test_u10_a_backend_that_never_stops_behind_its_end_is_left(tmp_path):
    more = chunk(b": more\n\n" * 4000)
    script = [expect(), send(streamed(STREAM, last=False)), forever(send(more), pause(0.01))]
    async with facing(tmp_path, script) as (running, backend):
        assert (await stream(running)).is_whole
        await backend.connections[0].until(lambda: backend.connections[0].left_at is not None)


def pause(seconds: float):
    """A step: let that much time pass, as a slow backend does."""

    async def step(wire) -> None:
        await asyncio.sleep(seconds)

    return step


# --- U12 to U15: written oddly, but right ---

LINE_ENDS = {
    "crlf": STREAM.replace(b"\n", b"\r\n"),
    "cr": STREAM.replace(b"\n", b"\r"),
    "mixed": delta("hel").replace(b"\n\n", b"\r\n\n") + delta("lo").replace(b"\n\n", b"\n\r\n") + FINISH + DONE,
}


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in LINE_ENDS.items()])
async def test_u12_lines_may_end_in_any_way_also_in_two_reads(tmp_path, body):
    for pieces in ([body], [body[at : at + 1] for at in range(len(body))]):
        folder = tmp_path / str(len(pieces))
        folder.mkdir()
        async with facing(folder, answering(streamed(*pieces))) as (running, _):
            answer = await stream(running)
            assert answer.is_whole
            assert answer.body.rstrip(b"\r\n") == body.rstrip(b"\r\n")
            record = running.outcome()
            assert json.loads(record.blobs["reply"])["choices"][0]["message"]["content"] == "hello"
            assert record.meta["finish_reason"] == "stop"


NO_LINE_ENDS = "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg"


async def test_u13_what_is_no_line_end_in_sse_ends_no_line(tmp_path):
    body = delta(NO_LINE_ENDS) + FINISH + DONE
    assert "\u2028".encode() in body
    async with facing(tmp_path, answering(streamed(body))) as (running, _):
        answer = await stream(running)
        assert (answer.body, answer.is_whole) == (body, True)
        record = running.outcome()
        assert json.loads(record.blobs["reply"])["choices"][0]["message"]["content"] == NO_LINE_ENDS
        assert record.meta["parse_errors"] == 0


def spread(document) -> bytes:
    """One event whose JSON stands in several data lines."""
    text = json.dumps(document, indent=1).encode()
    return b"".join(b"data: " + line + b"\n" for line in text.split(b"\n")) + b"\n"


DECORATED = (
    b"\xef\xbb\xbf: welcome\n\n"
    b"\n\n: ping\n\n"
    b"retry: 3000\nid: 7\nunknown: field\nlonely\n"
    + delta("hel").replace(b"data: ", b"data:")
    + b"event: message\n: in between\n"
    + spread(chunk_of("lo"))
    + b": ping\n\nevent: ping\n\n"
    + FINISH
    + COUNTED
    + DONE
)


async def test_u14_everything_the_standard_allows_is_understood_and_goes_on_untouched(tmp_path):
    async with facing(tmp_path, answering(streamed(DECORATED))) as (running, _):
        answer = await stream(running)
        assert (answer.body, answer.is_whole) == (DECORATED, True)
        record = running.outcome()
        assert json.loads(record.blobs["reply"])["choices"][0]["message"]["content"] == "hello"
        assert (record.meta["output_tokens"], record.meta["parse_errors"]) == (5, 0)


@pytest.mark.parametrize("ping", [b": ping\n\n", b":\n\n", b": ping\r\n\r\n", b"event: ping\ndata: {}\n\n"])
async def test_u14_a_backends_keep_alive_goes_on_at_once(tmp_path, ping):
    """Between two tokens minutes may pass: callers, too, wait for any byte."""
    go, script = in_two(delta("hel"), send(chunk(ping)), until_closed())
    async with facing(tmp_path, script) as (running, _):
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": True}).encode())
        go.set()
        answer = await caller.receive(until=ping)
        assert answer.body == delta("hel") + ping


async def test_u14_a_backends_keep_alive_keeps_it_alive(tmp_path):
    """Each silence is shorter than the idle timeout, all of them together longer."""
    pings = [step for _ in range(12) for step in (pause(0.1), send(chunk(b": ping\n\n")))]
    go, script = in_two(delta("hel"), *pings, send(chunk(delta("lo") + FINISH + DONE) + END))
    async with facing(tmp_path, script) as (running, _):
        answer = await stream_in_two(running, delta("hel"), go, "hasty")
        assert answer.is_whole
        assert answer.body.count(b": ping") == 12


ODD = {
    "half an object": (b'data: {"choices": [{\n\n', 1),
    "no JSON": (b"data: hello\n\n", 1),
    "bad UTF-8": (b'data: {"x":"\xff"}\n\n', 1),
    "a lone surrogate": (b'data: {"x":"\\ud800"}\n\n', 1),
    "null choices": (event({"id": "c1", "choices": None}), 0),
    "no choices": (event({"id": "c1"}), 0),
    "a number": (b"data: 7\n\n", 1),
    "a list": (b"data: []\n\n", 1),
    "null": (b"data: null\n\n", 1),
    "choices of another kind": (event({"choices": "many"}), 1),
    "a choice of another kind": (event({"choices": [7]}), 1),
    "delta null": (event({"choices": [{"index": 0, "delta": None}]}), 0),
    "an empty event": (b"data:\n\n", 0),
}


@pytest.mark.parametrize(("odd", "errors"), [pytest.param(*pair, id=name) for name, pair in ODD.items()])
async def test_u15_one_odd_event_is_passed_on_counted_and_harms_nothing(tmp_path, odd, errors):
    body = delta("hel") + odd + delta("lo") + FINISH + COUNTED + DONE
    async with facing(tmp_path, answering(streamed(body))) as (running, _):
        answer = await stream(running)
        assert (answer.body, answer.is_whole) == (body, True)
        record = running.outcome()
        assert (record.meta["end"], record.meta["parse_errors"]) == ("completed", errors)
        assert (record.meta["input_tokens"], record.meta["output_tokens"]) == (3, 5)
        assert json.loads(record.blobs["reply"])["choices"][0]["message"]["content"] == "hello"


# --- U16: it says that it failed ---

FAILED = event({"error": {"message": "the GPU fell over", "type": "server_error"}})


@pytest.mark.parametrize("then", [[send(END)], [finish()], [send(chunk(DONE) + END)], [until_closed()]])
async def test_u16_an_error_event_goes_on_once_and_the_exchange_has_failed(tmp_path, then):
    go, script = in_two(delta("hel"), send(chunk(FAILED)), *then)
    async with facing(tmp_path, script) as (running, _):
        answer = await stream_in_two(running, delta("hel"), go, "hasty")
        assert answer.body.startswith(delta("hel") + FAILED)
        assert not answer.is_whole or DONE in answer.body
        assert answer.body.count(b'"error"') == 1
        meta = running.outcome().meta
        assert (meta["end"], meta["error_code"]) == ("upstream_error", "upstream_error")
        assert "GPU" in meta["error_detail"]


@pytest.mark.parametrize(
    "raw",
    [
        streamed(FAILED),
        streamed(FAILED + DONE),
        streamed(delta(role="assistant") + FAILED),
        reply(b'{"error":{"message":"the GPU fell over"}}', headers=JSON),
    ],
)
async def test_u16_an_error_before_any_content_is_a_failed_attempt(tmp_path, raw):
    async with facing(tmp_path, closing(raw), closing(streamed(STREAM))) as (running, _):
        answer = await stream(running, "assistant")
        assert (answer.status, answer.body, answer.is_whole) == (200, STREAM, True)
        record = running.outcome()
        assert results(record) == ["upstream_error", "ok"]
        assert "GPU" in record.meta["attempts"][0]["detail"]


async def test_u16_an_error_in_every_attempt_has_its_real_status(tmp_path):
    async with facing(tmp_path, answering(streamed(FAILED))) as (running, _):
        record = assert_refused(running, await stream(running), 502, "upstream_error")
        assert "GPU" in record.meta["attempts"][0]["detail"]


async def test_u16_a_response_that_failed_is_relayed_and_marked(tmp_path):
    start = named("response.output_text.delta", delta="hel", output_index=0, content_index=0)
    end = named("response.failed", response={"id": "r", "status": "failed", "error": {"message": "the GPU fell over"}})
    go, script = in_two(start, send(chunk(end) + END))
    async with facing(tmp_path, script) as (running, _):
        answer = await stream_in_two(running, start, go, path="/v1/responses")
        assert answer.body == start + end
        assert running.outcome().meta["end"] == "upstream_error"


# --- U17, U18: too much ---


async def test_u17_an_event_beyond_all_measure_is_passed_on_but_not_understood(tmp_path):
    huge = delta("x" * 9 * 1024 * 1024)
    body = delta("hi") + huge + FINISH + DONE
    async with facing(
        tmp_path, answering(streamed(*[body[at : at + 60_000] for at in range(0, len(body), 60_000)]))
    ) as (running, _):
        answer = await stream(running)
        assert answer.is_whole
        assert answer.body == body
        meta = running.outcome().meta
        assert (meta["end"], meta["finish_reason"], meta["usage_estimated"]) == ("completed", "stop", True)


async def test_u17_a_line_without_end_is_passed_on_within_bounds_and_is_no_answer(tmp_path):
    line = b"data: " + b"x" * 60_000
    script = [expect(), send(streamed(delta("hi") + line, last=False)), *[send(chunk(b"x" * 60_000))] * 150]
    async with facing(tmp_path, script) as (running, _):
        answer = await stream(running)
        assert (answer.status, answer.is_whole) == (200, False)
        assert len(answer.body) > 9_000_000
        error = answer.body.rpartition(b"\n\ndata: ")[2]  # an event of its own
        assert json.loads(error)["error"]["code"] == "upstream_truncated"
        assert running.outcome().meta["end"] == "truncated"


@pytest.mark.parametrize("gap", [0.001, 0.3])
async def test_u18_a_stream_without_end_is_cut_at_its_total_deadline(tmp_path, gap):
    endless = [send(chunked_head(SSE)), forever(send(chunk(delta("more "))), pause(gap))]
    async with facing(tmp_path, [expect(), *endless]) as (running, backend):
        answer = await stream(running, "hasty")
        record = assert_broken(running, answer, delta("more "), "upstream_timeout", "timeout")
        assert 1.5 < record.meta["duration_s"] < 8
        assert record.meta["output_tokens"] > 0
        await backend.connections[0].until(lambda: backend.connections[0].left_at is not None)


# --- U19: nothing ---


@pytest.mark.parametrize("ask", [chat, stream])
async def test_u19_silence_before_the_first_byte_is_504_and_the_backend_is_left(tmp_path, ask):
    async with facing(tmp_path, [expect(), until_closed()]) as (running, backend):
        answer = await ask(running, "hasty")
        record = assert_refused(running, answer, 504, "upstream_timeout")
        assert record.meta["end"] == "timeout"
        assert 0.5 <= record.meta["attempts"][0]["total_s"] < 5
        await backend.connections[0].until(lambda: backend.connections[0].left_at is not None)


async def test_u19_silence_in_the_middle_is_told(tmp_path):
    go, script = in_two(delta("hel"), until_closed())
    async with facing(tmp_path, script) as (running, backend):
        answer = await stream_in_two(running, delta("hel"), go, "hasty")
        assert_broken(running, answer, delta("hel"), "upstream_timeout", "timeout")
        await backend.connections[0].until(lambda: backend.connections[0].left_at is not None)


async def test_u19_silence_in_the_middle_of_an_event_is_told_too(tmp_path):
    half = delta("lo")[:-30]
    go, script = in_two(delta("hel"), send(chunk(half)), until_closed())
    async with facing(tmp_path, script) as (running, _):
        answer = await stream_in_two(running, delta("hel"), go, "hasty")
        assert_broken(running, answer, delta("hel"), "upstream_timeout", "timeout")
        assert half[:40] not in answer.body[len(delta("hel")) :]  # an error glued to it could not be read


async def test_u19_a_half_answer_in_json_is_504(tmp_path):
    async with facing(tmp_path, [expect(), send(OK[:-9]), until_closed()]) as (running, _):
        assert_refused(running, await chat(running, "hasty"), 504, "upstream_timeout")


@pytest.fixture
def quick_heartbeats(monkeypatch):
    monkeypatch.setattr(replies, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(replies, "HOLD_S", 0.05)


HEARTBEAT = replies.HEARTBEAT


async def test_u19_callers_are_told_that_a_silent_stream_still_lives(tmp_path, quick_heartbeats):
    more = asyncio.Event()
    script = [expect(), send(chunked_head(SSE)), wait_for(more), send(chunk(STREAM) + END)]
    async with facing(tmp_path, script) as (running, _):
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": True}).encode())
        begun = await caller.receive(until=HEARTBEAT)  # before the backend has said a word
        assert begun.status == 200
        more.set()
        rest = await caller.receive()
        assert (begun.body + rest.body).replace(HEARTBEAT, b"") == STREAM
        assert rest.is_whole


@pytest.mark.parametrize(("start", "half"), [(b"id: 1\n" + delta("hel"), b""), (delta("hel"), b"data: {")])
async def test_u19_no_heartbeat_goes_where_it_would_be_taken_for_something_else(
    tmp_path, quick_heartbeats, start, half
):
    """Some SDKs read a comment after an id as an event of its own; inside an event it would be a part of it."""
    rest = b"}\n\n" if half else b""
    begun = [send(chunk(half))] if half else []
    go, script = in_two(start, *begun, pause(0.4), send(chunk(rest + FINISH + DONE) + END))
    async with facing(tmp_path, script) as (running, _):
        answer = await stream_in_two(running, start, go)
        assert answer.is_whole
        assert HEARTBEAT not in answer.body
