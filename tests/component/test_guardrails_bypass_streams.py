"""Ways to bring a forbidden text to a caller inside a stream, in spite of a route's guardrails: none may work."""

import asyncio
import json

import pytest
from tests.support import guardrails
from tests.support.bypass import (
    CHAT,
    DONE,
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
    finish,
    reset,
    send,
    send_bytewise,
    send_split,
    until_closed,
    wait_for,
)

from llmgateway.wire.jsontexts import unescaped

STREAM = {**CHAT, "stream": True}
CLAUDE = {**CHAT, "model": "claude", "max_tokens": 9}
END = chat_delta(finish="stop") + DONE


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    guardrails.install(monkeypatch)


def number_or(text):
    return int(text) if text.isdigit() else text


def cut(text, make):
    return make(text[:2]) + make(text[2:5]) + make(text[5:])


STREAMS = {
    "content": lambda text: cut(text, lambda piece: chat_delta(content=piece)) + END,
    "reasoning": lambda text: cut(text, lambda piece: chat_delta(reasoning=piece)) + END,
    "reasoning_content": lambda text: cut(text, lambda piece: chat_delta(reasoning_content=piece)) + END,
    "refusal": lambda text: cut(text, lambda piece: chat_delta(refusal=piece)) + END,
    "reasoning_details": lambda text: cut(text, lambda piece: chat_delta(reasoning_details=[{"text": piece}])) + END,
    "parts": lambda text: cut(text, lambda piece: chat_delta(content=[{"type": "text", "text": piece}])) + END,
    "transcript": lambda text: cut(text, lambda piece: chat_delta(audio={"transcript": piece})) + END,
    "unknown_member": lambda text: cut(text, lambda piece: chat_delta(more={"deep": piece})) + END,
    "answer_in_json": lambda text: cut(f'{{"a": "{escaped(text)}"}}', lambda piece: chat_delta(content=piece)) + END,
    "json_in_a_string": lambda text: (
        cut(json.dumps(f'{{"a": "{escaped(text)}"}}'), lambda piece: chat_delta(content=piece)) + END
    ),
    "json_in_arguments": lambda text: (
        cut(
            json.dumps({"a": f'{{"b": "{escaped(text)}"}}'}),
            lambda piece: chat_delta(tool_calls=[{"index": 0, "function": {"arguments": piece}}]),
        )
        + END
    ),
    "message_in_pieces": lambda text: (
        cut(
            text,
            lambda piece: event({"choices": [{"index": 0, "delta": {"content": "a"}, "message": {"content": piece}}]}),
        )
        + END
    ),
    "legacy_call": lambda text: cut(text, lambda piece: chat_delta(function_call={"arguments": piece})) + END,
    "call": lambda text: (
        cut(text, lambda piece: chat_delta(tool_calls=[{"index": 0, "function": {"arguments": piece}}])) + END
    ),
    "call_without_index": lambda text: (
        cut(text, lambda piece: chat_delta(tool_calls=[{"function": {"arguments": piece}}])) + END
    ),
    "custom_call": lambda text: (
        cut(text, lambda piece: chat_delta(tool_calls=[{"index": 0, "custom": {"input": piece}}])) + END
    ),
    "name_of_a_call": lambda text: (
        cut(text, lambda piece: chat_delta(tool_calls=[{"index": 0, "function": {"name": text, "arguments": ""}}]))
        + END
    ),
    "without_done": lambda text: cut(text, lambda piece: chat_delta(content=piece)) + chat_delta(finish="stop"),
    "without_an_end": lambda text: cut(text, lambda piece: chat_delta(content=piece)),
    "with_the_end": lambda text: chat_delta(content=text[:4]) + chat_delta(content=text[4:], finish="stop") + DONE,
    "with_the_role": lambda text: cut(text, lambda piece: chat_delta(role="assistant", content=piece)) + END,
    "choices_interleaved": lambda text: (
        b"".join(chat_delta(index, content=each) for each in text for index in (0, 1)) + END
    ),
    "reasoning_interleaved": lambda text: b"".join(chat_delta(content=each, reasoning=each) for each in text) + END,
    "reasoning_by_turns": lambda text: (
        b"".join(chat_delta(content=each) + chat_delta(reasoning_content="a") for each in text) + END
    ),
    "calls_interleaved": lambda text: (
        b"".join(
            chat_delta(tool_calls=[{"index": index, "function": {"arguments": each}}])
            for each in text
            for index in (0, 1)
        )
        + END
    ),
    "calls_in_one_event": lambda text: (
        b"".join(
            chat_delta(tool_calls=[{"index": index, "function": {"arguments": each}} for index in (0, 1)])
            for each in text
        )
        + END
    ),
    "error_event": lambda text: chat_delta(content="a") + event({"error": {"message": text}}) + END,
    "behind_the_end": lambda text: chat_delta(content="a") + END + cut(text, lambda piece: chat_delta(content=piece)),
    "an_end_in_each": lambda text: b"".join(chat_delta(content=each, finish="stop") for each in text) + DONE,
    "ends_between": lambda text: cut(text, lambda piece: chat_delta(content=piece) + chat_delta(finish="stop")) + DONE,
    "done_between": lambda text: cut(text, lambda piece: chat_delta(content=piece) + DONE),
    "calls_between": lambda text: (
        cut(text, lambda piece: chat_delta(tool_calls=[{"index": 0, "function": {"arguments": piece}}], finish="stop"))
        + END
    ),
    "no_json": lambda text: chat_delta(content="a") + event(text.encode()) + END,
    "no_object": lambda text: cut(text, lambda piece: event([piece])) + END,
    "comments": lambda text: f": {text}\nid: {text}\nretry: {text}\n".encode() + chat_delta(content="a") + END,
    "name_of_an_event": lambda text: event({"choices": []}, text) + chat_delta(content="a") + END,
    "duplicate_keys": lambda text: (
        event(f'{{"id":"a","choices":[{{"index":0,"delta":{{"content":"{text}","content":"a"}}}}]}}'.encode()) + END
    ),
    "duplicate_roles": lambda text: (
        event(f'{{"id":"a","choices":[{{"index":0,"delta":{{"role":"{text}","role":"assistant"}}}}]}}'.encode())
        + chat_delta(content="a")
        + END
    ),
    "nan": lambda text: cut(text, lambda piece: chat_delta(content=piece).replace(b'"id"', b'"x": NaN, "id"')) + END,
    "logprobs": lambda text: (
        event({"choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": {"content": [{"token": text}]}}]}) + END
    ),
}


