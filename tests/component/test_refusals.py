"""Refusals as normal answers, on real sockets and with the real SDKs: what they read, what is written down."""

import asyncio
import json
from contextlib import asynccontextmanager

import anthropic
import openai
import pytest
from tests.component.test_guardrails import (
    CHAT,
    GUARDED,
    JSON,
    SSE,
    WORD,
    answer_of,
    delta,
    everything_on_disk,
    stream_of,
    streamed,
    text_in,
)
from tests.component.test_hedging import HEDGED
from tests.support import guardrails
from tests.support.plane import KEY, plane
from tests.support.wire_backend import (
    WireBackend,
    chunk,
    chunked_head,
    expect,
    forever,
    reply,
    send,
    until_closed,
    wait_for,
)

from llmgateway.domain.verdict import Finding
from llmgateway.ports.judge import Judged

WORDS = "I can't help with that."
OTHERS = "Not here."
REFUSING = (
    GUARDED.replace('action = "block"\n', f'action = "block"\nrefusal = "{WORDS}"\n')
    .replace('baseline = ["numbers"]', 'baseline = ["numbers", "house"]')
    .replace('use = "runs"\n', 'use = "runs"\nleast = 6\n')  # versions of an API in headers are shorter
    .replace(
        "[backends.one]",
        f'[guardrails.house]\nuse = "word"\nword = "taboo"\naction = "block"\nrefusal = "{OTHERS}"\n[backends.one]',
        1,
    )
    .replace("[routes.claude.versions.v1]", '[routes.claude]\nguardrails = ["extra"]\n[routes.claude.versions.v1]')
    .replace('[routes."gpt-*".versions.v1]', '[routes."gpt-*"]\nguardrails = ["extra"]\n[routes."gpt-*".versions.v1]')
)
SAYS = f"say the {WORD} thing"
MESSAGES = [{"role": "user", "content": SAYS}]


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    guardrails.install(monkeypatch)


@asynccontextmanager
async def refusing(tmp_path, *scripts, config=REFUSING):
    async with WireBackend(*scripts) as backend, plane(tmp_path, backend.url, config=config) as running:
        yield backend, running


def openai_of(running) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"http://127.0.0.1:{running.port}/v1", api_key=KEY, max_retries=0, timeout=10)


def anthropic_of(running) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=f"http://127.0.0.1:{running.port}", api_key=KEY, max_retries=0, timeout=10)


async def beside(work, client):
    """What the SDK that blocks makes of it, in a thread."""

    def run():
        with client:
            return work(client)

    return await asyncio.to_thread(run)


async def once_released(it, work, client, *more: asyncio.Event):
    """The same of streams whose beginning is with their caller before the rest comes."""
    backend, running = it
    working = asyncio.create_task(beside(work, client))
    async with asyncio.timeout(10):
        for asked, rest in enumerate(more, 1):
            while len(backend.requests) < asked or not any(running.worker.gateway.gauges.open_streams.values()):
                await asyncio.sleep(0.001)
            rest.set()
        return await working


def read_chat_stream(client, **more):
    texts: dict[int, str] = {}
    reasons, usage = {}, None
    for each in client.chat.completions.create(model="assistant", messages=MESSAGES, stream=True, **more):
        usage = each.usage or usage
        for choice in each.choices:
            texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
            reasons[choice.index] = choice.finish_reason or reasons.get(choice.index)
    return texts, reasons, usage


def read_messages(client, messages=()):
    with client.messages.stream(model="claude", max_tokens=9, messages=list(messages)) as stream:
        kinds = [event.type for event in stream]
        return kinds, stream.get_final_message()


def read_response_stream(client, **more):
    with client.responses.stream(model="gpt-4", input=SAYS, **more) as stream:
        return list(stream)


# ── blocked in the request


