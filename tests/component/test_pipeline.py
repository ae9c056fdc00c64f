"""The story of an exchange on real sockets: what callers get, what backends see, what the journal says."""

import asyncio
import json

import pytest
from tests.support.plane import plane
from tests.support.wire_backend import (
    WireBackend,
    chunk,
    chunked_head,
    expect,
    forever,
    reply,
    reset,
    send,
    until_closed,
    wait_for,
)

CHAT = {"model": "assistant", "messages": [{"role": "user", "content": "hi"}]}
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "upstream-model-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8},
}
JSON = [("content-type", "application/json")]
OK = reply(json.dumps(ANSWER).encode(), headers=JSON)
SSE = ("content-type", "text/event-stream")


def delta(text: str | None = None, **more) -> bytes:
    choice = {"index": 0, "delta": {"content": text} if text is not None else {}, "finish_reason": None, **more}
    return b"data: " + json.dumps({"id": "c1", "model": "m1", "choices": [choice]}).encode() + b"\n\n"


STREAM = delta("hel") + delta("lo") + delta(finish_reason="stop") + b"data: [DONE]\n\n"


async def test_a_whole_answer_goes_through_and_is_written_down(tmp_path):
    async with WireBackend([forever(expect(), send(OK))]) as backend, plane(tmp_path, backend.url) as running:
        answer = await running.post("/v1/chat/completions", CHAT)
        assert (answer.status, answer.json()) == (200, ANSWER)
        sent = backend.requests[0]
        assert json.loads(sent.body) == {**CHAT, "model": "upstream-model"}
        assert sent.header(b"authorization") == b"Bearer sk-upstream-secret"
        assert sent.header(b"accept-encoding") == b"identity"
        record = running.outcome()
        assert record.blobs["reply"] == answer.body
        expected = {"status": 200, "end": "completed", "served_version": "v1", "input_tokens": 3, "output_tokens": 5}
        assert expected.items() <= record.meta.items()
        assert record.meta["finish_reason"] == "stop"
        assert [attempt["result"] for attempt in record.meta["attempts"]] == ["ok"]
        assert answer.headers["x-request-id"] == answer.headers["x-llmgateway-exchange-id"] == record.meta["id"]
        assert answer.headers["x-llmgateway-version"] == "v1"


async def test_the_body_goes_on_byte_for_byte_but_for_the_model(tmp_path):
    body = b'{ "seed":18446744073709551616, "model" : "assistant","messages":[{"role":"user","content":"\\u00e9"}],"x":1.0}'
    async with WireBackend([forever(expect(), send(OK))]) as backend, plane(tmp_path, backend.url) as running:
        await running.ask("POST", "/v1/chat/completions?api-version=3", body)
        assert backend.requests[0].body == body.replace(b'"assistant"', b'"upstream-model"')
        assert backend.requests[0].target == "/v1/chat/completions?api-version=3"
        assert running.of_kind("admitted")[0].blobs["request"] == body


async def test_a_version_without_a_model_passes_the_callers_name_on(tmp_path):
    async with WireBackend([forever(expect(), send(OK))]) as backend, plane(tmp_path, backend.url) as running:
        await running.post("/v1/chat/completions", {**CHAT, "model": "gpt-4.1-mini"})
        assert json.loads(backend.requests[0].body)["model"] == "gpt-4.1-mini"
        assert running.of_kind("admitted")[0].meta["route"] == "gpt-*"


async def test_a_stream_comes_as_it_was_sent_and_is_stored_as_the_message_it_adds_up_to(tmp_path):
    script = [expect(), send(chunked_head(SSE) + chunk(STREAM) + chunk(b"")), until_closed()]
    async with WireBackend(script) as backend, plane(tmp_path, backend.url) as running:
        answer = await running.post("/v1/chat/completions", {**CHAT, "stream": True})
        assert (answer.status, answer.body, answer.is_whole) == (200, STREAM, True)
        assert answer.headers["content-type"] == "text/event-stream"
        record = running.outcome()
        assert json.loads(record.blobs["reply"])["choices"][0]["message"]["content"] == "hello"
        assert record.meta["finish_reason"] == "stop"
        assert record.meta["usage_estimated"] is True
        assert record.meta["first_token_s"] is not None


async def test_a_token_is_passed_on_before_the_next_one_exists(tmp_path):
    more = asyncio.Event()
    script = [expect(), send(chunked_head(SSE) + chunk(delta("a"))), wait_for(more), send(chunk(STREAM) + chunk(b""))]
    async with WireBackend(script) as backend, plane(tmp_path, backend.url) as running:
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": True}).encode())
        first = await caller.receive(until=delta("a"))
        assert first.body == delta("a")
        more.set()
        assert (await caller.receive()).body == STREAM


