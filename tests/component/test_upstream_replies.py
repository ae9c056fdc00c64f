"""Rows U7, U8 and U25 to U33: what is wrong with the message itself, its framing, its coding or its figures."""

import asyncio
import gzip
import json
import zlib

import pytest
from tests.support.rows import (
    ANSWER,
    BODY,
    CHAT,
    DONE,
    FINISH,
    JSON,
    MESSAGES,
    OK,
    SECRET,
    STREAM,
    answering,
    assert_broken,
    assert_idle,
    assert_refused,
    chat,
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
from tests.support.wire_backend import (
    chunk,
    chunked_head,
    expect,
    expect_head,
    reply,
    reset,
    send,
    until_closed,
    wait_for,
)

CUT_SHORT = OK[:-20]
CUT_CHUNK = chunked_head(*JSON) + chunk(BODY[:40])
TO_THE_END = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"


# --- U7, U8: the body is cut ---


@pytest.mark.parametrize("cut", [CUT_SHORT, CUT_CHUNK, CUT_CHUNK + b"4", TO_THE_END + BODY[:-1], TO_THE_END + BODY[:1]])
async def test_u07_u08_half_a_json_answer_is_tried_again_and_else_502(tmp_path, cut):
    async with facing(tmp_path, closing(cut), closing(cut), closing(cut), answering(OK)) as (running, _):
        answer = await chat(running, "assistant")
        record = assert_refused(running, answer, 502, "upstream_truncated")
        assert record.meta["end"] == "truncated"
        assert results(record) == ["upstream_truncated"] * 3
        again = await chat(running, "assistant")
        assert (again.status, again.json()) == (200, ANSWER)


async def test_a_page_in_an_answers_place_is_502_and_the_log_says_what_came(tmp_path):
    page = reply(b"<html>Welcome</html>", headers=[("content-type", "text/html")])
    async with facing(tmp_path, answering(page)) as (running, _):
        answer = await chat(running)
        record = assert_refused(running, answer, 502, "upstream_truncated")
        assert b"none of its API" in answer.body
        assert record.meta["attempts"][0]["detail"].startswith("text/html, 20 bytes")


EMPTY = reply(b"", headers=JSON)


@pytest.mark.parametrize("nothing", [EMPTY, chunked_head(*JSON) + b"0\r\n\r\n", TO_THE_END])
async def test_u08_nothing_at_all_is_no_answer_where_json_is_due(tmp_path, nothing):
    async with facing(tmp_path, closing(nothing), answering(OK)) as (running, _):
        answer = await chat(running, "assistant")
        assert (answer.status, answer.json()) == (200, ANSWER)
        assert results(running.outcome()) == ["upstream_truncated", "ok"]


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/responses", "/v1/completions"])
async def test_u08_the_same_for_whatever_answers_in_json(tmp_path, path):
    async with facing(tmp_path, answering(EMPTY)) as (running, _):
        assert_refused(running, await running.post(path, {"model": "once", "input": "hi"}), 502, "upstream_truncated")


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/v1/files/file-1"), ("GET", "/v1/files/file-1/content")])
async def test_u08_what_is_passed_on_unread_may_be_nothing(tmp_path, method, path):
    async with facing(tmp_path, answering(EMPTY)) as (running, _):
        answer = await running.ask(method, path)
        assert (answer.status, answer.body, answer.is_whole) == (200, b"", True)


async def test_u08_no_content_is_an_answer_where_it_is_said_so(tmp_path):
    async with facing(tmp_path, answering(b"HTTP/1.1 204 No Content\r\n\r\n")) as (running, _):
        answer = await chat(running, "assistant")
        assert (answer.status, answer.body) == (204, b"")


@pytest.mark.parametrize("end", [[], [reset()]])
async def test_u07_after_the_first_content_a_cut_is_told(tmp_path, end):
    sent = delta("hel") + delta("lo")
    go, script = in_two(sent, *end)
    async with facing(tmp_path, script) as (running, backend):
        answer = await stream_in_two(running, sent, go, "assistant")
        record = assert_broken(running, answer, sent, "upstream_truncated", "truncated")
        assert len(backend.requests) == 1  # after the first content there is no other attempt
        assert record.meta["usage_estimated"] is True
        assert record.meta["output_tokens"] > 0
        assert json.loads(record.blobs["reply"])["choices"][0]["message"]["content"] == "hello"


async def test_u07_before_the_first_content_a_cut_is_tried_again(tmp_path):
    start = streamed(delta(role="assistant"), last=False)
    async with facing(tmp_path, closing(start), answering(streamed(STREAM))) as (running, _):
        answer = await stream(running, "assistant")
        assert (answer.status, answer.body, answer.is_whole) == (200, STREAM, True)
        assert results(running.outcome()) == ["upstream_truncated", "ok"]


async def test_u07_sound_that_breaks_off_never_looks_whole(tmp_path):
    head = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 900\r\n\r\n"
    async with facing(tmp_path, closing(head + b"\xff" * 400)) as (running, _):
        answer = await running.post("/v1/audio/speech", {"model": "once", "input": "hi", "voice": "x"})
        assert (answer.status, answer.is_whole, answer.headers["content-length"]) == (200, False, "900")
        assert b"error" not in answer.body  # nobody who plays it would read an event
        assert running.outcome().meta["end"] == "truncated"


async def test_u08_a_compressed_body_that_is_cut_is_truncated_although_its_length_agrees(tmp_path):
    half = gzip.compress(BODY)[:-9]
    raw = reply(half, headers=[*JSON, ("content-encoding", "gzip")])
    async with facing(tmp_path, answering(raw)) as (running, _):
        assert_refused(running, await chat(running), 502, "upstream_truncated")


async def test_u08_a_body_that_only_the_end_of_the_connection_delimits_is_whole_if_its_json_is(tmp_path):
    async with facing(tmp_path, closing(TO_THE_END + BODY)) as (running, _):
        answer = await chat(running)
        assert (answer.status, answer.json(), answer.is_whole) == (200, ANSWER, True)


# --- U25 to U27: it is not HTTP as it should be ---

NOT_HTTP = {
    "nul in a header": b"HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 2\r\n\r\n{}",
    "cr in a header": b"HTTP/1.1 200 OK\r\nx: a\rb\r\ncontent-length: 2\r\n\r\n{}",
    "300 headers": b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 300 + b"content-length: 2\r\n\r\n{}",
    "a header of 40 KB": b"HTTP/1.1 200 OK\r\nx: " + b"y" * 40_000 + b"\r\ncontent-length: 2\r\n\r\n{}",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}x",
    "length and chunks": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "another coding": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a length that is none": b"HTTP/1.1 200 OK\r\ncontent-length: 0x2\r\n\r\n{}",
    "a bad chunk": chunked_head(*JSON) + b"zz\r\n{}\r\n0\r\n\r\n",
    "tls": b"\x15\x03\x01\x00\x02\x02\x28",
    "another protocol": b"HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\n{}",
}
STRANGE = {
    "2,000 interim replies": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 2000 + OK,
    "101 unasked": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n",
    "status 999": b"HTTP/1.1 999 Odd\r\ncontent-length: 2\r\n\r\n{}",
    "status 099": b"HTTP/1.1 099 Odd\r\ncontent-length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("raw", [pytest.param(raw, id=name) for name, raw in NOT_HTTP.items()])
async def test_u25_what_is_not_http_is_502_and_its_connection_is_dropped(tmp_path, raw):
    async with facing(tmp_path, [expect(), send(raw), until_closed()], answering(OK)) as (running, backend):
        record = assert_refused(running, await chat(running), 502, "upstream_protocol")
        assert results(record) == ["upstream_protocol"]
        await backend.connections[0].until(lambda: backend.connections[0].left_at is not None)
        assert (await chat(running)).json() == ANSWER


@pytest.mark.parametrize("raw", [pytest.param(raw, id=name) for name, raw in STRANGE.items()])
async def test_u27_statuses_that_nobody_asked_for_are_bounded_and_502(tmp_path, raw):
    async with facing(tmp_path, [expect(), send(raw), until_closed()], answering(OK)) as (running, _):
        assert_refused(running, await chat(running), 502, "upstream_protocol")
        assert (await chat(running)).json() == ANSWER


async def test_u27_a_few_interim_replies_are_swallowed(tmp_path):
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" + b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    async with facing(tmp_path, answering(interim + OK)) as (running, _):
        answer = await chat(running)
        assert (answer.status, answer.json()) == (200, ANSWER)
        assert "link" not in answer.headers


POISON = reply(b'{"poison":1}', headers=JSON)


@pytest.mark.parametrize(
    "raw",
    [
        OK + POISON,
        OK + b"{",
        reply(b"", status="204 No Content") + b"{}",
        chunked_head(*JSON) + chunk(BODY) + chunk(b"") + POISON,
    ],
)
async def test_u26_bytes_behind_an_answer_are_nobody_elses(tmp_path, raw):
    async with facing(tmp_path, [expect(), send(raw), expect(), send(POISON)], answering(OK)) as (running, backend):
        await chat(running)
        answer = await chat(running)
        assert (answer.status, answer.json()) == (200, ANSWER)
        assert len(backend.connections) == 2


async def test_u26_an_answer_before_the_upload_is_over_is_relayed_and_its_connection_closed(tmp_path):
    early = reply(b'{"error":{"message":"too big"}}', status="413 Too Large", headers=JSON)
    async with facing(tmp_path, [expect_head(), send(early), until_closed()], answering(OK)) as (running, backend):
        caller = await running.connect()
        head = "POST /v1/files HTTP/1.1\r\nhost: g\r\nauthorization: Bearer lgw_test\r\ncontent-length: 90000\r\n"
        caller.writer.write(head.encode() + b"content-type: application/octet-stream\r\n\r\n" + b"x" * 10_000)
        async with asyncio.timeout(10):
            said = await caller.reader.readuntil(b"too big")
        assert said.startswith(b"HTTP/1.1 413 ")
        await backend.connections[0].until(lambda: backend.connections[0].left_at is not None)
        await caller.leave()
        assert (await chat(running)).status == 200
        assert len(backend.connections) == 2


# --- U28, U29: codings ---


def coded(content: bytes, coding: str) -> bytes:
    return reply(content, headers=[*JSON, ("content-encoding", coding)])


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "GZIP"])
async def test_u28_u29_an_answer_compressed_unasked_is_decoded_and_framed_anew(tmp_path, coding):
    content = zlib.compress(BODY) if coding == "deflate" else gzip.compress(BODY)
    async with facing(tmp_path, answering(coded(content, coding))) as (running, backend):
        answer = await chat(running)
        assert (answer.status, answer.body, answer.is_whole) == (200, BODY, True)
        assert "content-encoding" not in answer.headers
        assert int(answer.headers["content-length"]) == len(BODY)
        assert backend.requests[0].header(b"accept-encoding") == b"identity"
        assert running.outcome().blobs["reply"] == BODY


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "nonsense"])
async def test_u28_a_coding_nobody_knows_is_502(tmp_path, coding):
    async with facing(tmp_path, answering(coded(b"\x1b\x03\x00\xf8", coding))) as (running, _):
        assert_refused(running, await chat(running), 502, "upstream_encoding")