async def test_a_blocked_prompt_is_answered_in_the_operator_s_words(tmp_path):
    async with refusing(tmp_path) as (backend, running):
        answer = await running.post("/v1/chat/completions", {**CHAT, "messages": MESSAGES, "n": 2})
        assert answer.status == 200
        assert answer.headers["x-llmgateway-guardrail"] == "blocked"
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-request-id"] == answer.json()["id"].removeprefix("chatcmpl-")
        assert [choice["message"]["content"] for choice in answer.json()["choices"]] == [WORDS, WORDS]
        assert backend.requests == []
        (record,) = running.of_kind("refused")
        told = {name: record.meta[name] for name in ("status", "end", "error_code", "phase", "finish_reason")}
        assert told == {
            "status": 200,
            "end": "refused",
            "error_code": "guardrail_blocked",
            "phase": "guard_request",
            "finish_reason": "content_filter",
        }
        assert [(each["guardrail"], each["action"]) for each in record.meta["verdicts"]] == [("extra", "block")]
        assert record.blobs["reply"] == answer.body
        assert WORD.encode() not in everything_on_disk(tmp_path)


async def test_the_connection_goes_on_after_a_refusal(tmp_path):
    async with refusing(tmp_path, [forever(expect(), send(answer_of("hello")))]) as (_, running):
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", json.dumps({**CHAT, "messages": MESSAGES}).encode())
        assert (await caller.receive()).status == 200
        caller.wire.start_next_cycle()
        caller.send("POST", "/v1/chat/completions", json.dumps(CHAT).encode())
        assert (await caller.receive()).json()["choices"][0]["message"]["content"] == "hello"


async def test_the_words_are_those_of_the_guardrail_that_blocked(tmp_path):
    async with refusing(tmp_path) as (_, running):
        for text, words in ((SAYS, WORDS), ("taboo", OTHERS), (f"taboo {WORD}", OTHERS)):
            body = {**CHAT, "messages": [{"role": "user", "content": text}]}
            answer = await running.post("/v1/chat/completions", body)
            assert answer.json()["choices"][0]["message"]["content"] == words
        embedded = await running.post("/v1/completions", {"model": "gpt-4", "prompt": ["taboo", "fine"]})
        assert [choice["text"] for choice in embedded.json()["choices"]] == [OTHERS, OTHERS]


async def test_without_words_of_its_own_a_guardrail_still_refuses_with_an_error(tmp_path):
    config = REFUSING.replace(f'refusal = "{WORDS}"\n', "")
    async with refusing(tmp_path, config=config) as (_, running):
        answer = await running.post("/v1/chat/completions", {**CHAT, "messages": MESSAGES})
        assert (answer.status, answer.json()["error"]["code"]) == (400, "guardrail_blocked")
        assert "x-llmgateway-guardrail" not in answer.headers


async def test_a_query_is_refused_in_the_words_of_the_one_that_blocks(tmp_path):
    async with refusing(tmp_path) as (backend, running):
        answer = await running.post(f"/v1/chat/completions?a=5551234&b={WORD}", {**CHAT, "messages": []})
        assert (answer.status, answer.json()["choices"][0]["message"]["content"]) == (200, WORDS)
        only_redacts = await running.post("/v1/chat/completions?a=5551234", {**CHAT, "messages": []})
        assert only_redacts.status == 400
        assert backend.requests == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"model": "assistant", "input": WORD}),
        ("/v1/moderations", {"model": "assistant", "input": WORD}),
        ("/v1/images/generations", {"model": "assistant", "prompt": WORD}),
        ("/v1/audio/speech", {"model": "assistant", "input": WORD}),
        ("/v1/messages/count_tokens", {"model": "claude", "messages": MESSAGES}),
        (f"/v1/chat/completions/c1?x={WORD}", None),
    ],
)
async def test_where_there_are_no_words_an_error_is_told(tmp_path, path, body):
    async with refusing(tmp_path) as (_, running):
        answer = await (running.post(path, body) if body else running.ask("GET", path))
        assert answer.status == 400
        assert "guardrail_blocked" in answer.body.decode()