def contents(body):
    """All that is said in any member of a stream's events, put together by where it stands."""
    found = {}

    def walk(value, where):
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(inner, (*where, name, inner.get("index") if isinstance(inner, dict) else None))
        elif isinstance(value, list):
            for at, inner in enumerate(value):
                walk(inner, (*where, inner.get("index", at) if isinstance(inner, dict) else at))
        elif isinstance(value, str):
            found[where] = found.get(where, "") + value

    for each in body.decode().split("\n\n"):
        data = "\n".join(line[6:] for line in each.split("\n") if line.startswith("data: "))
        if data and data != "[DONE]":
            walk(json.loads(data), ())
    return list(found.values())


@pytest.mark.parametrize("way", STREAMS)
async def test_a_stream_by(tmp_path, way):
    for answer in await got(tmp_path, lambda text: streamed(STREAMS[way](text)), STREAM):
        read = [text for each in contents(answer.body) for text in (each, unescaped(each))]
        assert not [each for each in read if NUMBER in each or WORD in each]


def told(name, value):
    """A chunk of known form in which the backend says something of itself."""
    chunk = {"id": "a", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]}
    where = {"finish_reason": chunk["choices"][0], "role": chunk["choices"][0]["delta"]}
    where.get(name, chunk)[name] = value
    return event(chunk)


OF_ITSELF = [
    "id",
    "model",
    "system_fingerprint",
    "service_tier",
    "object",
    "obfuscation",
    "finish_reason",
    "role",
    "usage",
]


