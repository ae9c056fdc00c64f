"""Guardrails that must know what was asked, on real sockets: each reply is judged by its own request, whichever way."""

import json
from contextlib import asynccontextmanager

import pytest
from tests.component.test_guardrails import delta
from tests.support import guardrails, shadowing
from tests.support.bypass import CHATS, answers, completion, event, streamed, whole
from tests.support.plane import CONFIG, plane
from tests.support.shadowing import shadowed
from tests.support.wire_backend import WireBackend, expect, forever, reply, send

SECRET = "the-goose-is-grey"
BOUND = CONFIG.replace("fallback = []\n", 'fallback = []\nguardrails = ["told"]\n', 1)
BLOCKING = BOUND + '[guardrails.told]\naction = "block"\n'
LOOKING = BOUND + '[guardrails.told]\nmode = "observe"\n'
TELLS = f"well, {SECRET} it is"


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    guardrails.install(monkeypatch)


def asking(system=SECRET, **more):
    system_message = [{"role": "system", "content": system}] if system else []
    return {"model": "assistant", "messages": [*system_message, {"role": "user", "content": "hi"}], **more}


@asynccontextmanager
async def running(tmp_path, *scripts, config=BOUND, two="http://127.0.0.1:9"):
    async with WireBackend(*scripts) as backend, plane(tmp_path, backend.url, two, config=config) as it:
        yield backend, it


def verdicts(it):
    return [(each["guardrail"], each["stage"], each["kind"], each["count"]) for each in it.outcome().meta["verdicts"]]


async def test_a_reply_is_judged_by_its_own_request(tmp_path):
    async with running(tmp_path, answers(whole(completion(TELLS)))) as (backend, it):
        first = await it.post(CHATS, asking())
        other = await it.post(CHATS, asking("something else"))
        without = await it.post(CHATS, asking(""))
        assert json.loads(backend.requests[0].body)["messages"][0]["content"] == SECRET  # prompts are not looked into
    assert first.json()["choices"][0]["message"]["content"] == "well, [TOLD] it is"
    assert SECRET.encode() in other.body
    assert SECRET.encode() in without.body


async def test_a_stream_is_held_where_the_request_says_what_to_look_for(tmp_path):
    pieces = [delta(content=each) for each in TELLS]
    script = answers(streamed(b"".join([*pieces, delta(finish="stop"), b"data: [DONE]\n\n"])))
    async with running(tmp_path, script) as (_, it):
        answer = await it.post(CHATS, asking(stream=True))
        assert verdicts(it) == [("told", "reply", "told", 1)]
    said = [json.loads(each[6:]) for each in answer.body.decode().split("\n\n") if each.startswith("data: {")]
    assert "".join(each["choices"][0]["delta"].get("content", "") for each in said) == "well, [TOLD] it is"


async def test_where_there_is_nothing_to_look_for_a_stream_passes_as_it_came(tmp_path):
    odd = event({"text": TELLS}) + b": a comment\n\n"
    async with running(tmp_path, answers(streamed(odd)), config=BLOCKING) as (_, it):
        passes = await it.post("/v1/threads/t/runs", asking(""))
        held = await it.post("/v1/threads/t/runs", asking())
    assert passes.body == odd  # nobody has touched it
    assert b"guardrail_unsupported" in held.body


async def test_what_has_no_json_is_not_held_either(tmp_path):
    form = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nassistant\r\n--b--\r\n'
    heard = {"content-type": "multipart/form-data; boundary=b"}
    async with running(tmp_path, answers(whole({"text": TELLS})), config=BLOCKING) as (_, it):
        answer = await it.ask("POST", "/v1/audio/transcriptions", form, heard)
    assert answer.json() == {"text": TELLS}


@pytest.mark.parametrize("stream", [False, True])
async def test_what_blocks_ends_it_and_nothing_of_it_is_kept(tmp_path, stream):
    answer = streamed(delta(content=TELLS) + delta(finish="stop")) if stream else whole(completion(TELLS))
    async with running(tmp_path, answers(answer), config=BLOCKING) as (_, it):
        told = await it.post(CHATS, asking(stream=stream))
        await it.quiet()
        assert b"guardrail_blocked" in told.body
        assert SECRET.encode() not in told.body
        assert verdicts(it) == [("told", "reply", "told", 1)]
        assert SECRET.encode() not in it.outcome().blobs.get("reply", b"")


@pytest.mark.parametrize("stream", [False, True])
async def test_who_only_looks_changes_nothing_but_what_is_stored(tmp_path, stream):
    answer = streamed(delta(content=TELLS) + delta(finish="stop")) if stream else whole(completion(TELLS))
    async with running(tmp_path, answers(answer), config=LOOKING) as (_, it):
        told = await it.post(CHATS, asking(stream=stream))
        await it.quiet()
        assert SECRET.encode() in told.body
        assert verdicts(it) == [("told", "reply", "told", 1)]
        assert SECRET.encode() not in it.outcome().blobs["reply"]