async def test_u28_a_bomb_is_502(tmp_path):
    bomb = gzip.compress(b" " * 30_000_000)
    async with facing(tmp_path, answering(coded(bomb, "gzip"))) as (running, _):
        assert_refused(running, await chat(running), 502, "upstream_encoding")


async def test_u28_u29_a_compressed_stream_is_decoded_as_it_comes(tmp_path):
    squeezed = gzip.compress(STREAM)
    pieces = [squeezed[at : at + 7] for at in range(0, len(squeezed), 7)]
    raw = streamed(*pieces, headers=[("content-encoding", "gzip")])
    async with facing(tmp_path, answering(raw)) as (running, _):
        answer = await stream(running)
        assert (answer.status, answer.body, answer.is_whole) == (200, STREAM, True)
        assert "content-encoding" not in answer.headers


# --- U30: headers ---

DROPPED = {
    "set-cookie": "a=b",
    "access-control-allow-origin": "*",
    "strict-transport-security": "max-age=1",
    "server": "internal/1.0",
    "alt-svc": 'h3=":443"',
    "x-internal-host": "gpu-7",
    "x-should-retry": "true",
    "x-request-id": "req_theirs",
    "openai-organization": "org-ours",
    "location": "http://internal/",
    "trailer": "x-secret",
    "upgrade": "h2c",
}
KEPT = {
    "openai-processing-ms": "12",
    "x-ratelimit-remaining-requests": "7",
    "retry-after": "3",
}