@pytest.mark.parametrize("before", [0, 1, 3], ids=["first", "second", "late"])
@pytest.mark.parametrize("name", OF_ITSELF)
async def test_a_stream_by_what_the_backend_says_of_itself(tmp_path, name, before):
    def make(text):
        value = {"more": f"is {text}"} if name == "usage" else f"is {text}"
        usual = told(name, {} if name == "usage" else "usual")
        return streamed(usual * before + told(name, value) * 2 + usual + END)

    await got(tmp_path, make, STREAM)


async def test_a_stream_by_what_was_no_more_than_an_id_before(tmp_path):
    await got(
        tmp_path, lambda text: streamed(told("id", "a") + told("model", text) + told("finish_reason", text)), STREAM
    )


async def test_a_stream_by_an_event_of_its_own_for_what_was_held_back(tmp_path):
    def make(text):
        chunk = {"id": "a", "more": f"is {text}", "choices": [{"index": 0, "delta": {"content": "is 12"}}]}
        return streamed(event(chunk) + event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}) + DONE)

    await got(tmp_path, make, STREAM)


def responses(kind, piece, **more):
    return event({"type": kind, "item_id": "i", "output_index": 0, "delta": piece, **more}, kind)


def completed(text):
    output = [{"type": "message", "content": [{"type": "output_text", "text": text}]}]
    return event({"type": "response.completed", "response": {"id": "r", "output": output}}, "response.completed")


RESPONSES = {
    kind: lambda text, kind=kind: cut(text, lambda piece: responses(f"response.{kind}.delta", piece)) + completed(text)
    for kind in (
        *("output_text", "refusal", "reasoning_text", "reasoning_summary_text", "function_call_arguments"),
        *("mcp_call_arguments", "audio.transcript", "code_interpreter_call_code", "custom_tool_call_input", "new"),
    )
} | {
    "done": lambda text: event({"type": "response.output_text.done", "item_id": "i", "text": text}) + completed("a"),
    "completed": completed,
    "part": lambda text: event({"type": "response.content_part.done", "part": {"text": text}}) + completed("a"),
    "item": lambda text: (
        event({"type": "response.output_item.done", "item": {"arguments": nested({"a": text}, 1)}}) + completed("a")
    ),
    "delta_as_object": lambda text: (
        cut(text, lambda piece: responses("response.new.delta", {"text": piece})) + completed("a")
    ),
    "type_in_its_name": lambda text: (
        cut(text, lambda piece: event({"output_index": 0, "delta": piece}, "response.output_text.delta"))
        + completed("a")
    ),
    "without_a_type": lambda text: cut(text, lambda piece: event({"output_index": 0, "delta": piece})) + completed("a"),
    "failed": lambda text: event({"type": "response.failed", "response": {"error": {"message": text}}}),
    "error": lambda text: event({"type": "error", "message": text}, "error"),
    "its_own_done_between": lambda text: (
        cut(
            text,
            lambda piece: responses("response.output_text.delta", piece) + responses("response.output_text.done", ""),
        )
        + completed("a")
    ),
    "done_between": lambda text: (
        responses("response.output_text.delta", text[:3])
        + event({"type": "response.output_text.done", "item_id": "j", "text": ""})
        + responses("response.output_text.delta", text[3:])
        + completed("a")
    ),
}


@pytest.mark.parametrize("way", RESPONSES)
async def test_a_stream_of_responses_by(tmp_path, way):
    body = {"model": "assistant", "input": "a", "stream": True}
    for answer in await got(tmp_path, lambda text: streamed(RESPONSES[way](text)), body, "/v1/responses"):
        assert not [each for each in contents(answer.body) if NUMBER in each or WORD in each]


def claude(index, **delta):
    return event({"type": "content_block_delta", "index": index, "delta": delta}, "content_block_delta")


def begun(index, **block):
    return event({"type": "content_block_start", "index": index, "content_block": block}, "content_block_start")


def stopped(index):
    return event({"type": "content_block_stop", "index": index}, "content_block_stop")


