"""Answers that are not the JSON that was asked for, on real sockets: none reaches a caller where they are blocked."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from tests.support.bypass import CHATS, DONE, answers, chat_delta, completion, event, streamed, whole
from tests.support.plane import CONFIG, plane
from tests.support.wire_backend import WireBackend, reply

GUARDED = CONFIG.replace("[backends.one]", '[guardrails]\nbaseline = ["json_schema"]\n[backends.one]', 1)
BLOCKING = GUARDED + '[guardrails.json_schema]\naction = "block"\n'
PERSON = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
CHAT = {
    "model": "assistant",
    "messages": [{"role": "user", "content": "hi"}],
    "response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": PERSON}},
}
RESPONSE = {
    "model": "assistant",
    "input": "hi",
    "text": {"format": {"type": "json_schema", "name": "p", "schema": PERSON}},
}
MESSAGE = {
    "model": "claude",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "hi"}],
    "output_config": {"format": {"type": "json_schema", "schema": PERSON}},
}
ANTHROPIC = {"anthropic-version": "2023-06-01"}
GOOD, BAD, NONE = '{"age": 36}', '{"age": "s3cret"}', "Sure! I am 36."


@asynccontextmanager
async def guarded(tmp_path, *replies, config=BLOCKING):
    async with (
        WireBackend(answers(*replies)) as backend,
        plane(tmp_path, backend.url, backend.url, config=config) as it,
    ):
        yield it


def response(text):
    item = {"type": "message", "id": "i", "content": [{"type": "output_text", "text": text}]}
    return {"id": "resp_1", "object": "response", "status": "completed", "output": [item]}


def message(text):
    content = [{"type": "thinking", "thinking": "a thought", "signature": "AA"}, {"type": "text", "text": text}]
    return {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1},
    }


def two(text):
    first = completion(GOOD, reasoning_content="a thought")
    return first | {"choices": [*first["choices"], {**first["choices"][0], "index": 1, "message": {"content": text}}]}


DIALECTS = {
    "chat": (CHATS, CHAT, completion, {}),
    "another choice": (CHATS, CHAT | {"n": 2}, two, {}),
    "responses": ("/v1/responses", RESPONSE, response, {}),
    "messages": ("/v1/messages", MESSAGE, message, ANTHROPIC),
}


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_whole(tmp_path, dialect):
    path, asked, make, headers = DIALECTS[dialect]
    async with guarded(tmp_path, *(whole(make(text)) for text in (GOOD, BAD, NONE))) as it:
        good, bad, none = [await it.post(path, asked, headers) for _ in range(3)]
    assert (good.status, good.json()) == (200, make(GOOD))
    assert b"json_schema.invalid" in bad.body
    assert b"json_schema.not_json" in none.body
    assert b"s3cret" not in bad.body
    assert [bad.status, none.status] == [400, 400]


def chat_stream(text, size):
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    return b"".join(chat_delta(content=each) for each in pieces) + chat_delta(finish="stop") + DONE


def response_stream(text, size):
    first = event(
        {"type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0, "delta": text},
        "response.output_text.delta",
    )
    return first + event({"type": "response.completed", "response": response(text)}, "response.completed")


def message_stream(text, size):
    start = {"type": "message_start", "message": message("") | {"content": [], "stop_reason": None}}
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text[at : at + size]}}
        for at in range(0, len(text), size)
    ]
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}
    events = [start, block, *deltas, {"type": "content_block_stop", "index": 0}, end, {"type": "message_stop"}]
    return b"".join(event(each, each["type"]) for each in events)


STREAMS = {"chat": chat_stream, "responses": response_stream, "messages": message_stream}


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("dialect", STREAMS)
async def test_a_stream_waits_until_it_is_judged(tmp_path, dialect, size):
    path, asked, _, headers = DIALECTS[dialect]
    async with guarded(tmp_path, *(streamed(STREAMS[dialect](text, size)) for text in (GOOD, BAD, NONE))) as it:
        good, bad, none = [await it.post(path, asked | {"stream": True}, headers) for _ in range(3)]
    assert good.status == 200
    assert good.body.count(b"event: ") or b"[DONE]" in good.body
    for answer, kind in ((bad, b"json_schema.invalid"), (none, b"json_schema.not_json")):
        assert kind in answer.body
        assert b"s3cret" not in answer.body
        assert b"Sure" not in answer.body


@pytest.mark.parametrize("stream", [False, True])
async def test_what_only_flags_is_counted_and_passes(tmp_path, stream):
    reply = streamed(chat_stream(BAD, 3)) if stream else whole(completion(BAD))
    async with guarded(tmp_path, reply, config=GUARDED) as it:
        answer = await it.post(CHATS, CHAT | {"stream": stream})
        await it.quiet()
        verdicts = [(each["kind"], each["action"], each["count"]) for each in it.outcome().meta["verdicts"]]
    assert answer.status == 200
    assert verdicts == [("json_schema.invalid", "flag", 1)]


@pytest.mark.parametrize(
    ("asked", "reply"),
    [
        ({"response_format": {"type": "text"}}, completion(NONE)),
        ({"response_format": None}, completion(NONE)),
        (
            {},
            completion(
                "",
                content=None,
                tool_calls=[{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            ),
        ),
        ({}, completion("", content=None, refusal="I would rather not.")),
    ],
    ids=["text", "nothing", "a call", "a refusal"],
)
async def test_what_was_asked_for_no_json_or_is_no_answer_passes(tmp_path, asked, reply):
    async with guarded(tmp_path, whole(reply)) as it:
        answer = await it.post(CHATS, CHAT | asked)
    assert answer.json() == reply


async def test_a_stream_without_a_schema_does_not_wait(tmp_path):
    odd = chat_stream(NONE, 3) + b": a comment\n\n"
    async with guarded(tmp_path, streamed(odd)) as it:
        answer = await it.post(CHATS, CHAT | {"response_format": None, "stream": True})
    assert answer.body.startswith(odd[:200])  # byte by byte as it came


async def test_a_schema_that_leads_elsewhere_blocks_and_nothing_is_fetched(tmp_path):
    async with guarded(tmp_path, whole(completion(GOOD))) as it:
        schema = {"$ref": "http://127.0.0.1:9/s.json"}
        asked = {"response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": schema}}}
        answer = await it.post(CHATS, CHAT | asked)
    assert b"json_schema.not_judged" in answer.body


async def test_the_operator_s_own_schema_holds_for_every_answer(tmp_path):
    own = BLOCKING + 'schema = { type = "object", required = ["id"] }\n'
    async with guarded(tmp_path, whole(completion('{"id": 1}')), whole(completion(GOOD)), config=own) as it:
        first, second = [await it.post(CHATS, CHAT) for _ in range(2)]
    assert first.status == 200
    assert b"json_schema.invalid" in second.body


REPAIRING = BLOCKING + "repair = true\n"


@asynccontextmanager
async def repaired(tmp_path, *replies, config=REPAIRING):
    async with (
        WireBackend(answers(*replies)) as backend,
        plane(tmp_path, backend.url, backend.url, config=config) as it,
    ):
        yield backend, it


def turns(request, member="messages"):
    return [(each["role"], each["content"]) for each in json.loads(request.body)[member][-2:]]


@pytest.mark.parametrize(
    ("path", "asked", "made", "member"),
    [
        (CHATS, CHAT, completion, "messages"),
        ("/v1/responses", RESPONSE, response, "input"),
        ("/v1/messages", MESSAGE, message, "messages"),
    ],
)
async def test_a_model_is_told_what_is_wrong_and_asked_once_more(tmp_path, path, asked, made, member):
    headers = ANTHROPIC if path == "/v1/messages" else {}
    async with repaired(tmp_path, whole(made(BAD)), whole(made(GOOD))) as (backend, it):
        answer = await it.post(path, asked, headers)
        assert answer.status == 200
        assert "36" in answer.body.decode()
        assert "s3cret" not in answer.body.decode()
        first, second = backend.requests
        told = turns(second, member)
        assert [role for role, _ in told] == ["assistant", "user"]
        assert told[0][1] == BAD
        assert "/age" in told[1][1]
        assert "s3cret" not in told[1][1]
        assert json.loads(first.body)["model"] == json.loads(second.body)["model"]
        attempts = it.outcome().meta["attempts"]
        assert [(each["kind"], each["result"]) for each in attempts] == [("first", "unfit"), ("repair", "ok")]
        assert not it.outcome().meta.get("verdicts")


async def test_the_second_answer_is_judged_like_any_other_and_there_is_no_third(tmp_path):
    async with repaired(tmp_path, whole(completion(NONE)), whole(completion(BAD)), whole(completion(GOOD))) as (b, it):
        answer = await it.post(CHATS, CHAT)
        assert (answer.status, answer.json()["error"]["code"]) == (400, "guardrail_blocked")
        assert len(b.requests) == 2
        assert turns(b.requests[1])[1][1].startswith("That is not JSON.")


async def test_where_the_backend_fails_then_the_first_answer_is_what_there_is(tmp_path):
    failing = reply(b'{"error": {"message": "no"}}', status="500 Oh")
    async with repaired(tmp_path, whole(completion(BAD)), failing, config=REPAIRING.replace("block", "flag")) as (
        _,
        it,
    ):
        answer = await it.post(CHATS, CHAT)
        assert answer.json()["choices"][0]["message"]["content"] == BAD
        assert [each["kind"] for each in it.outcome().meta["verdicts"]] == ["json_schema.invalid"]
        assert it.worker.gateway.in_force.standings.by_name["one"].in_flight == 0


@pytest.mark.parametrize("config", [BLOCKING, REPAIRING + 'mode = "observe"\n'])
async def test_nobody_is_asked_again_unless_the_operator_wants_it(tmp_path, config):
    async with repaired(tmp_path, whole(completion(BAD)), whole(completion(GOOD)), config=config) as (backend, it):
        await it.post(CHATS, CHAT)
        assert len(backend.requests) == 1


async def test_two_answers_and_streams_are_not_repaired(tmp_path):
    both = completion(BAD)
    both["choices"].append({**both["choices"][0], "index": 1})
    async with repaired(tmp_path, whole(both), whole(both)) as (backend, it):
        assert (await it.post(CHATS, {**CHAT, "n": 2})).status == 400
        assert len(backend.requests) == 1
    said = streamed(chat_delta(content=BAD) + DONE)
    async with repaired(tmp_path / "b", said, said) as (backend, it):
        assert (await it.post(CHATS, {**CHAT, "stream": True})).status == 400
        assert len(backend.requests) == 1


async def test_a_route_whose_budget_for_retries_is_spent_repairs_nothing(tmp_path):
    replies = [whole(completion(BAD))] * 60
    async with repaired(tmp_path, *replies) as (backend, it):
        for _ in range(25):
            await it.post(CHATS, CHAT)
        assert 25 < len(backend.requests) < 45


LIMITED = REPAIRING.replace("[backends.two]", 'max_concurrent = 1\nqueue_wait = "9s"\n[backends.two]', 1)


async def test_a_backend_with_one_place_is_asked_again_at_once(tmp_path):
    async with repaired(tmp_path, whole(completion(BAD)), whole(completion(GOOD)), config=LIMITED) as (_, it):
        async with asyncio.timeout(5):
            assert (await it.post(CHATS, CHAT)).status == 200
        standing = it.worker.gateway.in_force.standings.by_name["one"]
        assert (standing.in_flight, standing.places.in_use) == (0, 0)


@pytest.mark.parametrize("leaves", [True, False], ids=["the caller leaves", "a judge fails"])
async def test_nothing_is_kept_of_what_ends_while_an_answer_is_looked_at(tmp_path, monkeypatch, leaves):
    looked = asyncio.Event()

    async def texts(_reply):
        looked.set()
        if leaves:
            await asyncio.Event().wait()
        raise RuntimeError("a judge failed")

    monkeypatch.setattr("llmgateway.dataplane.repair.texts_so_far", texts)
    async with repaired(tmp_path, whole(completion(BAD)), config=LIMITED) as (_, it):
        caller = await it.connect()
        caller.send("POST", CHATS, json.dumps(CHAT).encode())
        await looked.wait()
        if leaves:
            await caller.leave()
        await it.quiet()
        standing = it.worker.gateway.in_force.standings.by_name["one"]
        assert (standing.in_flight, standing.places.in_use) == (0, 0)