async def test_openai_s_sdk_reads_each_refusal_whole(tmp_path):
    async with refusing(tmp_path) as (backend, running):
        client = openai_of(running)

        def work(client):
            return (
                client.chat.completions.create(model="assistant", messages=MESSAGES),
                client.completions.create(model="assistant", prompt=SAYS),
                client.responses.create(model="assistant", input=SAYS),
            )

        chat, completion, response = await beside(work, client)
        (choice,) = chat.choices
        assert (choice.message.content, choice.message.refusal, choice.finish_reason) == (WORDS, None, "content_filter")
        assert (chat.model, chat.object, chat.usage.total_tokens) == ("assistant", "chat.completion", 0)
        assert [(each.text, each.finish_reason) for each in completion.choices] == [(WORDS, "content_filter")]
        assert (response.output_text, response.status) == (WORDS, "incomplete")
        assert response.incomplete_details.reason == "content_filter"
        assert response.usage.total_tokens == 0
        type(chat).model_validate(chat.model_dump(), strict=True)
        type(completion).model_validate(completion.model_dump(), strict=True)
        type(response).model_validate(response.model_dump())
        assert backend.requests == []


async def test_openai_s_sdk_reads_each_refusal_as_a_stream(tmp_path):
    async with refusing(tmp_path) as (_, running):

        def work(client):
            bare = read_chat_stream(client)
            counted = read_chat_stream(client, n=2, stream_options={"include_usage": True})
            with client.chat.completions.stream(model="assistant", messages=MESSAGES) as stream:
                kinds = [event.type for event in stream]
            texts = [each.choices[0].text for each in client.completions.create(
                model="assistant", prompt=SAYS, stream=True)]  # fmt: skip
            return bare, counted, kinds, "".join(texts), read_response_stream(client)

        bare, counted, kinds, text, events = await beside(work, openai_of(running))
        assert bare == ({0: WORDS}, {0: "content_filter"}, None)
        assert counted[:2] == ({0: WORDS, 1: WORDS}, dict.fromkeys((0, 1), "content_filter"))
        assert counted[2].total_tokens == 0
        assert kinds[-1] == "content.done"
        assert text == WORDS
        assert [event.type for event in events] == [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.incomplete",
        ]
        assert events[-1].response.output_text == WORDS
        await running.quiet()
        stored = [json.loads(record.blobs["reply"]) for record in running.of_kind("refused")]
        assert [each["object"] for each in stored] == [*["chat.completion"] * 3, "text_completion", "response"]


async def test_anthropic_s_sdk_reads_a_refusal_whole_and_as_a_stream(tmp_path):
    async with refusing(tmp_path) as (_, running):

        def work(client):
            return client.messages.create(model="claude", max_tokens=9, messages=MESSAGES), read_messages(
                client, MESSAGES
            )

        whole, (kinds, streamed_) = await beside(work, anthropic_of(running))
        for message in (whole, streamed_):
            assert [block.text for block in message.content] == [WORDS]
            assert (message.stop_reason, message.model, message.usage.output_tokens) == ("refusal", "claude", 0)
        type(whole).model_validate(whole.model_dump(), strict=True)
        assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")


# ── blocked in a whole reply


async def test_a_blocked_answer_is_replaced_and_what_is_stored_is_what_was_given(tmp_path):
    async with refusing(tmp_path, [forever(expect(), send(answer_of(f"so {WORD} 5551234")))]) as (backend, running):
        answer = await running.post("/v1/chat/completions", {**CHAT, "messages": []})
        assert (answer.status, answer.headers["x-llmgateway-guardrail"]) == (200, "blocked")
        assert answer.json()["choices"][0]["message"]["content"] == WORDS
        assert len(backend.requests) == 1
        record = running.outcome()
        assert (record.meta["status"], record.meta["end"]) == (200, "refused")
        assert (record.meta["error_code"], record.meta["finish_reason"]) == ("guardrail_blocked", "content_filter")
        assert record.meta["input_tokens"] == 1
        assert [each["guardrail"] for each in record.meta["verdicts"] if each["stage"] == "reply"] != []
        assert record.blobs["reply"] == answer.body
        assert WORD.encode() not in everything_on_disk(tmp_path)


async def test_a_stream_that_begins_with_what_is_forbidden_is_a_whole_refusal(tmp_path):
    async with refusing(tmp_path, streamed(stream_of(WORD, " fruit"))) as (_, running):
        answer = await running.post("/v1/chat/completions", {**CHAT, "stream": True, "messages": []})
        assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
        assert text_in(answer.body) == WORDS
        assert answer.body.endswith(b"data: [DONE]\n\n")
        assert json.loads(running.outcome().blobs["reply"])["choices"][0]["message"]["content"] == WORDS