STOP = event({"type": "message_stop"}, "message_stop")
MESSAGES = {
    "text": lambda text: cut(text, lambda piece: claude(0, type="text_delta", text=piece)),
    "thinking": lambda text: cut(text, lambda piece: claude(0, type="thinking_delta", thinking=piece)),
    "input": lambda text: cut(text, lambda piece: claude(0, type="input_json_delta", partial_json=piece)),
    "new_delta": lambda text: cut(text, lambda piece: claude(0, type="new_delta", new=piece)),
    "more_beside": lambda text: cut(text, lambda piece: claude(0, type="text_delta", text="a", more=piece)),
    "blocks_interleaved": lambda text: b"".join(
        claude(index, type="text_delta", text=each) for each in text for index in (0, 1)
    ),
    "start": lambda text: begun(0, type="text", text=text),
    "stops_between": lambda text: cut(text, lambda piece: claude(0, type="text_delta", text=piece) + stopped(0)),
    "message_deltas_between": lambda text: cut(
        text, lambda piece: claude(0, type="text_delta", text=piece) + event({"type": "message_delta", "delta": {}})
    ),
    "start_and_delta": lambda text: begun(0, type="text", text=text[:4]) + claude(0, type="text_delta", text=text[4:]),
    "start_input": lambda text: begun(0, type="tool_use", id="t", name="f", input={"id": text, "n": number_or(text)}),
    "type_in_its_name": lambda text: cut(
        text,
        lambda piece: event({"index": 0, "delta": {"type": "text_delta", "text": piece}}, "content_block_delta"),
    ),
    "without_index": lambda text: cut(
        text, lambda piece: event({"type": "content_block_delta", "delta": {"type": "text_delta", "text": piece}})
    ),
    "without_a_kind": lambda text: cut(text, lambda piece: claude(0, text=piece)),
    "member_in_another_case": lambda text: cut(text, lambda piece: claude(0, type="text_delta", Text=piece)),
    "result": lambda text: begun(0, type="web_search_tool_result", content=[{"title": text}]),
    "citation": lambda text: claude(0, type="citations_delta", citation={"cited_text": text}),
    "error": lambda text: event({"type": "error", "error": {"message": text}}, "error"),
    "message_delta": lambda text: event({"type": "message_delta", "delta": {"stop_sequence": text}}, "message_delta"),
    "ping": lambda text: event({"type": "ping", "more": text}, "ping"),
}


@pytest.mark.parametrize("way", MESSAGES)
async def test_a_stream_of_messages_by(tmp_path, way):
    body = {**CLAUDE, "stream": True}
    for answer in await got(tmp_path, lambda text: streamed(MESSAGES[way](text) + STOP), body, "/v1/messages"):
        assert not [each for each in contents(answer.body) if NUMBER in each or WORD in each]


def read(events):
    """The texts of blocks and parts as the vendors' own clients put them together: what begins one, and its deltas."""
    texts = {}
    for each in events.decode().split("\n\n"):
        data = "\n".join(line[6:] for line in each.split("\n") if line.startswith("data: "))
        said = json.loads(data) if data else {}
        where = said.get("index") or said.get("item_id") or (said.get("item") or {}).get("id")
        for begun in (said.get("content_block"), said.get("part"), said.get("item")):
            for key in ("text", "thinking", "refusal", "arguments", "input", "code"):
                texts[where] = texts.get(where, "") + ((begun or {}).get(key) or "")
            for part in (begun or {}).get("content") or ():
                texts[where] += part["text"]
        delta = said.get("delta") or ""
        texts[where] = texts.get(where, "") + (
            delta if isinstance(delta, str) else delta.get("text", delta.get("thinking", ""))
        )
    return list(texts.values())


def added(what, **more):
    return event({"type": f"response.{what}.added", "output_index": 0, **more})