@pytest.mark.parametrize("is_stream", [True, False])
async def test_u30_headers_pass_by_a_list_of_those_allowed(tmp_path, is_stream):
    headers = [*DROPPED.items(), *KEPT.items()]
    raw = streamed(STREAM, headers=headers) if is_stream else reply(BODY, headers=[*JSON, *headers])
    async with facing(tmp_path, answering(raw)) as (running, _):
        answer = await chat(running, stream=is_stream)
        assert KEPT.items() <= answer.headers.items()
        assert not DROPPED.keys() & (answer.headers.keys() - {"x-request-id"})
        assert answer.headers["x-request-id"] == running.outcome().meta["id"]


@pytest.mark.parametrize(("model", "name"), [("once", "x-request-id"), ("claude", "request-id")])
async def test_u30_the_backends_own_id_comes_back_under_a_name_of_ours_and_cut(tmp_path, model, name):
    raw = reply(BODY, headers=[*JSON, (name, "req_" + "7" * 400)])
    async with facing(tmp_path, answering(raw)) as (running, _):
        path, document = ("/v1/messages", MESSAGES) if model == "claude" else ("/v1/chat/completions", CHAT)
        answer = await running.post(path, document)
        assert answer.headers["x-llmgateway-upstream-request-id"] == "req_" + "7" * 196
        assert answer.headers["x-request-id"] == running.outcome().meta["id"]