async def test_hedged_attempts_that_are_blocked_end_in_one_refusal(tmp_path):
    bad = forever(expect(), send(answer_of(f"so {WORD}")))
    before, behind = REFUSING.index("[routes.assistant]"), REFUSING.index("[routes.resilient]")
    config = (
        REFUSING[:before]
        + HEDGED.replace('"60ms"', '"5ms"').replace(
            "[routes.assistant]\n", '[routes.assistant]\nguardrails = ["extra"]\n', 1
        )
        + REFUSING[behind:]
    )
    async with WireBackend([bad]) as one, WireBackend([bad]) as two, plane(tmp_path, one.url, two.url, config) as it:
        answer = await it.post("/v1/chat/completions", {**CHAT, "messages": []})
        assert (answer.status, answer.json()["choices"][0]["message"]["content"]) == (200, WORDS)
        assert it.outcome().meta["error_code"] == "guardrail_blocked"


async def test_a_fallback_s_answer_is_refused_as_any(tmp_path):
    config = REFUSING.replace('fallback = ["v2"]\n', 'fallback = ["v2"]\nguardrails = ["extra"]\n')
    failing = forever(expect(), send(reply(b"{}", status="500 Internal Server Error", headers=JSON)))
    bad = forever(expect(), send(answer_of(f"so {WORD}")))
    async with (
        WireBackend([failing]) as one,
        WireBackend([bad]) as two,
        plane(tmp_path, one.url, two.url, config) as it,
    ):
        answer = await it.post("/v1/chat/completions", {**CHAT, "model": "resilient", "messages": []})
        assert (answer.status, answer.json()["choices"][0]["message"]["content"]) == (200, WORDS)
        assert it.outcome().meta["served_version"] == "v2"


# ── blocked in the middle of a stream


def sse(*events: dict) -> bytes:
    return b"".join(
        (f"event: {event['type']}\n" if "type" in event else "").encode()
        + b"data: "
        + json.dumps(event).encode()
        + b"\n\n"
        for event in events
    )


def in_two(first: bytes, second: bytes, more: asyncio.Event) -> list:
    return [expect(), send(chunked_head(SSE) + chunk(first)), wait_for(more), send(chunk(second)), until_closed()]


async def cut_off(running, path, body, first: bytes, more: asyncio.Event):
    """What comes after the beginning has gone on, and the rest has come."""
    caller = await running.connect()
    caller.send("POST", path, json.dumps({**body, "stream": True}).encode())
    begun = await caller.receive(until=first)
    more.set()
    answer = await caller.receive()
    return caller, begun, answer


async def test_a_stream_that_has_begun_ends_well_without_a_byte_of_it(tmp_path):
    more = asyncio.Event()
    second = delta("fine ") + delta("for") + delta("bid") + delta("den fruit") + delta("and more")
    async with refusing(tmp_path, in_two(delta("well "), second, more)) as (backend, running):
        caller, begun, answer = await cut_off(
            running, "/v1/chat/completions", {**CHAT, "messages": []}, delta("well "), more
        )
        assert text_in(begun.body + answer.body) == f"well fine \n\n{WORDS}"
        assert answer.body.endswith(b"data: [DONE]\n\n")
        assert answer.is_whole
        await backend.until(lambda: backend.connections[0].left_at is not None)  # cut off at once: it never ended
        record = running.outcome()
        told = {name: record.meta[name] for name in ("status", "end", "error_code", "finish_reason")}
        assert told == {
            "status": 200,
            "end": "refused",
            "error_code": "guardrail_blocked",
            "finish_reason": "content_filter",
        }
        assert record.meta["output_tokens"] > 0  # as far as anybody knows
        assert [(each["guardrail"], each["stage"]) for each in record.meta["verdicts"]] == [("extra", "reply")]
        stored = json.loads(record.blobs["reply"])["choices"][0]
        assert (stored["message"]["content"], stored["finish_reason"]) == (f"well fine \n\n{WORDS}", "content_filter")
        assert WORD.encode() not in everything_on_disk(tmp_path)
        caller.wire.start_next_cycle()
        caller.send("GET", "/v1/models")
        assert (await caller.receive()).status == 200