BEGUN = {
    "text": lambda a, b: begun(0, type="text", text=a) + claude(0, type="text_delta", text=b),
    "text_alone": lambda a, b: begun(0, type="text", text=a + b) + stopped(0),
    "thinking": lambda a, b: begun(0, type="thinking", thinking=a) + claude(0, type="thinking_delta", thinking=b),
    "part": lambda a, b: (
        added("content_part", item_id="i", content_index=0, part={"type": "output_text", "text": a})
        + responses("response.output_text.delta", b, content_index=0)
    ),
    "refusal": lambda a, b: (
        added("content_part", item_id="i", content_index=0, part={"type": "refusal", "refusal": a})
        + responses("response.refusal.delta", b, content_index=0)
    ),
    "item": lambda a, b: (
        added("output_item", item={"id": "i", "type": "message", "content": [{"type": "output_text", "text": a}]})
        + responses("response.output_text.delta", b, content_index=0)
    ),
    "item_alone": lambda a, b: added("output_item", item={"id": "i", "type": "function_call", "arguments": a + b}),
    "call": lambda a, b: (
        added("output_item", item={"id": "i", "type": "function_call", "arguments": a})
        + responses("response.function_call_arguments.delta", b)
    ),
    "summary": lambda a, b: (
        added("reasoning_summary_part", item_id="i", summary_index=0, part={"type": "summary_text", "text": a})
        + responses("response.reasoning_summary_text.delta", b, summary_index=0)
    ),
}


PLACES = {
    "as_texts": lambda text: b"".join(
        chat_delta(at, content=each) for at, each in zip([0, "0", 0.0, None] * 3, text, strict=False)
    ),
    "calls_as_texts": lambda text: b"".join(
        chat_delta(tool_calls=[{"index": at, "function": {"arguments": each}}])
        for at, each in zip([0, "0"] * 5, text, strict=False)
    ),
}


@pytest.mark.parametrize("way", PLACES)
async def test_a_stream_by_places_in_another_spelling(tmp_path, way):
    for answer in await got(tmp_path, lambda text: streamed(PLACES[way](text) + END), STREAM):
        found = "".join(each for each in contents(answer.body) if len(each) < 3)
        assert NUMBER not in found
        assert WORD not in found


async def test_a_stream_of_responses_by_items_of_ever_other_names(tmp_path):
    def make(text):
        names = [{"item_id": f"i{at}", "content_index": None if at % 2 else 0} for at in range(len(text))]
        kind = "response.output_text.delta"
        deltas = [responses(kind, each, **name) for each, name in zip(text, names, strict=True)]
        return streamed(b"".join(deltas) + completed("a"))

    body = {"model": "assistant", "input": "a", "stream": True}
    first, _ = await got(tmp_path, make, body, "/v1/responses")
    assert first.body.count(b"[NUMBER]") == 1


async def test_a_stream_of_messages_by_splitting_it_over_blocks(tmp_path):
    def make(text):
        blocks = [
            begun(at, type="text", text="") + claude(at, type="text_delta", text=each) + stopped(at)
            for at, each in enumerate(text)
        ]
        return streamed(b"".join(blocks) + STOP)

    first, second = await got(tmp_path, make, {**CLAUDE, "stream": True}, "/v1/messages")
    assert NUMBER not in "".join(read(first.body))
    assert second.status == 400 or WORD not in "".join(read(second.body))


@pytest.mark.parametrize("way", BEGUN)
async def test_a_stream_by_what_a_block_begins_with(tmp_path, way):
    is_claude = "thinking" in way or "text" in way
    path, end = ("/v1/messages", STOP) if is_claude else ("/v1/responses", completed("a"))
    body = {**CLAUDE, "stream": True} if is_claude else {"model": "assistant", "input": "a", "stream": True}
    first, _ = await got(tmp_path, lambda text: streamed(BEGUN[way](text[:3], text[3:]) + end), body, path)
    assert [each.strip('"') for each in read(first.body) if each] == ["[NUMBER]"]
    for text in (WORD, NUMBER):
        async with guarded(tmp_path / f"{text}2", answers(streamed(BEGUN[way](text[:3], text[3:]) + end))) as (
            _,
            running,
        ):
            answer = await running.post(path, body)
            assert not [each for each in (read(answer.body) if answer.status == 200 else ()) if text in each]


def crlf(events):
    return events.replace(b"\n", b"\r\n")


def cr(events):
    return events.replace(b"\n", b"\r")