# --- U31, U32: not what was asked, and figures ---


async def test_u31_json_though_a_stream_was_asked_goes_on_as_what_it_is(tmp_path):
    async with facing(tmp_path, answering(OK)) as (running, _):
        answer = await stream(running)
        assert (answer.headers["content-type"], answer.json()) == ("application/json", ANSWER)
        assert running.outcome().meta["output_tokens"] == 5


async def test_u31_a_stream_though_none_was_asked_goes_on_as_what_it_is(tmp_path):
    async with facing(tmp_path, answering(streamed(STREAM))) as (running, _):
        answer = await chat(running)
        assert (answer.headers["content-type"], answer.body, answer.is_whole) == ("text/event-stream", STREAM, True)
        assert running.outcome().meta["finish_reason"] == "stop"


MOST = 10**9
FIGURES = [
    ({"prompt_tokens": 3, "completion_tokens": 10**18}, (3, MOST, False)),
    ({"prompt_tokens": -3, "completion_tokens": 5}, (None, 5, False)),
    ({"prompt_tokens": "3", "completion_tokens": 5}, (None, 5, False)),
    ({"prompt_tokens": 3.0, "completion_tokens": True}, (3, None, False)),
    ({"prompt_tokens": None}, (18, 8, True)),
    ([], (18, 8, True)),
    (None, (18, 8, True)),
    ("lots", (18, 8, True)),
]