async def test_what_came_before_in_the_same_piece_is_given_where_an_error_follows_too(tmp_path):
    more = asyncio.Event()
    second = delta("fine ") + delta(WORD)
    config = REFUSING.replace(f'refusal = "{WORDS}"\n', "")
    async with refusing(tmp_path, in_two(delta("well "), second, more), config=config) as (_, running):
        _, begun, answer = await cut_off(
            running, "/v1/chat/completions", {**CHAT, "messages": []}, delta("well "), more
        )
        assert text_in(begun.body + answer.body) == "well fine "
        assert b'"guardrail_blocked"' in answer.body
        assert not answer.is_whole
        await running.quiet()
        stored = json.loads(running.outcome().blobs["reply"])
        assert stored["choices"][0]["message"]["content"] == "well fine "


def piece(index: int, finish=None, **parts) -> dict:
    choice = {"index": index, "delta": parts, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
CHATS = {
    "choices": (
        [piece(0, role="assistant", content="a "), piece(1, role="assistant", content="b ")],
        [piece(1, content="forbid"), piece(0, content="c"), piece(1, content="den"), piece(0, content="never")],
        {0: "a c", 1: f"b \n\n{WORDS}"},
    ),
    "arguments": (
        [piece(0, role="assistant", content=None, tool_calls=[CALL])],
        [
            piece(0, tool_calls=[{"index": 0, "function": {"arguments": '{"a": "x'}}]),
            piece(0, tool_calls=[{"index": 0, "function": {"arguments": ' forb\\u0069dden"}'}}]),
        ],
        {0: WORDS},
    ),
    "reasoning": (
        [piece(0, role="assistant", reasoning_content="hm ")],
        [piece(0, reasoning_content="forbidden")],
        {0: WORDS},
    ),
    "ended choice": (
        [piece(0, role="assistant", content="a"), piece(1, role="assistant", content="b"), piece(0, "stop")],
        [piece(1, content=WORD)],
        {0: "a", 1: f"b\n\n{WORDS}"},
    ),
}


@pytest.mark.parametrize("name", CHATS)
async def test_openai_s_sdk_finds_a_clean_end_in_chat_streams(tmp_path, name):
    first, second, expected = CHATS[name]
    more = [asyncio.Event(), asyncio.Event()]
    async with refusing(tmp_path, *(in_two(sse(*first), sse(*second), each) for each in more)) as it:

        def work(client):
            raw = list(client.chat.completions.create(model="assistant", messages=[], stream=True))
            with client.chat.completions.stream(model="assistant", messages=[]) as stream:
                for _ in stream:
                    pass
                return raw, stream.current_completion_snapshot

        raw, snapshot = await once_released(it, work, openai_of(it[1]), *more)
        said: dict[int, str] = {}
        for each in raw:
            for choice in each.choices:
                said[choice.index] = said.get(choice.index, "") + (choice.delta.content or "")
        assert said == expected
        for choice in snapshot.choices:
            is_ended = name == "ended choice" and choice.index == 0
            assert choice.finish_reason == ("stop" if is_ended else "content_filter")
            assert (choice.message.content or "") == expected[choice.index]
        assert all(each.id == "c1" for each in raw)
        assert WORD.encode() not in everything_on_disk(tmp_path)


START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-upstream",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 3},
    },
}


def block(index: int, **start) -> dict:
    return {"type": "content_block_start", "index": index, "content_block": start}


def grown(index: int, **grows) -> dict:
    return {"type": "content_block_delta", "index": index, "delta": grows}