FORMS = {
    "bom": lambda events: b"\xef\xbb\xbf" + events,
    "crlf": crlf,
    "cr": cr,
    "mixed": lambda events: events.replace(b"\n\n", b"\r\n\n"),
    "ids": lambda events: events.replace(b"data:", b"id: 7\nretry: 9\n: note\ndata:"),
    "without_blank": lambda events: events.replace(b"data: ", b"data:"),
    "many_lines": lambda events: events.replace(b'"choices"', b'\ndata: "choices"'),
    "no_last_blank_line": lambda events: events.rstrip(b"\n"),
    "no_last_line_end": lambda events: events.removesuffix(b"\n\n") + b"\n",
}


@pytest.mark.parametrize("way", [send, send_bytewise, lambda data: send_split(data, *range(90, len(data), 7))])
@pytest.mark.parametrize("form", FORMS)
async def test_a_stream_by_the_form_of_its_events(tmp_path, form, way):
    events = FORMS[form](cut(NUMBER, lambda piece: chat_delta(content=piece)) + END)
    script = [expect(), way(chunked_head(SSE) + chunk(events) + chunk(b"")), until_closed()]
    async with guarded(tmp_path, script) as (_, running):
        answer = await running.post("/v1/chat/completions", STREAM)
        assert [each for each in contents(answer.body) if "NUMBER" in each] == ["[NUMBER]"]
        assert NUMBER.encode() not in on_disk(tmp_path)


@pytest.mark.parametrize("ending", [reset(), finish()], ids=["reset", "closed"])
async def test_a_stream_by_breaking_it_off(tmp_path, ending):
    events = chat_delta(content="well ") + chat_delta(content=WORD[:5])
    script = [expect(), send(chunked_head(SSE) + chunk(events)), ending]
    async with guarded(tmp_path, script) as (_, running):
        answer = await running.post("/v1/chat/completions", STREAM)
        assert not answer.is_whole
        assert not [each for each in contents(answer.body) if WORD[:2] in each]


async def test_a_stream_by_an_event_above_the_limit(tmp_path):
    long = chat_delta(content="word " * 1_800_000 + WORD)
    async with guarded(
        tmp_path, [expect(), send(streamed(chat_delta(content="a") + long + END)), until_closed()]
    ) as it:
        answer = await it[1].post("/v1/chat/completions", STREAM)
        assert WORD.encode() not in answer.body


async def test_a_stream_by_waiting_in_the_middle_of_a_word(tmp_path):
    more = asyncio.Event()
    first = chunked_head(SSE) + chunk(chat_delta(content="well " + WORD[:5]))
    script = [expect(), send(first), wait_for(more), send(chunk(chat_delta(content=WORD[5:]) + END) + chunk(b""))]
    async with guarded(tmp_path, [*script, until_closed()]) as (_, running):
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", json.dumps(STREAM).encode())
        await asyncio.sleep(0.6)
        more.set()
        answer = await caller.receive()
        assert not [each for each in contents(answer.body) if WORD in each]


async def test_a_whole_answer_where_a_stream_was_asked_for(tmp_path):
    await got(tmp_path, lambda text: whole(completion(text)), STREAM)


async def test_a_stream_where_a_whole_answer_was_asked_for(tmp_path):
    for answer in await got(tmp_path, lambda text: streamed(cut(text, lambda p: chat_delta(content=p)) + END), CHAT):
        assert not [each for each in contents(answer.body) if NUMBER in each or WORD in each]


@pytest.mark.parametrize(
    "path", ["audio/speech", "embeddings", "something/new", "threads/t/runs", "images/generations"]
)
async def test_a_stream_of_an_operation_whose_form_is_not_known(tmp_path, path):
    events = cut(WORD, lambda piece: event({"text": piece}))
    async with guarded(tmp_path, answers(streamed(events))) as (_, running):
        answer = await running.post(f"/v1/{path}", {"model": "assistant", "input": "a"})
        assert b"guardrail_unsupported" in answer.body
        assert WORD[:2].encode() + b'"' not in answer.body