async def test_every_attempt_of_an_exchange_is_judged_by_it(tmp_path):
    config = CONFIG.replace("[routes.resilient]\n", '[routes.resilient]\nguardrails = ["told"]\n')
    fails = [forever(expect(), send(reply(b"{}", status="503 Busy")))]
    async with WireBackend(answers(whole(completion(TELLS)))) as two:
        async with running(tmp_path, fails, config=config, two=two.url) as (_, it):
            answer = await it.post(CHATS, asking() | {"model": "resilient"})
            assert len(it.outcome().meta["attempts"]) > 1
    assert answer.json()["choices"][0]["message"]["content"] == "well, [TOLD] it is"


async def test_a_copy_is_judged_by_the_same_request_and_only_looked_at(tmp_path, monkeypatch):
    guarded = shadowing.CONFIG.replace("[routes.assistant]\n", '[routes.assistant]\nguardrails = ["told"]\n')
    monkeypatch.setattr(shadowing, "CONFIG", guarded)
    one, two = answers(whole(completion("nothing"))), answers(whole(completion(TELLS)))
    async with shadowed(tmp_path, [one], [two]) as it:
        await it.plane.post(CHATS, asking())
        await it.still()
        primary, copy = it.pair()
    assert "verdicts" not in primary
    assert [(each["kind"], each["mode"]) for each in copy["verdicts"]] == [("told", "observe")]


ECHO = {"id": "resp_1", "object": "response", "instructions": SECRET, "output": []}


def said_in_output(text):
    return [{"type": "message", "content": [{"type": "output_text", "text": text}]}]


async def test_an_api_that_repeats_its_instructions_has_not_leaked_them(tmp_path):
    leak = ECHO | {"output": said_in_output(TELLS)}
    asked = {"model": "assistant", "instructions": SECRET, "input": "hi"}
    async with running(
        tmp_path, answers(whole(ECHO | {"output": said_in_output("fine")}), whole(leak)), config=BLOCKING
    ) as (_, it):
        fine = await it.post("/v1/responses", asked)
        blocked = await it.post("/v1/responses", asked)
        assert ["verdicts" in each.meta for each in it.of_kind("settled")] == [False, True]
    assert fine.json()["instructions"] == SECRET
    assert b"guardrail_blocked" in blocked.body


@pytest.mark.parametrize("other", [SECRET + " ", f"so {SECRET}", json.dumps({"a": SECRET})])
async def test_only_what_it_was_told_letter_by_letter_is_an_echo(tmp_path, other):
    asked = {"model": "assistant", "instructions": SECRET, "input": "hi"}
    async with running(tmp_path, answers(whole(ECHO | {"instructions": other})), config=BLOCKING) as (_, it):
        assert b"guardrail_blocked" in (await it.post("/v1/responses", asked)).body


async def test_an_argument_by_that_name_is_no_echo(tmp_path):
    config = BLOCKING.replace(
        "[routes.claude.versions.v1]", '[routes.claude]\nguardrails = ["told"]\n[routes.claude.versions.v1]'
    )
    asked = {"model": "claude", "instructions": SECRET, "system": SECRET, "messages": []}
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {"instructions": SECRET}}
    message = {"id": "m", "type": "message", "role": "assistant", "content": [call], "usage": {"input_tokens": 1}}
    async with running(tmp_path, answers(whole(message)), config=config) as (_, it):
        assert b"guardrail_blocked" in (await it.post("/v1/messages", asked)).body


async def test_other_guardrails_look_at_an_echo_as_ever(tmp_path):
    config = BOUND.replace('["told"]', '["told", "runs"]')
    echo = ECHO | {"instructions": "5551234 is it", "output": said_in_output("fine")}
    delta = {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": "a"}
    kinds = ("response.created", "response.completed")
    first, last = (event({"type": kind, "response": echo | {"status": "completed"}}, kind) for kind in kinds)
    script = answers(whole(echo), streamed(first + event(delta, delta["type"]) + last))
    async with running(tmp_path, script, config=config + '[guardrails.runs]\nstages = ["reply"]\n') as (_, it):
        for stream in (False, True):
            asked = {"model": "assistant", "instructions": "5551234 is it", "input": "hi", "stream": stream}
            assert b'"[NUMBER] is it"' in (await it.post("/v1/responses", asked)).body


async def test_a_request_that_is_redacted_is_what_the_reply_is_judged_by(tmp_path):
    config = BOUND.replace('["told"]', '["runs", "told"]') + '[guardrails.runs]\nstages = ["request"]\n'
    async with running(tmp_path, answers(whole(completion("so [NUMBER] is it"))), config=config) as (_, it):
        answer = await it.post(CHATS, asking("[NUMBER]".replace("[NUMBER]", "5551234")))
    assert answer.json()["choices"][0]["message"]["content"] == "so [TOLD] is it"