TEXT = {"type": "text", "text": ""}
MESSAGE_STREAMS = {
    "text": (
        [block(0, **TEXT), grown(0, type="text_delta", text="well ")],
        [grown(0, type="text_delta", text="for"), grown(0, type="text_delta", text="bidden")],
        [f"well \n\n{WORDS}"],
    ),
    "thinking": (
        [block(0, type="thinking", thinking="", signature=""), grown(0, type="thinking_delta", thinking="hm ")],
        [grown(0, type="thinking_delta", thinking=WORD)],
        [None, WORDS],
    ),
    "arguments": (
        [
            block(0, **TEXT),
            grown(0, type="text_delta", text="I look"),
            {"type": "content_block_stop", "index": 0},
            block(1, type="tool_use", id="toolu_1", name="f", input={}),
            grown(1, type="input_json_delta", partial_json='{"a": "x"'),
        ],
        [grown(1, type="input_json_delta", partial_json=f', "b": "{WORD}"')],
        ["I look", None, WORDS],
    ),
    "name of a tool": (
        [block(0, **TEXT), grown(0, type="text_delta", text="I look")],
        [{"type": "content_block_stop", "index": 0}, block(1, type="tool_use", id="t", name=WORD, input={})],
        ["I look", WORDS],
    ),
}


@pytest.mark.parametrize("name", MESSAGE_STREAMS)
async def test_anthropic_s_sdk_finds_a_clean_end(tmp_path, name):
    first, second, expected = MESSAGE_STREAMS[name]
    more = asyncio.Event()
    script = in_two(sse(START, *first), sse(*second), more)
    async with refusing(tmp_path, script) as (backend, running):
        kinds, message = await once_released((backend, running), read_messages, anthropic_of(running), more)
        assert [getattr(each, "text", None) for each in message.content] == expected
        assert (message.id, message.stop_reason) == ("msg_1", "refusal")
        assert (message.usage.input_tokens, message.usage.output_tokens) == (7, 3)
        assert kinds[-1] == "message_stop"
        assert kinds.count("content_block_start") == kinds.count("content_block_stop") == len(expected)
        await running.quiet()
        record = running.outcome()
        stored = json.loads(record.blobs["reply"])
        assert [each.get("text") for each in stored["content"]] == expected
        assert (record.meta["input_tokens"], record.meta["output_tokens"]) == (7, 3)
        assert record.meta["finish_reason"] == stored["stop_reason"] == "refusal"
        assert WORD.encode() not in everything_on_disk(tmp_path)


RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "m",
    "status": "in_progress",
    "output": [],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": None,
}
SPEAKING = [
    {"type": "response.output_item.added", "output_index": 0,
     "item": {"id": "m0", "type": "message", "role": "assistant", "status": "in_progress", "content": []}},
    {"type": "response.content_part.added", "item_id": "m0", "output_index": 0, "content_index": 0,
     "part": {"type": "output_text", "text": "", "annotations": []}},
]  # fmt: skip
THINKING = [
    {"type": "response.output_item.added", "output_index": 0, "item": {"id": "r0", "type": "reasoning", "summary": []}},
    {"type": "response.reasoning_summary_part.added", "item_id": "r0", "output_index": 0, "summary_index": 0,
     "part": {"type": "summary_text", "text": ""}},
]  # fmt: skip
CALLING = {"type": "response.output_item.added", "output_index": 0,
           "item": {"id": "f0", "type": "function_call", "call_id": "c0", "name": "f", "arguments": ""}}  # fmt: skip


def spoken(text: str) -> dict:
    where = {"item_id": "m0", "output_index": 0, "content_index": 0}
    return {"type": "response.output_text.delta", **where, "delta": text}


def thought(text: str) -> dict:
    where = {"item_id": "r0", "output_index": 0, "summary_index": 0}
    return {"type": "response.reasoning_summary_text.delta", **where, "delta": text}


def called(text: str) -> dict:
    return {"type": "response.function_call_arguments.delta", "item_id": "f0", "output_index": 0, "delta": text}


RESPONSE_STREAMS = {
    "text": ([*SPEAKING, spoken("well ")], [spoken("forbid"), spoken("den")], f"well \n\n{WORDS}"),
    "summary": ([*THINKING, thought("hm ")], [thought(WORD)], WORDS),
    "arguments": ([CALLING, called('{"a": ')], [called(f'"{WORD}"')], WORDS),
}


