"""Ways to get the system prompt out of a model in spite of `system_leak`: none may work."""

import json
from contextlib import asynccontextmanager

import pytest
from tests.support.bypass import CHATS, DONE, answers, chat_delta, completion, event, on_disk, streamed, whole
from tests.support.plane import CONFIG, plane
from tests.support.wire_backend import WireBackend

from llmgateway.guardrails.system_leak.letters import letters

PROMPT = (
    "You are Ava, the support agent of Northwind Bank. Greet callers by their first name. "
    "Never tell anybody that refunds above 500 pounds are approved by hand on Thursdays."
)
LEAK = PROMPT[85:]
LEAKING = f"Well, I was told: {LEAK} Anything else?"
LEAST = 60
GUARDED = CONFIG.replace("[backends.one]", '[guardrails]\nbaseline = ["system_leak"]\n[backends.one]', 1)
BLOCKING = GUARDED + '[guardrails.system_leak]\naction = "block"\n'
ANTHROPIC = {"anthropic-version": "2023-06-01"}
CHAT = {"model": "assistant", "messages": [{"role": "system", "content": PROMPT}, {"role": "user", "content": "hi"}]}
RESPONSE = {"model": "assistant", "instructions": PROMPT, "input": "hi"}
MESSAGE = {"model": "claude", "max_tokens": 9, "system": PROMPT, "messages": [{"role": "user", "content": "hi"}]}
ASKED = {"chat": (CHATS, CHAT), "responses": ("/v1/responses", RESPONSE), "messages": ("/v1/messages", MESSAGE)}
_TEXTS = {"content", "reasoning_content", "refusal", "arguments", "delta", "text", "thinking", "partial_json", "input"}


@asynccontextmanager
async def guarded(tmp_path, script, config=GUARDED):
    async with WireBackend(script) as backend, plane(tmp_path, backend.url, "http://127.0.0.1:9", config=config) as it:
        yield it


def texts(document, *, is_argument=False):
    if isinstance(document, str):
        inner = parsed(document)
        yield from texts(inner, is_argument=True) if isinstance(inner, dict | list) else [document]
    elif isinstance(document, list):
        for each in document:
            yield from texts(each, is_argument=is_argument)
    elif isinstance(document, dict):
        yield from document if is_argument else ()
        for name, each in document.items():
            if is_argument or not isinstance(each, str) or name in _TEXTS:
                yield from texts(each, is_argument=is_argument or name == "input")


def parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def told(body: bytes) -> bytes:
    """The letters of all that a caller is told, in order."""
    documents = [line.removeprefix(b"data:") for line in body.splitlines()] if body[:1] != b"{" else [body]
    found = []
    for each in documents:
        found += texts(parsed(each))
    return letters("".join(found))


def leaked(body: bytes) -> bool:
    secret, said = letters(PROMPT), told(body)
    return any(secret[at : at + LEAST] in said for at in range(len(secret) - LEAST + 1))


def call(arguments):
    return {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}}


def output(**item):
    return {"id": "resp_1", "object": "response", "status": "completed", "output": [item]}


def block(**fields):
    return {"id": "m", "type": "message", "role": "assistant", "content": [fields], "usage": {"input_tokens": 1}}


def two(text):
    first = completion("fine")
    return first | {"choices": [*first["choices"], {**first["choices"][0], "index": 1, "message": {"content": text}}]}


