"""Ways to bring a forbidden text to a caller in spite of a route's guardrails: none may work."""

import gzip
import json
import struct
import zlib

import pytest
from tests.support import guardrails
from tests.support.bypass import (
    CHAT,
    DONE,
    JSON,
    NUMBER,
    SSE,
    WORD,
    answers,
    chat_delta,
    completion,
    escaped,
    event,
    got,
    guarded,
    nested,
    on_disk,
    streamed,
    whole,
)
from tests.support.wire_backend import (
    chunk,
    chunked_head,
    expect,
    reply,
    send,
    send_bytewise,
    until_closed,
)

STREAM = {**CHAT, "stream": True}
CLAUDE = {**CHAT, "model": "claude", "max_tokens": 9}
SPEECH = {"model": "gpt-voice", "input": "a"}
END = chat_delta(finish="stop") + DONE


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    guardrails.install(monkeypatch)


def chosen(**message):
    return completion("a", **message)


def call(arguments, **more):
    return {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}, **more}


def block(**fields):
    return {"id": "msg_1", "type": "message", "role": "assistant", "content": [fields], "usage": {"input_tokens": 1}}


def number_or(text):
    return int(text) if text.isdigit() else text


WHOLE = {
    "content": lambda text: completion(text),
    "parts": lambda text: completion("", content=[{"type": "text", "text": text}]),
    "split_over_parts": lambda text: completion("", content=[{"type": "text", "text": each} for each in text]),
    "reasoning": lambda text: chosen(reasoning=text, reasoning_content=text),
    "reasoning_details": lambda text: chosen(reasoning_details=[{"type": "reasoning.text", "text": text}]),
    "refusal": lambda text: chosen(refusal=text),
    "audio_transcript": lambda text: chosen(audio={"id": "a", "data": "AAAA", "transcript": text}),
    "annotations": lambda text: chosen(annotations=[{"url_citation": {"title": text, "url": text}}]),
    "arguments": lambda text: chosen(tool_calls=[call(nested({"a": text}, 1))]),
    "argument_names": lambda text: chosen(tool_calls=[call(nested({text: 1}, 1))]),
    "arguments_3_deep": lambda text: chosen(tool_calls=[call(nested({"a": text}, 3))]),
    "arguments_5_deep": lambda text: chosen(tool_calls=[call(nested({"a": text}, 5))]),
    "arguments_as_object": lambda text: chosen(tool_calls=[call({"a": number_or(text)})]),
    "legacy_call": lambda text: chosen(function_call={"name": "f", "arguments": nested({"a": text}, 1)}),
    "name_of_a_function": lambda text: chosen(tool_calls=[{"function": {"name": text, "arguments": "{}"}}]),
    "logprobs": lambda text: {
        **chosen(),
        "logprobs": {"content": [{"token": text, "top_logprobs": [{"token": text}]}]},
    },
    "error_in_a_200": lambda text: {"error": {"message": text, "code": text}},
    "unknown_member": lambda text: {**chosen(), "more": {"deep": [text]}},
    "stop_reason": lambda text: {**chosen(), "stop_reason": text},
}


@pytest.mark.parametrize("spelling", [str, escaped], ids=["plain", "escaped"])
@pytest.mark.parametrize("way", WHOLE)
async def test_whole_by_hiding_it_in(tmp_path, way, spelling):
    def make(text):
        return whole(json.dumps(WHOLE[way](text)).replace(f'"{text}', f'"{spelling(text)}').encode())

    await got(tmp_path, make)


ANTHROPICS = {
    "text": lambda text: block(type="text", text=text),
    "split_over_blocks": lambda text: {
        "content": [{"type": "text", "text": each} for each in (text[:4], "", text[4:])]
    },
    "thinking": lambda text: block(type="thinking", thinking=text, signature="AAAA"),
    "input": lambda text: block(type="tool_use", id="toolu_1", name="f", input={"a": text}),
    "input_id": lambda text: block(type="tool_use", id="toolu_1", name="f", input={"id": text, "type": text}),
    "input_number": lambda text: block(type="tool_use", id="toolu_1", name="f", input={"a": [number_or(text)]}),
    "input_file": lambda text: block(type="tool_use", id="t", name="f", input={"data": f"{'a/b-c_' * 200}/{text}/"}),
    "result": lambda text: block(type="web_search_tool_result", content=[{"title": text, "page_age": text}]),
    "citation": lambda text: block(type="text", text="a", citations=[{"cited_text": text}]),
    "stop_sequence": lambda text: {**block(type="text", text="a"), "stop_sequence": text},
}