@pytest.mark.parametrize("name", RESPONSE_STREAMS)
async def test_openai_s_sdk_finds_a_clean_end_in_responses(tmp_path, name):
    first, second, expected = RESPONSE_STREAMS[name]
    events = [{"type": "response.created", "response": RESPONSE}, *first, *second]
    numbered = [{**event, "sequence_number": number} for number, event in enumerate(events)]
    begun, more = len(first) + 1, asyncio.Event()
    async with refusing(tmp_path, in_two(sse(*numbered[:begun]), sse(*numbered[begun:]), more)) as (backend, running):

        def work(client):
            with client.responses.stream(model="gpt-4", input="x") as stream:
                return list(stream)

        seen = await once_released((backend, running), work, openai_of(running), more)
        last = seen[-1]
        assert (last.type, last.response.id, last.response.status) == ("response.incomplete", "resp_1", "incomplete")
        assert last.response.incomplete_details.reason == "content_filter"
        assert last.response.output_text == expected
        type(last.response).model_validate(last.response.model_dump())
        kinds = [event.type for event in seen]
        assert kinds.count("response.output_item.added") == kinds.count("response.output_item.done")
        assert [event.sequence_number for event in seen] == list(range(len(seen)))
        await running.quiet()
        stored = json.loads(running.outcome().blobs["reply"])
        assert stored["output"][-1]["content"][0]["text"] == expected
        assert WORD.encode() not in everything_on_disk(tmp_path)


async def test_usage_that_was_seen_is_told_to_whoever_asked_for_it(tmp_path):
    first = {**piece(0, content="well "), "usage": {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}}
    second = {**piece(0, content=WORD), "usage": None}
    more = asyncio.Event()
    async with refusing(tmp_path, in_two(sse(first), sse(second), more)) as (_, running):
        _, begun, answer = await cut_off(running, "/v1/chat/completions", {**CHAT, "messages": []}, sse(first), more)
        chunks = [json.loads(line[6:]) for line in (begun.body + answer.body).decode().splitlines() if "{" in line]
        assert (chunks[-1]["choices"], chunks[-1]["usage"]["total_tokens"]) == ([], 6)
        assert all(each["usage"] is None for each in chunks[1:-1])
        await running.quiet()
        record = running.outcome()
        assert (record.meta["input_tokens"], record.meta["output_tokens"]) == (4, 2)


async def test_values_that_come_back_are_in_what_ends_a_stream_but_not_in_the_log(tmp_path):
    config = REFUSING.replace('use = "runs"\n', 'use = "runs"\nstages = ["request"]\nrestore = true\n')
    events = [{"type": "response.created", "response": RESPONSE}, *SPEAKING, spoken("I rang <NUMBER_1> "), spoken(WORD)]
    numbered = [{**event, "sequence_number": number} for number, event in enumerate(events)]
    more = asyncio.Event()
    script = in_two(sse(*numbered[:-1]), sse(numbered[-1]), more)
    async with refusing(tmp_path, script, config=config) as (backend, running):

        def work(client):
            with client.responses.stream(model="gpt-4", input="call 5551234 now") as stream:
                return list(stream)

        seen = await once_released((backend, running), work, openai_of(running), more)
        assert seen[-1].response.output_text == f"I rang 5551234 \n\n{WORDS}"
        (done,) = [event for event in seen if event.type == "response.output_text.done"]
        assert done.text == f"I rang 5551234 \n\n{WORDS}"
        await running.quiet()
        stored = json.loads(running.outcome().blobs["reply"])
        assert stored["output"][0]["content"][0]["text"] == f"I rang <NUMBER_1> \n\n{WORDS}"
        assert b"5551234" not in everything_on_disk(tmp_path)


async def test_a_text_that_waited_in_a_silence_ends_the_stream_well(tmp_path):
    script = [expect(), send(chunked_head(SSE) + chunk(delta("well ")) + chunk(delta("for"))), until_closed()]
    config = REFUSING.replace('word = "forbidden"', 'word = "for"').replace(
        'use = "runs"\n', 'use = "runs"\nalphabet = "for"\n'
    )
    async with refusing(tmp_path, script, config=config) as (_, running):
        answer = await running.post("/v1/chat/completions", {**CHAT, "stream": True, "messages": []})
        assert text_in(answer.body) == f"well \n\n{WORDS}"
        assert answer.is_whole