WHOLE = {
    "content": ("chat", completion),
    "parts": ("chat", lambda text: completion("", content=[{"type": "text", "text": text}])),
    "reasoning": ("chat", lambda text: completion("", reasoning_content=text)),
    "refusal": ("chat", lambda text: completion("", refusal=text)),
    "another choice": ("chat", two),
    "arguments": ("chat", lambda text: completion("", tool_calls=[call(json.dumps({"a": [text]}))])),
    "names of arguments": ("chat", lambda text: completion("", tool_calls=[call(json.dumps({text: 1}))])),
    "words of arguments": ("chat", lambda text: completion("", tool_calls=[call(json.dumps(text.split()))])),
    "json in json": ("chat", lambda text: completion(json.dumps({"a": json.dumps({"b": text})}))),
    "an error": ("chat", lambda text: {"error": {"message": text}}),
    "output": ("responses", lambda text: output(type="message", content=[{"type": "output_text", "text": text}])),
    "summary": ("responses", lambda text: output(type="reasoning", summary=[{"type": "summary_text", "text": text}])),
    "call": ("responses", lambda text: output(type="function_call", name="f", arguments=json.dumps({"a": text}))),
    "text": ("messages", lambda text: block(type="text", text=text)),
    "thinking": ("messages", lambda text: block(type="thinking", thinking=text, signature="AAAA")),
    "input": ("messages", lambda text: block(type="tool_use", id="toolu_1", name="f", input={"a": text})),
}
DRESSED = {
    "as it is": str,
    "in capitals": str.upper,
    "in lines": lambda text: text.replace(" ", "\n> "),
    "in bold": lambda text: " ".join(f"**{word}**" for word in text.split()),
    "letter by letter": lambda text: " ".join(text.replace(" ", "")),
    "without width": lambda text: "\u200b".join(text),
    "in full width": lambda text: "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in text),
    "escaped": lambda text: text,
}


SPREAD = {"letter by letter", "without width", "in full width"}


@pytest.mark.parametrize("dress", DRESSED)
@pytest.mark.parametrize("way", WHOLE)
async def test_whole(tmp_path, way, dress):
    if way == "words of arguments" and dress in SPREAD:
        pytest.skip("a letter takes five characters and more there: see the guardrail's limits")
    dialect, make = WHOLE[way]
    path, asked = ASKED[dialect]
    body = json.dumps(make(DRESSED[dress](LEAK)))
    if dress == "escaped":
        body = body.replace(LEAK[:30], "".join(f"\\u{ord(each):04x}" for each in LEAK[:30]))
    async with guarded(tmp_path, answers(whole(body.encode()))) as it:
        answer = await it.post(path, asked, ANTHROPIC if dialect == "messages" else {})
    assert answer.status in {200, 400, 502}
    assert not leaked(answer.body)
    assert leaked(body.encode()) or way == "an error"


def chats(**delta):
    return lambda piece: chat_delta(**{name: value(piece) for name, value in delta.items()})


def arguments(piece):
    return [{"index": 0, "function": {"arguments": piece}}]


def response_event(kind, **fields):
    return event({"type": kind, "item_id": "i", "output_index": 0, **fields}, kind)


def responses(kind, **fields):
    return lambda piece: response_event(kind, delta=piece, **fields)


def messages(kind, name):
    return lambda piece: event(
        {"type": "content_block_delta", "index": 0, "delta": {"type": kind, name: piece}}, "content_block_delta"
    )


def message_end():
    return event({"type": "message_stop"}, "message_stop")


def response_end():
    return event({"type": "response.completed", "response": {"id": "r", "status": "completed"}}, "response.completed")


CHAT_END = chat_delta(finish="stop") + DONE
STREAMS = {
    "content": ("chat", chats(content=str), CHAT_END),
    "reasoning": ("chat", chats(reasoning_content=str), CHAT_END),
    "another choice": ("chat", lambda piece: chat_delta(1, content=piece), CHAT_END),
    "arguments": ("chat", chats(tool_calls=arguments), CHAT_END),
    "unknown": ("chat", chats(audio=lambda piece: {"text": piece}), CHAT_END),
    "output": ("responses", responses("response.output_text.delta", content_index=0), response_end()),
    "summary": ("responses", responses("response.reasoning_summary_text.delta", summary_index=0), response_end()),
    "call": ("responses", responses("response.function_call_arguments.delta"), response_end()),
    "text": ("messages", messages("text_delta", "text"), message_end()),
    "thinking": ("messages", messages("thinking_delta", "thinking"), message_end()),
    "input": ("messages", messages("input_json_delta", "partial_json"), message_end()),
}
_IN_JSON = {"arguments", "call", "input"}


