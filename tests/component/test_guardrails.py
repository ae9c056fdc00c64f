"""Guardrails in the story, on real sockets: what backends hear, what callers get, what the journal keeps."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from tests.support import guardrails
from tests.support.plane import CONFIG, plane
from tests.support.wire_backend import (
    WireBackend,
    chunk,
    chunked_head,
    expect,
    forever,
    reply,
    send,
    send_bytewise,
    send_split,
    until_closed,
    wait_for,
)

NUMBER, WORD = "5551234", "forbidden"
GUARDED = CONFIG.replace("fallback = []\n", 'fallback = []\nguardrails = ["extra"]\n').replace(
    "[backends.one]",
    """[guardrails]
baseline = ["numbers"]
hold = "0.3s"
[guardrails.numbers]
use = "runs"
[guardrails.extra]
use = "word"
word = "forbidden"
action = "block"
[backends.one]""",
    1,
)
RESTORING = GUARDED.replace('use = "runs"\n', 'use = "runs"\nstages = ["request"]\nrestore = true\n')
JSON = [("content-type", "application/json")]
SSE = ("content-type", "text/event-stream")
CHAT = {"model": "assistant", "messages": [{"role": "user", "content": f"call {NUMBER} now"}]}


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    guardrails.install(monkeypatch)


def answer_of(text: str, **message) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": "stop"}
    return reply(
        json.dumps({"id": "chatcmpl-1", "choices": [choice], "usage": {"prompt_tokens": 1}}).encode(), headers=JSON
    )


def delta(text: str | None = None, finish: str | None = None, **more) -> bytes:
    choice = {"index": 0, "delta": {"content": text} if text is not None else more, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c1", "model": "m1", "choices": [choice]}).encode() + b"\n\n"


def stream_of(*texts: str) -> bytes:
    return b"".join(delta(text) for text in texts) + delta(finish="stop") + b"data: [DONE]\n\n"


def streamed(script_bytes: bytes) -> list:
    return [expect(), send(chunked_head(SSE) + chunk(script_bytes) + chunk(b"")), until_closed()]


def text_in(body: bytes, of: str = "content") -> str:
    found = []
    for line in body.decode().splitlines():
        if line.startswith("data: {"):
            found.extend(choice["delta"].get(of) or "" for choice in json.loads(line[6:]).get("choices", []))
    return "".join(found)


@asynccontextmanager
async def guarded(tmp_path, *scripts, config=GUARDED):
    async with WireBackend(*scripts) as backend, plane(tmp_path, backend.url, config=config) as running:
        yield backend, running


def everything_on_disk(tmp_path) -> bytes:
    return b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


async def test_a_prompt_reaches_the_backend_redacted_and_is_stored_so(tmp_path):
    async with guarded(tmp_path, [forever(expect(), send(answer_of("hello")))]) as (backend, running):
        assert (await running.post("/v1/chat/completions", CHAT)).status == 200
        assert json.loads(backend.requests[0].body)["messages"][0]["content"] == "call [NUMBER] now"
        assert NUMBER.encode() not in everything_on_disk(tmp_path)
        (verdict,) = running.outcome().meta["verdicts"]
        assert verdict == {
            "guardrail": "numbers",
            "plugin": "runs",
            "version": "1",
            "stage": "request",
            "action": "redact",
            "mode": "enforce",
            "kind": "number",
            "count": 1,
        }


async def test_a_blocked_prompt_reaches_no_backend_and_is_told_by_its_category(tmp_path):
    async with guarded(tmp_path, [forever(expect(), send(answer_of("hello")))]) as (backend, running):
        body = {**CHAT, "messages": [{"role": "user", "content": f"a {WORD} thing {NUMBER}"}]}
        answer = await running.post("/v1/chat/completions", body)
        assert answer.status == 400
        error = answer.json()["error"]
        assert error["code"] == "guardrail_blocked"
        assert "word" in error["message"]
        assert WORD not in answer.body.decode()
        assert backend.requests == []
        (record,) = running.of_kind("refused")
        assert (record.meta["phase"], record.meta["route"]) == ("guard_request", "assistant")
        assert running.worker.gateway.gauges.in_flight["assistant"] == 0
        assert [each["kind"] for each in record.meta["verdicts"]] == ["word", "number"] or record.meta["verdicts"]
        assert WORD.encode() not in everything_on_disk(tmp_path)
        assert NUMBER.encode() not in everything_on_disk(tmp_path)


async def test_what_was_found_is_told_though_the_exchange_got_no_further(tmp_path):
    async with guarded(tmp_path) as (backend, running):
        answer = await running.post("/v1/chat/completions", CHAT, {"x-llmgateway-version": "nothing"})
        assert (answer.status, answer.json()["error"]["code"]) == (403, "pin_not_allowed")
        (record,) = running.of_kind("refused")
        assert [(each["guardrail"], each["count"]) for each in record.meta["verdicts"]] == [("numbers", 1)]
        assert backend.requests == []
        assert NUMBER.encode() not in everything_on_disk(tmp_path)


async def test_the_baseline_holds_on_every_route_and_dialect(tmp_path):
    message = {"type": "message", "content": [{"type": "text", "text": "hi"}], "usage": {"input_tokens": 1}}
    async with guarded(tmp_path, [forever(expect(), send(reply(json.dumps(message).encode(), headers=JSON)))]) as it:
        backend, running = it
        for path, model in (("/v1/messages", "claude"), ("/v1/chat/completions", "gpt-4"), ("/v1/embeddings", "gpt-5")):
            body = {"model": model, "max_tokens": 9, "input": NUMBER, "system": NUMBER, "messages": CHAT["messages"]}
            await running.post(path, body)
        assert len(backend.requests) == 3
        assert all(NUMBER.encode() not in request.body for request in backend.requests)


async def test_a_whole_answer_is_redacted_and_stored_so(tmp_path):
    call = {
        "id": "call_1234567",
        "type": "function",
        "function": {"name": "f", "arguments": json.dumps({"n": 5551234})},
    }
    backend_says = answer_of(f"it is {NUMBER}.", tool_calls=[call])
    async with guarded(tmp_path, [forever(expect(), send(backend_says))]) as (_, running):
        answer = await running.post("/v1/chat/completions", {**CHAT, "messages": []})
        message = answer.json()["choices"][0]["message"]
        assert message["content"] == "it is [NUMBER]."
        assert message["tool_calls"][0]["id"] == "call_1234567"
        assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"n": "[NUMBER]"}
        assert NUMBER.encode() not in everything_on_disk(tmp_path)
        assert running.outcome().blobs["reply"] == answer.body


async def test_a_blocked_answer_is_an_error_and_not_kept_in_clear(tmp_path):
    async with guarded(tmp_path, [forever(expect(), send(answer_of(f"so {WORD} {NUMBER}")))]) as (backend, running):
        answer = await running.post("/v1/chat/completions", {**CHAT, "messages": []})
        assert (answer.status, answer.json()["error"]["code"]) == (400, "guardrail_blocked")
        assert len(backend.requests) == 1
        record = running.outcome()
        assert record.meta["input_tokens"] == 1
        assert WORD.encode() not in everything_on_disk(tmp_path)
        assert NUMBER.encode() not in everything_on_disk(tmp_path)


WAYS = [send, send_bytewise, lambda data: send_split(data, *range(150, 400, 7))]


@pytest.mark.parametrize("way", WAYS, ids=["whole", "bytewise", "split"])
async def test_a_stream_is_redacted_wherever_it_is_cut(tmp_path, way):
    events = stream_of("call ", "555", "12", "34", " or 55", "5 ok, ", "999", "9")
    script = [expect(), way(chunked_head(SSE) + chunk(events) + chunk(b"")), until_closed()]
    async with guarded(tmp_path, script) as (_, running):
        answer = await running.post("/v1/chat/completions", {**CHAT, "stream": True, "messages": []})
        assert text_in(answer.body) == "call [NUMBER] or 555 ok, [NUMBER]"
        assert answer.body.endswith(b"data: [DONE]\n\n")
        assert answer.is_whole
        stored = json.loads(running.outcome().blobs["reply"])
        assert stored["choices"][0]["message"]["content"] == "call [NUMBER] or 555 ok, [NUMBER]"
        assert [(each["stage"], each["count"]) for each in running.outcome().meta["verdicts"]] == [("reply", 2)]


async def test_the_arguments_of_calls_are_redacted_inside_a_stream(tmp_path):
    def call(arguments, **more):
        return delta(
            tool_calls=[{"index": 0, **more, "function": {"arguments": arguments, **more.get("function", {})}}]
        )

    events = (
        call("", id="call_1", type="function") + call('{"n": 55') + call('51234, "t": "a \\u0035') + call('551234"')
    )
    events += call("}") + delta(finish="tool_calls") + b"data: [DONE]\n\n"
    async with guarded(tmp_path, streamed(events)) as (_, running):
        answer = await running.post("/v1/chat/completions", {**CHAT, "stream": True, "messages": []})
        pieces = [
            call["function"].get("arguments", "")
            for line in answer.body.decode().splitlines()
            if line.startswith("data: {")
            for call in json.loads(line[6:])["choices"][0]["delta"].get("tool_calls", [])
        ]
        assert json.loads("".join(pieces)) == {"n": "[NUMBER]", "t": "a [NUMBER]"}
        assert NUMBER.encode() not in everything_on_disk(tmp_path)


async def test_a_block_ends_a_stream_without_a_byte_of_it(tmp_path):
    more = asyncio.Event()
    first = send(chunked_head(SSE) + chunk(delta("well ")))
    script = [expect(), first, wait_for(more), send(chunk(stream_of("for", "bid", "den fruit")) + chunk(b""))]
    async with guarded(tmp_path, [*script, until_closed()]) as (_, running):
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": True, "messages": []}).encode())
        begun = await caller.receive(until=delta("well "))
        more.set()
        answer = await caller.receive()
        assert text_in(begun.body + answer.body) == "well "
        assert b'"guardrail_blocked"' in answer.body
        assert b"[DONE]" not in answer.body
        assert not answer.is_whole
        await running.quiet()
        record = running.outcome()
        assert record.meta["error_code"] == "guardrail_blocked"
        assert record.meta["attempts"][0]["result"] == "ok"
        assert WORD.encode() not in everything_on_disk(tmp_path)


async def test_a_stream_that_begins_with_what_is_forbidden_gets_an_error_instead(tmp_path):
    async with guarded(tmp_path, streamed(stream_of(WORD, " fruit"))) as (_, running):
        answer = await running.post("/v1/chat/completions", {**CHAT, "stream": True, "messages": []})
        assert (answer.status, answer.json()["error"]["code"]) == (400, "guardrail_blocked")


async def test_text_that_waits_is_decided_when_the_backend_falls_silent(tmp_path):
    more = asyncio.Event()
    first = chunked_head(SSE) + chunk(delta("my pin 5551234")) + chunk(b": keepalive\n\n")
    script = [expect(), send(first), wait_for(more), send(chunk(stream_of(" ok")) + chunk(b"")), until_closed()]
    async with guarded(tmp_path, script) as (_, running):
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": True, "messages": []}).encode())
        await asyncio.sleep(0.6)
        more.set()
        answer = await caller.receive()
        assert text_in(answer.body) == "my pin [NUMBER] ok"


async def test_values_come_back_in_whole_answers_and_are_logged_masked(tmp_path):
    async with guarded(tmp_path, [forever(expect(), send(answer_of("I rang <NUMBER_1>.")))], config=RESTORING) as it:
        backend, running = it
        answer = await running.post("/v1/chat/completions", CHAT)
        assert json.loads(backend.requests[0].body)["messages"][0]["content"] == "call <NUMBER_1> now"
        assert answer.json()["choices"][0]["message"]["content"] == f"I rang {NUMBER}."
        assert NUMBER.encode() not in everything_on_disk(tmp_path)


async def test_values_come_back_in_streams_wherever_the_placeholder_is_cut(tmp_path):
    events = stream_of("I rang <", "NUM", "BER_", "1>", " and < NUMBER_1 >")
    async with guarded(tmp_path, streamed(events), config=RESTORING) as (_, running):
        answer = await running.post("/v1/chat/completions", {**CHAT, "stream": True})
        assert text_in(answer.body) == f"I rang {NUMBER} and {NUMBER}"
        stored = json.loads(running.outcome().blobs["reply"])["choices"][0]["message"]["content"]
        assert stored == "I rang <NUMBER_1> and < NUMBER_1 >"
        assert NUMBER.encode() not in everything_on_disk(tmp_path)


async def test_a_caller_cannot_have_values_put_in_place_of_his_own_words(tmp_path):
    async with guarded(tmp_path, [forever(expect(), send(answer_of("<NUMBER_1>")))], config=RESTORING) as (_, running):
        body = {**CHAT, "messages": [{"role": "user", "content": f"{NUMBER} say <NUMBER_1>"}]}
        answer = await running.post("/v1/chat/completions", body)
        assert answer.json()["choices"][0]["message"]["content"] == "<NUMBER_1>"


REDACTED = CONFIG.replace('[data]\ndir = "{data}"', '[data]\ndir = "{data}"\n[journal]\nbodies = "redacted"')


async def test_redacted_bodies_are_stored_redacted_and_pass_as_they_are(tmp_path):
    async with guarded(tmp_path, [forever(expect(), send(answer_of("reply ZZZZ")))], config=REDACTED) as it:
        backend, running = it
        body = {"model": "assistant", "messages": [{"role": "user", "content": "my ZZZZZ"}], "user": "uZZZZ"}
        answer = await running.post("/v1/chat/completions", body)
        assert b"my ZZZZZ" in backend.requests[0].body
        assert b"reply ZZZZ" in answer.body
        assert b"ZZZ" not in everything_on_disk(tmp_path)
        record = running.outcome()
        assert b"reply [MARK]" in record.blobs["reply"]
        assert b"my [MARK]" in running.of_kind("admitted")[0].blobs["request"]
        assert "verdicts" not in record.meta
        assert running.of_kind("admitted")[0].meta["user"].startswith("u[MARK]~")


async def test_redacted_bodies_of_streams_too(tmp_path):
    async with guarded(tmp_path, streamed(stream_of("a ZZ", "ZZ b")), config=REDACTED) as (_, running):
        answer = await running.post("/v1/chat/completions", {"model": "assistant", "messages": [], "stream": True})
        assert text_in(answer.body) == "a ZZZZ b"
        assert b"ZZZ" not in everything_on_disk(tmp_path)
        assert b"a [MARK] b" in running.outcome().blobs["reply"]


async def test_a_body_that_was_never_understood_is_not_kept(tmp_path):
    async with guarded(tmp_path, [forever(expect(), send(answer_of("x")))], config=REDACTED) as (_, running):
        answer = await running.ask("POST", "/v1/chat/completions", b'{"model": "assistant", "text": "ZZZZZ"')
        assert answer.status == 400
        assert b"ZZZ" not in everything_on_disk(tmp_path)


async def test_what_cannot_be_looked_into_does_not_pass(tmp_path):
    form = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\na\0b\0c\0\r\n--b--\r\n'
    async with guarded(tmp_path, [forever(expect(), send(answer_of("x")))]) as (backend, running):
        answer = await running.ask("POST", "/v1/files", form, {"content-type": "multipart/form-data; boundary=b"})
        assert (answer.status, answer.json()["error"]["code"]) == (400, "guardrail_unsupported")
        assert backend.requests == []


async def test_a_stream_that_begins_with_broken_json_is_the_backends_fault_and_another_is_asked(tmp_path):
    broken = streamed(b'data: {"choices": [{"delta": {"content": "5551\n\n' + stream_of("x"))
    async with (
        WireBackend(streamed(stream_of("hello"))) as other,
        WireBackend(broken) as backend,
        plane(tmp_path, backend.url, other.url, config=GUARDED) as running,
    ):
        answer = await running.post("/v1/chat/completions", {**CHAT, "model": "resilient", "stream": True})
        assert (answer.status, text_in(answer.body), answer.is_whole) == (200, "hello", True)
        assert [each["result"] for each in running.outcome().meta["attempts"]] == ["upstream_protocol", "ok"]


async def test_streams_of_unknown_form_do_not_pass(tmp_path):
    async with guarded(tmp_path, streamed(b'data: {"text": "5551234"}\n\n')) as (_, running):
        answer = await running.post("/v1/audio/speech", {"model": "gpt-voice", "input": "x", "stream_format": "sse"})
        assert (answer.status, answer.json()["error"]["code"]) == (400, "guardrail_unsupported")


async def test_texts_that_are_no_json_are_judged(tmp_path):
    plain = reply(f"1\n00:00 --> 00:01\nring {NUMBER}\n".encode(), headers=[("content-type", "text/vtt")])
    async with guarded(tmp_path, [forever(expect(), send(plain))]) as (_, running):
        answer = await running.post("/v1/audio/speech", {"model": "gpt-voice", "input": "x"})
        assert b"ring [NUMBER]" in answer.body


async def test_fallbacks_get_the_redacted_request_too(tmp_path):
    broken = [forever(expect(), send(reply(b"{}", status="500 Internal Server Error", headers=JSON)))]
    async with WireBackend([forever(expect(), send(answer_of(NUMBER)))]) as second:
        async with WireBackend(broken) as first, plane(tmp_path, first.url, second.url, config=GUARDED) as running:
            answer = await running.post("/v1/chat/completions", {**CHAT, "model": "resilient"})
            assert answer.json()["choices"][0]["message"]["content"] == "[NUMBER]"
            for request in (*first.requests, *second.requests):
                assert NUMBER.encode() not in request.body
            assert second.requests


async def test_a_stream_that_is_blocked_before_its_first_content_has_its_verdict_in_the_record(tmp_path):
    async with guarded(tmp_path, streamed(stream_of(WORD))) as (_, running):
        answer = await running.post("/v1/chat/completions", {**CHAT, "stream": True})
        assert (answer.status, answer.json()["error"]["code"]) == (400, "guardrail_blocked")
        said = [(each["stage"], each["kind"], each["action"]) for each in running.outcome().meta["verdicts"]]
        assert said == [("request", "number", "redact"), ("reply", "word", "block")]


async def test_a_block_is_no_fault_of_the_backend_and_leads_to_no_other_attempt(tmp_path):
    config = GUARDED.replace(
        "[guardrails.extra]", '[guardrails.more]\nuse = "word"\nword = "bad"\naction = "block"\n[guardrails.extra]'
    )
    config = config.replace('fallback = ["v2"]', 'fallback = ["v2"]\nguardrails = ["more"]')
    async with WireBackend([forever(expect(), send(answer_of("x")))]) as second:
        first_script = [forever(expect(), send(chunked_head(SSE) + chunk(stream_of("bad")) + chunk(b"")))]
        async with WireBackend(first_script) as first, plane(tmp_path, first.url, second.url, config=config) as running:
            for _ in range(8):
                answer = await running.post("/v1/chat/completions", {**CHAT, "model": "resilient", "stream": True})
                assert answer.json()["error"]["code"] == "guardrail_blocked"
            assert second.requests == []
            assert len(first.requests) == 8


JUDGED = CONFIG.replace("fallback = []\n", 'fallback = []\nguardrails = ["shouting", "told"]\n').replace(
    "[backends.one]",
    """[guardrails.shouting]