async def test_a_stream_that_makes_no_sense_to_its_ending_ends_with_an_error(tmp_path):
    odd = {"id": "c1", "choices": [{"index": "first", "delta": {}}]}
    more = asyncio.Event()
    first = delta("well ")
    async with refusing(tmp_path, in_two(first, sse(odd) + delta(WORD), more)) as (_, running):
        _, _, answer = await cut_off(running, "/v1/chat/completions", {**CHAT, "messages": []}, first, more)
        assert b'"guardrail_blocked"' in answer.body
        assert not answer.is_whole


async def test_a_stream_of_which_only_the_head_has_gone_on_is_answered_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("llmgateway.dataplane.guardedreply.HOLD_S", 0.05)
    more = asyncio.Event()
    script = [expect(), send(chunked_head(SSE)), wait_for(more), send(chunk(delta(WORD))), until_closed()]
    async with refusing(tmp_path, script) as (_, running):
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", json.dumps({**CHAT, "messages": [], "stream": True}).encode())
        async with asyncio.timeout(10):
            while not running.worker.gateway.gauges.open_streams["assistant"]:
                await asyncio.sleep(0.01)
        more.set()
        answer = await caller.receive()
        assert text_in(answer.body) == WORDS
        assert answer.is_whole
        await running.quiet()
        record = running.outcome()
        assert record.meta["finish_reason"] == "content_filter"
        assert json.loads(record.blobs["reply"])["choices"][0]["message"]["content"] == WORDS


LOUD = f"""[guardrails.loud]
use = "shouting"
source = "assistant"
stages = ["reply"]
action = "block"
refusal = "{OTHERS}"
[backends.one]"""
JUDGED = REFUSING.replace("[backends.one]", LOUD, 1).replace('"house"]', '"house", "loud"]')


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_judge_of_replies_has_words_too_before_anything_has_gone_on(tmp_path, is_stream):
    script = streamed(stream_of("WHAT ", "IS THIS")) if is_stream else [expect(), send(answer_of("WHAT IS THIS"))]
    async with refusing(tmp_path, script, config=JUDGED) as (_, running):
        answer = await running.post("/v1/chat/completions", {**CHAT, "stream": is_stream, "messages": []})
        assert (answer.status, answer.headers["x-llmgateway-guardrail"]) == (200, "blocked")
        said = text_in(answer.body) if is_stream else answer.json()["choices"][0]["message"]["content"]
        assert said == OTHERS
        await running.quiet()
        record = running.outcome()
        assert (record.meta["error_code"], record.meta["finish_reason"]) == ("guardrail_blocked", "content_filter")
        assert json.loads(record.blobs["reply"])["choices"][0]["message"]["content"] == OTHERS


async def test_a_judge_that_blocks_when_a_part_has_gone_on_ends_the_stream_with_an_error(tmp_path, monkeypatch):
    def judge(_, pieces):
        return [
            Judged(at, Finding(0, 1, "shouting.loud", 0.9)) for at, each in enumerate(pieces) if "LOUD" in each.text
        ]

    monkeypatch.setattr(guardrails.Shouting, "judge", judge)
    monkeypatch.setattr(guardrails.Shouting, "is_windowed", True, raising=False)
    monkeypatch.setattr("llmgateway.dataplane.gate.WINDOW", 4)
    more = asyncio.Event()
    first = delta("quiet words ")
    async with refusing(tmp_path, in_two(first, delta("so LOUD") + delta(" here"), more), config=JUDGED) as (
        _,
        running,
    ):
        _, begun, answer = await cut_off(running, "/v1/chat/completions", {**CHAT, "messages": []}, first, more)
        assert text_in(begun.body) == "quiet words "
        assert text_in(answer.body) == ""  # nothing of what waited for the judge
        assert b"LOUD" not in answer.body
        assert b'"guardrail_blocked"' in answer.body
        assert not answer.is_whole