@pytest.mark.parametrize(("usage", "counted"), FIGURES)
async def test_u32_figures_are_clamped_or_else_estimated_and_flagged(tmp_path, usage, counted):
    raw = streamed(delta("a"), FINISH, event({"id": "c1", "choices": [], "usage": usage}), DONE)
    async with facing(tmp_path, answering(raw)) as (running, _):
        answer = await stream(running)
        assert answer.is_whole
        meta = running.outcome().meta
        found = (meta["input_tokens"], meta["output_tokens"], meta["usage_estimated"])
        if counted[2]:
            assert found[2] is True and found[0] > 0 and found[1] > 0
        else:
            assert found == counted


async def test_u32_of_figures_that_come_twice_the_last_ones_count(tmp_path):
    growing = [
        event({"id": "c1", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": n}}) for n in (1, 2, 9)
    ]
    async with facing(tmp_path, answering(streamed(delta("a"), *growing, FINISH, DONE))) as (running, _):
        await stream(running)
        assert running.outcome().meta["output_tokens"] == 9


async def test_u32_the_backends_own_ids_are_no_keys(tmp_path):
    async with facing(tmp_path, answering(OK)) as (running, _):
        for _ in range(2):
            await chat(running)
        first, second = running.of_kind("settled")
        assert first.meta["response_id"] == second.meta["response_id"] == "chatcmpl-1"
        assert first.meta["id"] != second.meta["id"]


# --- U33: our credential ---

QUOTED = json.dumps({"error": {"message": f"bad key {SECRET}", "type": "x"}}).encode()
ERROR = b"data: " + QUOTED + b"\n\n"
WITH_SECRET = {
    "refusal": reply(QUOTED, status="400 Bad", headers=JSON),
    "fault": reply(QUOTED, status="500 Oops", headers=JSON),
    "no entry": reply(QUOTED, status="401 No", headers=JSON),
    "error in a 200": reply(QUOTED, headers=JSON),
    "error beside an answer": reply(json.dumps({**ANSWER, **json.loads(QUOTED)}).encode(), headers=JSON),
    "error event first": streamed(ERROR),
    "error event later": streamed(delta("a") + ERROR),
}


def assert_kept_secret(running, answer) -> None:
    assert SECRET.encode() not in answer.body
    for record in running.records():
        assert SECRET not in json.dumps(record.meta)
        assert SECRET.encode() not in b"".join(record.blobs.values())
    assert_idle(running)


@pytest.mark.parametrize("raw", [pytest.param(raw, id=name) for name, raw in WITH_SECRET.items()])
async def test_u33_a_backend_that_quotes_our_credential_does_not_give_it_away(tmp_path, raw):
    async with facing(tmp_path, answering(raw)) as (running, backend):
        answer = await stream(running)
        assert backend.requests[0].header(b"authorization") == f"Bearer {SECRET}".encode()
        assert_kept_secret(running, answer)


async def test_u33_nor_does_one_that_quotes_it_in_the_middle_of_a_stream(tmp_path):
    go, script = in_two(delta("a"), send(chunk(ERROR) + chunk(b"")))
    async with facing(tmp_path, script) as (running, _):
        answer = await stream_in_two(running, delta("a"), go)
        assert b"bad key ***" in answer.body
        assert_kept_secret(running, answer)


async def test_u28_a_compressed_stream_that_turns_to_rubbish_is_told_and_its_backend_left(tmp_path):
    """The fault is found in the content: nothing on the connection says so, and the backend could go on for ever."""
    packer = zlib.compressobj(wbits=31)
    begun = packer.compress(delta("a")) + packer.flush(zlib.Z_SYNC_FLUSH)
    head = chunked_head(("content-type", "text/event-stream"), ("content-encoding", "gzip"))
    go = asyncio.Event()
    script = [expect(), send(head + chunk(begun)), wait_for(go), send(chunk(b"\xff" * 64)), until_closed()]
    async with facing(tmp_path, script) as (running, backend):
        answer = await stream_in_two(running, delta("a"), go)
        assert_broken(running, answer, delta("a"), "upstream_encoding", "upstream_error")
        await backend.connections[0].until(lambda: backend.connections[0].left_at is not None)