async def test_the_last_byte_waits_for_the_journal(tmp_path):
    """Whoever has read [DONE] can rely on the exchange being on disk."""
    script = [expect(), send(chunked_head(SSE) + chunk(STREAM)), until_closed()]
    async with WireBackend(script) as backend, plane(tmp_path, backend.url) as running:
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": True}).encode())
        await caller.receive(until=b"[DONE]\n\n")
        assert running.outcome().meta["end"] == "completed"


async def test_the_admitted_record_is_written_before_the_backend_hears_of_it(tmp_path):
    seen = []

    async def look(wire) -> None:
        seen.extend(record.meta["k"] for record in running.records())

    async with WireBackend([expect(), look, send(OK)]) as backend, plane(tmp_path, backend.url) as running:
        await running.post("/v1/chat/completions", CHAT)
    assert seen == ["admitted"]


@pytest.mark.parametrize(
    ("cut", "code"),
    [(delta("hel"), "upstream_truncated"), (delta("hel") + delta("lo"), "upstream_truncated")],
)
async def test_a_stream_that_breaks_off_is_told_and_never_ended_cleanly(tmp_path, cut, code):
    async with WireBackend([expect(), send(chunked_head(SSE) + chunk(cut)), reset()]) as backend:
        async with plane(tmp_path, backend.url) as running:
            answer = await running.post("/v1/chat/completions", {**CHAT, "stream": True})
            assert answer.body.startswith(cut)
            error = json.loads(answer.body[len(cut) :].removeprefix(b"data: "))["error"]
            assert error["code"] == code
            assert b"[DONE]" not in answer.body
            assert not answer.is_whole
            record = running.outcome()
            assert (record.meta["end"], record.meta["error_code"]) == ("truncated", code)
            assert record.meta["output_tokens"] > 0


async def test_a_failure_before_any_content_falls_back_to_the_next_version(tmp_path):
    chat = {**CHAT, "model": "resilient"}
    async with WireBackend([expect(), send(reply(b"<html>", status="503 Busy"))]) as bad:
        async with WireBackend([forever(expect(), send(OK))]) as good, plane(tmp_path, bad.url, good.url) as running:
            answer = await running.post("/v1/chat/completions", chat)
            assert (answer.status, answer.headers["x-llmgateway-version"]) == (200, "v2")
            assert json.loads(good.requests[0].body)["model"] == "fallback-model"
            meta = running.outcome().meta
            assert running.of_kind("admitted")[0].meta["assigned_version"] == "v1"
            assert meta["served_version"] == "v2"
            assert [(a["version"], a["kind"], a["result"]) for a in meta["attempts"]] == [
                ("v1", "first", "upstream_overloaded"),
                ("v2", "fallback", "ok"),
            ]


async def test_an_error_event_before_any_content_falls_back_too(tmp_path):
    failing = chunked_head(SSE) + chunk(delta(role="x") + b'data: {"error":{"message":"no"}}\n\n') + chunk(b"")
    chat = {**CHAT, "model": "resilient", "stream": True}
    async with WireBackend([expect(), send(failing)]) as bad:
        script = [expect(), send(chunked_head(SSE) + chunk(STREAM) + chunk(b""))]
        async with WireBackend(script) as good, plane(tmp_path, bad.url, good.url) as running:
            answer = await running.post("/v1/chat/completions", chat)
            assert (answer.status, answer.body) == (200, STREAM)


async def test_when_everything_fails_the_caller_gets_the_real_status_before_any_stream(tmp_path):
    async with WireBackend([expect(), send(reply(b"<html>secret internals", status="500 Oops"))]) as backend:
        async with plane(tmp_path, backend.url) as running:
            answer = await running.post("/v1/chat/completions", {**CHAT, "stream": True})
            assert answer.status == 502
            assert answer.json()["error"]["code"] == "upstream_error"
            assert answer.headers["x-should-retry"] == "true"
            assert b"internals" not in answer.body
            meta = running.outcome().meta
            assert (meta["end"], meta["status"]) == ("upstream_error", 502)
            assert "secret internals" in meta["attempts"][0]["detail"]


async def test_the_backends_own_refusal_goes_through_as_it_is_with_our_key_masked(tmp_path):
    body = b'{"error":{"message":"bad tool for sk-upstream-secret","type":"invalid_request_error"}}'
    async with WireBackend([expect(), send(reply(body, status="400 Bad", headers=JSON))]) as backend:
        async with plane(tmp_path, backend.url) as running:
            answer = await running.post("/v1/chat/completions", CHAT)
            assert (answer.status, answer.body) == (400, body.replace(b"sk-upstream-secret", b"***"))
            record = running.outcome()
            assert (record.meta["end"], record.meta["status"]) == ("completed", 400)
            assert b"sk-upstream-secret" not in record.blobs["reply"]


