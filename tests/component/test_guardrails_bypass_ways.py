"""Every way that leads an exchange elsewhere: what was redacted stays so, what is forbidden gets nowhere, nor is it kept."""

import asyncio
from dataclasses import replace

import pytest
from tests.component.test_hedging import TWO
from tests.support import guardrails
from tests.support.bypass import (
    DONE,
    GUARDED,
    GUARDRAILS,
    NUMBER,
    WORD,
    answers,
    chat_delta,
    completion,
    guarded,
    on_disk,
    said,
    streamed,
    whole,
)
from tests.support.plane import plane
from tests.support.shadowing import Shadowed, config_of
from tests.support.wire_backend import WireBackend, expect, forever, reset, send, tell, until_closed, wait_for

from llmgateway.config.loader import load
from llmgateway.config.snapshot import Bodies

PATH = "/v1/chat/completions"
NUMBERED = {"model": "assistant", "messages": [{"role": "user", "content": f"call {NUMBER}"}]}
QUIET = {"model": "assistant", "messages": [{"role": "user", "content": "hi"}]}
FAILS = whole({"error": {"message": f"no {NUMBER} {WORD}"}}, status="500 Broken")
TELLS = whole(completion(f"it is {NUMBER}"))


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    guardrails.install(monkeypatch)


def streaming(text):
    pieces = b"".join(chat_delta(content=each) for each in text)
    return streamed(pieces + chat_delta(finish="stop") + DONE)


def clean(backend):
    return all(NUMBER not in said(request.raw) and "[NUMBER]" in said(request.body) for request in backend.requests)


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_fallback(tmp_path, is_stream):
    tells = streaming(f"it is {NUMBER}") if is_stream else TELLS
    async with WireBackend(answers(tells)) as two, guarded(tmp_path, answers(FAILS), two=two.url) as (one, running):
        answer = await running.post(PATH, {**NUMBERED, "model": "resilient", "stream": is_stream})
        assert answer.status == 200
        assert NUMBER not in said(answer.body)
        assert one.requests
        assert two.requests
        assert clean(one)
        assert clean(two)
        assert NUMBER.encode() not in on_disk(tmp_path)
        assert WORD.encode() not in on_disk(tmp_path)


@pytest.mark.parametrize("first", [FAILS, whole({"error": {"message": NUMBER}}, status="429 Later"), whole(b"{"), None])
async def test_a_retry(tmp_path, first):
    config = GUARDED.replace("fallback = []\n", 'fallback = []\nretries = { base = "1ms", max_attempts = 3 }\n', 1)
    script = [expect(), send(first), expect(), send(TELLS), until_closed()] if first else [expect(), reset()]
    async with guarded(tmp_path, script, answers(TELLS), config=config) as (backend, running):
        answer = await running.post(PATH, NUMBERED)
        assert NUMBER not in said(answer.body)
        assert clean(backend)
        assert NUMBER.encode() not in on_disk(tmp_path)


HEDGED = TWO.replace("[backends.one]", GUARDRAILS + "[backends.one]", 1)


@pytest.mark.parametrize("body", [NUMBERED, {**NUMBERED, "stream": True}], ids=["whole", "stream"])
async def test_both_attempts_of_a_hedge(tmp_path, body):
    tells = streaming(f"it is {NUMBER}") if body.get("stream") else TELLS
    async with (
        WireBackend([forever(expect(), until_closed())]) as one,
        WireBackend(answers(tells)) as two,
        plane(tmp_path, one.url, two.url, HEDGED) as running,
    ):
        answer = await running.post(PATH, body)
        assert answer.status == 200
        assert NUMBER not in said(answer.body)
        assert len(one.requests) == len(two.requests) == 1
        assert clean(one)
        assert clean(two)
        assert NUMBER.encode() not in on_disk(tmp_path)


async def test_both_replies_of_a_hedge(tmp_path):
    go = asyncio.Event()
    forbidden = send(streaming(f"so {WORD}"))
    async with (
        WireBackend([forever(expect(), wait_for(go), forbidden)]) as one,
        WireBackend([forever(expect(), tell(go), forbidden)]) as two,
        plane(tmp_path, one.url, two.url, HEDGED) as running,
    ):
        answer = await running.post(PATH, {**QUIET, "stream": True})
        assert b"guardrail_blocked" in answer.body
        assert len(one.requests) == len(two.requests) == 1
        assert WORD.encode() not in on_disk(tmp_path)


SHADOWED = config_of().replace("[backends.one]", GUARDRAILS + "[backends.one]", 1)