def cuts(text):
    yield list(text)
    for at in range(0, len(text), 4):
        yield [text[:at], text[at:]]
    yield [text]


@pytest.mark.parametrize("config", [GUARDED, BLOCKING], ids=["redact", "block"])
@pytest.mark.parametrize("way", STREAMS)
async def test_a_stream_cut_anywhere(tmp_path, way, config):
    dialect, make, end = STREAMS[way]
    path, asked = ASKED[dialect]
    text = json.dumps({"a": LEAKING}) if way in _IN_JSON else LEAKING
    streams = [b"".join(make(piece) for piece in pieces if piece) + end for pieces in cuts(text)]
    async with guarded(tmp_path, answers(*map(streamed, streams)), config) as it:
        for stream in streams:
            answer = await it.post(path, asked | {"stream": True}, ANTHROPIC if dialect == "messages" else {})
            assert leaked(stream)
            assert not leaked(answer.body)
            if config is BLOCKING:
                assert b"guardrail_blocked" in answer.body
            else:
                assert (
                    told(answer.body) == told(make("Well, I was told: [SYSTEM_LEAK] Anything else?")) or way in _IN_JSON
                )
                assert b"SYSTEM_LEAK" in answer.body


async def test_a_stream_that_waits_in_the_middle_of_it(tmp_path):
    """See test_holdback: what goes on after a silence is found by what went before it."""
    pieces = [LEAK[:50], LEAK[50:]]
    stream = b"".join(chat_delta(content=each) for each in pieces) + CHAT_END
    async with guarded(tmp_path, answers(streamed(stream))) as it:
        answer = await it.post(CHATS, CHAT | {"stream": True})
    assert not leaked(answer.body)


@pytest.mark.parametrize("stream", [False, True])
async def test_nothing_of_it_is_stored_of_a_reply(tmp_path, stream):
    reply = streamed(chat_delta(content=LEAKING) + CHAT_END) if stream else whole(completion(LEAKING))
    for number, config in enumerate((GUARDED, BLOCKING, GUARDED + '[guardrails.system_leak]\nmode = "observe"\n')):
        folder = tmp_path / str(number)
        async with guarded(folder, answers(reply), config) as it:
            await it.post(CHATS, CHAT | {"stream": stream})
            await it.quiet()
            record = it.outcome()
            assert LEAK[:70].encode() not in record.blobs.get("reply", b"")
            assert [(each["kind"], each["count"]) for each in record.meta["verdicts"]] == [("system_leak", 1)]
        assert on_disk(folder).count(LEAK[:70].encode()) == 1  # the request has it


async def test_what_the_user_has_said_and_what_is_common_passes(tmp_path):
    asked = CHAT | {"messages": [*CHAT["messages"], {"role": "user", "content": f"Is this so? {LEAK}"}]}
    for text in (f"It is not so that {LEAK}", "Good morning! How can I help you today?"):
        async with guarded(tmp_path / text[:4], answers(whole(completion(text))), BLOCKING) as it:
            answer = await it.post(CHATS, asked)
        assert answer.json()["choices"][0]["message"]["content"] == text


async def test_a_long_prompt_is_looked_for_as_a_short_one_is(tmp_path):
    prompt = " ".join(f"rule {number} says {number * 7919 % 10007}" for number in range(2500)) + PROMPT[85:]
    asked = CHAT | {"messages": [{"role": "system", "content": prompt[-60_000:]}]}
    async with guarded(tmp_path, answers(whole(completion(LEAKING))), BLOCKING) as it:
        assert b"guardrail_blocked" in (await it.post(CHATS, asked)).body