async def test_a_stale_pooled_connection_costs_the_caller_nothing(tmp_path):
    async with WireBackend([expect(), send(OK), expect(), reset()], [forever(expect(), send(OK))]) as backend:
        async with plane(tmp_path, backend.url) as running:
            for _ in range(2):
                assert (await running.post("/v1/chat/completions", CHAT)).status == 200
            attempts = running.of_kind("settled")[1].meta["attempts"]
            assert [attempt["reused"] for attempt in attempts] == [True, False]


@pytest.mark.parametrize("stage", ["waiting", "streaming"])
async def test_when_the_caller_leaves_the_backend_is_left_and_one_record_remains(tmp_path, stage):
    begun = [] if stage == "waiting" else [send(chunked_head(SSE) + chunk(delta("hel")))]
    async with WireBackend([expect(), *begun, until_closed()]) as backend, plane(tmp_path, backend.url) as running:
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": True}).encode())
        if stage == "streaming":
            await caller.receive(until=delta("hel"))
        await backend.until(lambda: bool(backend.requests))
        left = asyncio.get_running_loop().time()
        await caller.leave()
        await backend.connections[0].until(lambda: backend.connections[0].left_at is not None)
        assert (
            asyncio.get_running_loop().time() - left < 1.0
        )  # 0.2 s is promised, and measured by `make faults` on a machine that does nothing else
        await running.quiet()
        meta = running.outcome().meta
        assert (meta["end"], meta["status"]) == ("client_closed", 499)
        if stage == "streaming":
            assert meta["usage_estimated"] is True


async def test_a_caller_without_a_key_is_refused_counted_and_not_recorded(tmp_path):
    async with WireBackend() as backend, plane(tmp_path, backend.url) as running:
        answer = await running.post("/v1/chat/completions", CHAT, {"authorization": "Bearer nope"})
        assert (answer.status, answer.json()["error"]["code"]) == (401, "invalid_api_key")
        assert answer.headers["x-should-retry"] == "false"
        assert running.records() == []
        assert running.worker.gateway.gauges.refused == {"invalid_api_key": 1}
        assert backend.connections == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b'{"model":"nope"}', 404, "model_not_found"),
        (b'{"model":7}', 400, "invalid_value"),
        (b'{"model":"assistant","model":"secret"}', 400, "duplicate_key"),
        (b'{"model":"assistant","stream":"true"}', 400, "invalid_value"),
    ],
)
async def test_a_known_callers_bad_request_is_refused_and_recorded(tmp_path, body, status, code):
    async with WireBackend() as backend, plane(tmp_path, backend.url) as running:
        answer = await running.ask("POST", "/v1/chat/completions", body)
        assert (answer.status, answer.json()["error"]["code"]) == (status, code)
        (record,) = running.records()
        assert (record.meta["k"], record.meta["end"], record.meta["error_code"]) == ("refused", "refused", code)
        assert record.blobs["request"] == body
        assert backend.connections == []


@pytest.mark.parametrize("path", ["//v1/models", "/v1/../admin", "/v1/%2e%2e/x", "/v1/models/", "/V1/models", "/admin"])
async def test_there_is_one_spelling_of_every_path(tmp_path, path):
    async with WireBackend() as backend, plane(tmp_path, backend.url) as running:
        answer = await running.ask("GET", path)
        assert (answer.status, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/chat/completions", "/v1/v1/messages", "/metrics", "/"])
async def test_a_base_url_with_too_little_or_too_much_is_told(tmp_path, path):
    async with WireBackend() as backend, plane(tmp_path, backend.url) as running:
        answer = await running.ask("POST", path, b"{}")
        assert (answer.status, answer.json()["error"]["code"]) == (404, "not_found")
        assert (
            "The base URL of OpenAI's SDKs ends with /v1, that of Anthropic's does not"
            in answer.json()["error"]["message"]
        )
        assert backend.connections == []


async def test_an_anthropic_caller_is_answered_in_its_own_terms(tmp_path):
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "stop_reason": "end_turn"}
    message |= {"content": [{"type": "text", "text": "hello"}], "usage": {"input_tokens": 4, "output_tokens": 2}}
    script = [forever(expect(), send(reply(json.dumps(message).encode(), headers=JSON)))]
    async with WireBackend(script) as backend, plane(tmp_path, backend.url) as running:
        body = {"model": "claude", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
        answer = await running.post("/v1/messages", body, {"authorization": "", "x-api-key": "lgw_test"})
        assert (answer.status, answer.json()) == (200, message)
        assert answer.headers["request-id"] == answer.headers["x-request-id"]
        sent = backend.requests[0]
        assert json.loads(sent.body) == {**body, "model": "claude-upstream", "max_tokens": 64}
        assert (sent.target, sent.header(b"x-api-key")) == ("/v1/messages", b"sk-ant-secret")
        assert sent.header(b"authorization") is None
        assert sent.header(b"anthropic-version") == b"2023-06-01"
        assert running.outcome().meta["output_tokens"] == 2
        refused = await running.post("/v1/messages", {**body, "model": "nope"})
        assert refused.json()["type"] == "error"
        assert refused.json()["error"]["type"] == "not_found_error"


@pytest.mark.parametrize("is_model_first", [True, False])
async def test_a_form_picks_its_route_by_its_model_wherever_that_stands(tmp_path, is_model_first):
    file = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + b"\0RIFF" * 500_000 + b"\r\n"
    )
    model = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nassistant\r\n'
    body = (model + file if is_model_first else file + model) + b"--b--\r\n"
    text = reply(b'{"text":"hello"}', headers=JSON)
    async with WireBackend([forever(expect(), send(text))]) as backend, plane(tmp_path, backend.url) as running:
        form = {"content-type": "multipart/form-data; boundary=b"}
        answer = await running.ask("POST", "/v1/audio/transcriptions", body, form)
        assert (answer.status, answer.json()) == (200, {"text": "hello"})
        assert backend.requests[0].body == body.replace(b"\r\nassistant\r\n", b"\r\nupstream-model\r\n")
        assert running.outcome().meta["end"] == "completed"
        assert running.of_kind("admitted")[0].blobs == {}