@pytest.mark.parametrize("bodies", ["full", "redacted"])
@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_shadow(tmp_path, bodies, is_stream):
    config = SHADOWED.replace('bodies = "full"', f'bodies = "{bodies}"')
    told = streaming(f"{WORD} {NUMBER} ZZZZ") if is_stream else whole(completion(f"{WORD} {NUMBER} ZZZZ"))
    fine = streaming("fine") if is_stream else whole(completion("fine"))
    async with (
        WireBackend(answers(fine)) as one,
        WireBackend(answers(told)) as two,
        plane(tmp_path, one.url, two.url, config=config) as running,
    ):
        shadowed = Shadowed(running, one, two)
        assert (await running.post(PATH, {**NUMBERED, "stream": is_stream})).status == 200
        await two.until(lambda: bool(two.requests))
        await shadowed.still()
        assert clean(one)
        assert clean(two)
        _, copy = shadowed.pair()
        assert {each["kind"] for each in copy["verdicts"]} == {"word", "number"}
        kept = on_disk(tmp_path)
        assert NUMBER.encode() not in kept
        assert WORD.encode() not in kept
        assert bodies == "full" or b"ZZZZ" not in kept


async def test_a_blocked_request_has_no_copy(tmp_path):
    async with (
        WireBackend(answers(TELLS)) as one,
        WireBackend(answers(TELLS)) as two,
        plane(tmp_path, one.url, two.url, config=SHADOWED) as running,
    ):
        answer = await running.post(PATH, {**QUIET, "more": WORD})
        assert b"guardrail_blocked" in answer.body
        await Shadowed(running, one, two).still()
        assert one.requests == two.requests == []


def reconfigured(running, text):
    before = running.worker.gateway.in_force.snapshot
    return replace(load(text, providers=("openai", "anthropic"), generation=2, environ={}), keys=before.keys)


def text_of(config, backend, tmp_path):
    text = config.replace("{data}", str(tmp_path)).replace("{one}", backend.url).replace("{two}", "http://127.0.0.1:9")
    return text.replace("{hash}", "0" * 64)


async def test_a_reload_holds_for_the_next_exchange_and_not_for_the_one_under_way(tmp_path):
    unguarded = GUARDED.replace('baseline = ["numbers", "words"]', "")
    go = asyncio.Event()

    async def waits(_):
        await go.wait()

    async with guarded(
        tmp_path, [expect(), waits, send(TELLS), until_closed()], answers(TELLS), config=unguarded
    ) as it:
        backend, running = it
        under_way = asyncio.ensure_future(running.post(PATH, NUMBERED))
        await backend.until(lambda: bool(backend.requests))
        running.worker.put_in_force(reconfigured(running, text_of(GUARDED, backend, tmp_path)))
        after = await running.post(PATH, NUMBERED)
        assert NUMBER not in said(after.body)
        assert NUMBER not in said(backend.requests[1].body)
        go.set()
        assert NUMBER in said((await under_way).body)
        assert b"guardrail_blocked" in (await running.post(PATH, {**QUIET, "more": WORD})).body


async def test_a_reload_takes_nothing_from_an_exchange_under_way(tmp_path):
    unguarded = GUARDED.replace('baseline = ["numbers", "words"]', "")
    go = asyncio.Event()

    async def waits(_):
        await go.wait()

    script = [expect(), waits, send(streaming(f"it is {NUMBER}")), until_closed()]
    async with guarded(tmp_path, script) as (backend, running):
        under_way = asyncio.ensure_future(running.post(PATH, {**NUMBERED, "stream": True}))
        await backend.until(lambda: bool(backend.requests))
        running.worker.put_in_force(reconfigured(running, text_of(unguarded, backend, tmp_path)))
        go.set()
        assert NUMBER not in said((await under_way).body)
        assert NUMBER.encode() not in on_disk(tmp_path)


@pytest.mark.parametrize("bodies", list(Bodies))
async def test_a_policy_for_bodies_of_its_own(tmp_path, bodies):
    config = GUARDED.replace("[routes.assistant]\n", f'[routes.assistant]\nbodies = "{bodies}"\n', 1)
    async with guarded(tmp_path, answers(TELLS), config=config) as (backend, running):
        for body in (
            NUMBERED,
            {**QUIET, "more": WORD + NUMBER},
            {**NUMBERED, "user": NUMBER, "metadata": {NUMBER: NUMBER}},
        ):
            answer = await running.post(PATH, body)
            assert NUMBER not in said(answer.body)
        assert clean(backend)
        assert NUMBER.encode() not in on_disk(tmp_path)
        assert WORD.encode() not in on_disk(tmp_path)