@pytest.mark.parametrize("way", ANTHROPICS)
async def test_anthropics_whole_by_hiding_it_in(tmp_path, way):
    await got(tmp_path, lambda text: whole(ANTHROPICS[way](text)), CLAUDE, "/v1/messages")


PATHS = ["completions", "embeddings", "moderations", "rerank", "images/generations", "batches", "something/new"]


@pytest.mark.parametrize("path", [*PATHS, "responses", "audio/speech", "files/f/content", "messages/count_tokens"])
async def test_whole_by_endpoint(tmp_path, path):
    await got(tmp_path, lambda text: whole({"data": [{"text": f"so {text}"}]}), {"model": "assistant"}, f"/v1/{path}")


async def test_whole_by_the_probabilities_of_its_tokens(tmp_path):
    def make(text):
        document = completion(f"so {text}")
        document["choices"][0]["logprobs"] = {"content": [{"token": each, "bytes": [*each.encode()]} for each in text]}
        return whole(document)

    first, _ = await got(tmp_path, make)
    assert first.json()["choices"][0]["logprobs"] is None


@pytest.mark.parametrize("name", ["token_ids", "prompt_token_ids", "prompt_logprobs", "tok\\u0065n_ids"])
async def test_by_the_ids_of_its_tokens(tmp_path, name):
    ids = [ord(each) for each in NUMBER]

    def make(document):
        document["choices"][0]["+"] = ids
        return json.dumps(document).replace('"+"', f'"{name}"').encode()

    chunk_of = {"id": "a", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]}
    for reply_of, body in ((whole(make(completion("a"))), CHAT), (streamed(event(make(chunk_of)) + END), STREAM)):
        async with guarded(tmp_path / str(len(body)), answers(reply_of)) as (_, running):
            answer = await running.post("/v1/chat/completions", body)
            assert answer.status == 200
            assert str(ids[1:3])[1:-1].replace(" ", "") not in answer.body.decode().replace(" ", "")


def zipped(text, pack, name):
    return reply(pack(json.dumps(completion(text)).encode()), headers=[JSON, ("content-encoding", name)])


PACKS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, "GZIP ": gzip.compress}


@pytest.mark.parametrize("name", PACKS)
async def test_whole_by_compressing_it(tmp_path, name):
    first, second = await got(tmp_path, lambda text: zipped(text, PACKS[name], name))
    assert (first.status, second.status) == (200, 400)


@pytest.mark.parametrize("name", ["br", "zstd", "gzip, gzip", "identity, gzip", "utf-16"])
async def test_whole_by_an_encoding_that_is_not_known(tmp_path, name):
    first, second = await got(tmp_path, lambda text: zipped(text, gzip.compress, name))
    assert first.status >= 400


async def test_a_stream_by_compressing_it(tmp_path):
    def make(text):
        events = gzip.compress(chat_delta(content=text[:3]) + chat_delta(content=text[3:]) + END)
        return chunked_head(SSE, ("content-encoding", "gzip")) + chunk(events) + chunk(b"")

    first, _ = await got(tmp_path, make, STREAM)
    assert b"[NUMBER]" in first.body


MEDIA = ["text/plain", "text/html", "application/x-ndjson", "application/octet-stream", "application/jsonl", "", "x"]


@pytest.mark.parametrize("media", [*MEDIA, "text/csv", "text/event-stream-not", "multipart/mixed", "application/pdf"])
@pytest.mark.parametrize("spelling", [str, escaped], ids=["plain", "escaped"])
async def test_whole_by_its_content_type(tmp_path, media, spelling):
    def make(text):
        line = f'{{"text": "so {text}"}}\n'.replace(text, spelling(text)).encode()
        return reply(line * 2, headers=[("content-type", media)])

    for answer, status in zip(await got(tmp_path, make, SPEECH, "/v1/audio/speech"), (200, 400), strict=True):
        assert answer.status == status