async def test_a_binary_answer_streams_through_unaltered(tmp_path):
    sound = bytes(range(256)) * 4000
    script = [forever(expect(), send(reply(sound, headers=[("content-type", "audio/wav")])))]
    async with WireBackend(script) as backend, plane(tmp_path, backend.url) as running:
        answer = await running.post("/v1/audio/speech", {"model": "assistant", "input": "hi", "voice": "x"})
        assert (answer.status, answer.body, answer.headers["content-type"]) == (200, sound, "audio/wav")
        record = running.outcome()
        assert (record.meta["reply_bytes"], "reply" in record.blobs) == (len(sound), False)


async def test_what_names_no_model_goes_to_the_keys_default_route(tmp_path):
    async with WireBackend([forever(expect(), send(OK))]) as backend, plane(tmp_path, backend.url) as running:
        assert (await running.ask("GET", "/v1/files/file-1/content?x=1")).status == 200
        assert (backend.requests[0].method, backend.requests[0].target) == ("GET", "/v1/files/file-1/content?x=1")
        assert (await running.ask("DELETE", "/v1/files/f", headers={"x-llmgateway-route": "claude"})).status == 200
        assert backend.requests[1].header(b"x-api-key") == b"sk-ant-secret"
        missing = await running.ask("GET", "/v1/files", headers={"x-llmgateway-route": "nope"})
        assert missing.json()["error"]["code"] == "model_not_found"


async def test_the_list_of_models_is_the_routes_in_both_shapes(tmp_path):
    async with WireBackend() as backend, plane(tmp_path, backend.url) as running:
        listed = (await running.ask("GET", "/v1/models")).json()
        assert [model["id"] for model in listed["data"]] == ["assistant", "claude", "gpt-*", "resilient"]
        other = (await running.ask("GET", "/v1/models", headers={"anthropic-version": "2023-06-01"})).json()
        assert (other["has_more"], other["data"][0]["type"]) == (False, "model")
        one = await running.ask("GET", "/v1/models/assistant")
        assert one.json()["id"] == "assistant"
        assert (await running.ask("GET", "/v1/models/nope")).status == 404
        assert running.records() == []


async def test_a_request_that_went_in_a_circle_is_stopped(tmp_path):
    async with WireBackend([forever(expect(), send(OK))]) as backend, plane(tmp_path, backend.url) as running:
        await running.post("/v1/chat/completions", CHAT, {"x-llmgateway-hop": "1"})
        assert backend.requests[0].header(b"x-llmgateway-hop") == b"2"
        answer = await running.post("/v1/chat/completions", CHAT, {"x-llmgateway-hop": "3"})
        assert (answer.status, answer.json()["error"]["code"]) == (508, "loop_detected")


async def test_a_journal_that_is_full_refuses_before_the_backend_is_asked(tmp_path):
    class Full:
        is_full = True

        def append(self, buffers, *, may_use_reserve):
            from llmgateway.domain.errors import GatewayError

            if not may_use_reserve:
                raise GatewayError("log_store_full")

    async with WireBackend() as backend, plane(tmp_path, backend.url, journal=Full()) as running:
        answer = await running.post("/v1/chat/completions", CHAT)
        assert (answer.status, answer.json()["error"]["code"]) == (503, "log_store_full")
        assert answer.headers["retry-after"] == "1"
        assert backend.connections == []