action = "block"
[guardrails.told]
use = "shouting"
source = "user"
[backends.one]""",
    1,
)


async def test_a_judge_blocks_what_a_tool_has_brought_and_flags_what_the_user_says(tmp_path):
    async with guarded(tmp_path, [forever(expect(), send(answer_of("x")))], config=JUDGED) as (backend, running):
        loud = {"role": "user", "content": "GO AWAY"}
        tool = {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "GO AWAY"}]}
        answer = await running.post("/v1/chat/completions", {**CHAT, "messages": [loud]})
        assert answer.status == 200
        (verdict,) = running.outcome().meta["verdicts"]
        assert (verdict["guardrail"], verdict["kind"], verdict["action"]) == ("told", "shouting.loud", "flag")
        answer = await running.post("/v1/chat/completions", {**CHAT, "messages": [loud, tool]})
        assert (answer.status, answer.json()["error"]["code"]) == (400, "guardrail_blocked")
        assert len(backend.requests) == 1
        big = {**tool, "content": "GO AWAY " * 10_000}
        assert (await running.post("/v1/chat/completions", {**CHAT, "messages": [big]})).status == 400


@pytest.mark.parametrize("size", [40_000, 400_000])
async def test_long_bodies_are_stored_redacted_too(tmp_path, size):
    filler = "word " * (size // 5)
    events = stream_of(*(filler[at : at + 4000] for at in range(0, size, 4000)), "a ZZ", "ZZ b")
    scripts = ([forever(expect(), send(answer_of(f"{filler} ZZZZ")))], streamed(events))
    async with guarded(tmp_path, *scripts, config=REDACTED) as (_, running):
        for is_stream in (False, True):
            body = {
                "model": "assistant",
                "stream": is_stream,
                "messages": [{"role": "user", "content": filler + "ZZZZZ"}],
            }
            answer = await running.post("/v1/chat/completions", body)
            assert answer.status == 200
        await running.quiet()
        assert b"ZZZ" not in everything_on_disk(tmp_path)
        for record in running.of_kind("settled"):
            assert record.blobs["reply"].count(b"[MARK]") == 1
            assert len(record.blobs["reply"]) > size


async def test_what_a_model_says_of_its_own_does_not_come_back(tmp_path):
    both = RESTORING.replace('stages = ["request"]\n', "")
    whole = send(answer_of("I rang <NUMBER_1> and 7777777."))
    events = stream_of("I rang <NUM", "BER_1> and 77", "77777.")
    async with guarded(tmp_path, [expect(), whole, *streamed(events)], config=both) as (_, running):
        answer = await running.post("/v1/chat/completions", CHAT)
        assert answer.json()["choices"][0]["message"]["content"] == f"I rang {NUMBER} and [NUMBER]."
        answer = await running.post("/v1/chat/completions", {**CHAT, "stream": True})
        assert text_in(answer.body) == f"I rang {NUMBER} and [NUMBER]."


FRAGILE = GUARDED.replace('use = "runs"', 'use = "fragile"')


async def test_a_guardrail_that_fails_lets_nothing_pass_and_puts_nothing_in_clear_on_the_disk(tmp_path):
    async with guarded(tmp_path, [forever(expect(), send(answer_of("x")))], config=FRAGILE) as (backend, running):
        body = {**CHAT, "messages": [{"role": "user", "content": f"boom {NUMBER}"}]}
        answer = await running.post("/v1/chat/completions", body)
        assert (answer.status, answer.json()["error"]["code"]) == (500, "internal_error")
        assert backend.requests == []
        assert NUMBER.encode() not in everything_on_disk(tmp_path)
        assert (await running.post("/v1/chat/completions", {**CHAT, "messages": []})).status == 200


@pytest.mark.parametrize("is_stream", [False, True])
async def test_nor_on_the_way_back(tmp_path, is_stream):
    said = f"boom {NUMBER}"
    script = streamed(stream_of("a ", said)) if is_stream else [forever(expect(), send(answer_of(said)))]
    async with guarded(tmp_path, script, config=FRAGILE) as (_, running):
        answer = await running.post("/v1/chat/completions", {**CHAT, "stream": is_stream, "messages": []})
        assert NUMBER.encode() not in answer.body
        assert b"internal_error" in answer.body
        await running.quiet()
        assert NUMBER.encode() not in everything_on_disk(tmp_path)
        assert len(running.of_kind("settled")) == 1


async def test_a_caller_who_leaves_before_the_answer_is_judged_puts_nothing_in_clear_on_the_disk(tmp_path):
    whole = answer_of(f"so {WORD} {NUMBER}")
    script = [expect(), send(whole[:-3]), until_closed()]
    async with guarded(tmp_path, script) as (backend, running):
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", json.dumps({**CHAT, "messages": []}).encode())
        await backend.until(lambda: len(backend.requests) == 1)
        await asyncio.sleep(0.1)
        await caller.leave()
        await running.quiet()
        on_disk = everything_on_disk(tmp_path)
        assert NUMBER.encode() not in on_disk
        assert WORD.encode() not in on_disk
        assert running.outcome().meta["end"] == "client_closed"


async def test_a_stream_blocked_before_its_first_content_has_its_verdict(tmp_path):
    async with guarded(tmp_path, streamed(stream_of(WORD, " fruit"))) as (_, running):
        assert (await running.post("/v1/chat/completions", {**CHAT, "stream": True, "messages": []})).status == 400
        assert [(each["kind"], each["stage"]) for each in running.outcome().meta["verdicts"]] == [("word", "reply")]


async def test_what_a_silence_has_let_go_is_still_context_and_what_was_swallowed_goes_on_being(tmp_path):
    more = asyncio.Event()
    first = send(chunked_head(SSE) + chunk(delta("pin ") + delta("5" * 300)))
    script = [expect(), first, wait_for(more), send(chunk(stream_of("5555", " ok")) + chunk(b"")), until_closed()]
    async with guarded(tmp_path, script) as (_, running):
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": True, "messages": []}).encode())
        await asyncio.sleep(0.6)
        more.set()
        assert text_in((await caller.receive()).body) == "pin [NUMBER] ok"


async def test_a_blocking_judge_keeps_out_what_it_cannot_see(tmp_path):
    form = b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n\xfc\r\n--b--\r\n'
    async with guarded(tmp_path, [forever(expect(), send(answer_of("x")))], config=JUDGED) as (backend, running):
        answer = await running.ask(
            "POST", "/v1/images/edits", form, {"content-type": "multipart/form-data; boundary=b"}
        )
        assert answer.json()["error"]["code"] == "guardrail_unsupported"
        assert backend.requests == []