@pytest.mark.parametrize("media", ["audio/mpeg", "image/png", "video/mp4", "image/svg+xml"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("size", [1, 7, 20_000])
async def test_by_saying_to_be_sound_or_a_picture(tmp_path, media, codec, size):
    for text in (NUMBER, WORD):
        body = f"so {text} {'and so on ' * (size // 10)}".encode(codec)
        script = [
            expect(),
            send(
                chunked_head(("content-type", media))
                + b"".join(chunk(each) for each in (body[:size], body[size:]) if each)
                + chunk(b"")
            ),
        ]
        async with guarded(tmp_path / text, [*script, until_closed()]) as (_, running):
            answer = await running.post("/v1/audio/speech", SPEECH)
            assert text not in answer.body.decode(codec, "replace")


@pytest.mark.parametrize("sizes", [[1, 1, 1], [40], [1023, 1], [1024], [5000]])
@pytest.mark.parametrize(
    "body",
    [
        b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(range(256)) * 4,
        bytes(4000),
        b"\xff\xfb\x90" + b"d" * 1900,
        b"\xff" * 10,
        struct.pack("<1200h", *(each % 6 - 2 for each in range(1200))),  # what a microphone says of silence
    ],
)
async def test_sound_and_pictures_pass_byte_for_byte_whatever_their_pieces(tmp_path, body, sizes):
    pieces, at = [], 0
    for size in [*sizes, len(body)]:
        pieces.append(body[at : at + size])
        at += size
    sent = chunked_head(("content-type", "audio/mpeg")) + b"".join(chunk(each) for each in pieces if each) + chunk(b"")
    async with guarded(tmp_path, [expect(), send_bytewise(sent) if len(body) < 20 else send(sent), until_closed()]) as (
        _,
        running,
    ):
        answer = await running.post("/v1/audio/speech", SPEECH)
        assert (answer.status, answer.body) == (200, body)


LENIENT = {
    "bom": lambda body: b"\xef\xbb\xbf" + body,
    "nan": lambda body: body.replace(b"{", b'{"x": NaN, ', 1),
    "surrogate": lambda body: body.replace(b"{", b'{"x": "\\ud800", ', 1),
    "comma": lambda body: body[:-1] + b",}",
    "two": lambda body: body + b" {}",
    "cut": lambda body: body[:-1],
    "latin": lambda body: body.replace(b"{", b'{"x": "\xff", ', 1),
    "utf16": lambda body: body.decode().encode("utf-16"),
    "utf16_without_mark": lambda body: body.decode().encode("utf-16-le"),
    "utf32": lambda body: body.decode().encode("utf-32-be"),
}


@pytest.mark.parametrize("media", ["application/json", "text/plain"])
@pytest.mark.parametrize("way", LENIENT)
async def test_whole_by_json_that_only_some_would_read(tmp_path, way, media):
    for text in (NUMBER, WORD):
        body = LENIENT[way](json.dumps({"text": text}).replace(text, escaped(text)).encode())
        async with guarded(tmp_path / text, answers(reply(body, headers=[("content-type", media)]))) as (_, running):
            answer = await running.post("/v1/audio/speech", SPEECH)
            assert answer.status in {200, 400}
            assert body not in answer.body
            plain = answer.body.replace(b"\0", b"")
            assert text.encode() not in plain
            assert escaped(text).encode() not in plain
            assert escaped(text).encode() not in on_disk(tmp_path / text).replace(b"\0", b"")


@pytest.mark.parametrize("charset", ["utf-16", "shift_jis", "utf-7", "cp037"])
async def test_whole_by_another_charset(tmp_path, charset):
    def make(text):
        return reply(text.encode(charset), headers=[("content-type", f"text/plain; charset={charset}")])

    for text in (NUMBER, WORD):
        async with guarded(tmp_path / text, answers(make(text))) as (_, running):
            answer = await running.post("/v1/audio/speech", SPEECH)
            assert answer.status in {200, 400}
            assert text not in answer.body.decode(charset, "replace")


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "422 No", "500 Broken", "429 Later"])
async def test_by_a_refusal_that_quotes(tmp_path, status):
    await got(tmp_path, lambda text: whole({"error": {"message": f"you said {text}"}}, status=status))


async def test_by_a_refusal_that_is_cut(tmp_path):
    def make(text):
        body = {"a": "b" * 500, "text": f"so {text}", "error": {"message": f"{'word ' * 13_000}"}}
        return whole(json.dumps(body).replace(text, escaped(text)).encode(), status="400 Bad Request")

    for answer in await got(tmp_path, make):
        assert b"\\u00" not in answer.body


async def test_whole_by_its_length(tmp_path):
    def make(text):
        return whole(completion("word " * 1_800_000 + text))

    for answer in await got(tmp_path, make):
        assert (answer.status, answer.json()["error"]["code"]) == (400, "guardrail_unsupported")


@pytest.mark.parametrize("size", [33_000, 270_000, 2_000_000])
async def test_whole_by_half_its_length(tmp_path, size):
    first, second = await got(tmp_path, lambda text: whole(completion("word " * (size // 5) + text)))
    assert (first.status, second.status) == (200, 400)
