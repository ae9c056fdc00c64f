"""Judges that take their time, and realtime sessions: what a caller says waits for them, in its order."""

import asyncio
import base64
import json
import threading
from contextlib import asynccontextmanager

from tests.component.test_guardrails_places import NAME, TABLE, answering
from tests.component.test_guardrails_realtime import CREATED, events, item, over, spoken, streamed
from tests.support.plane import CONFIG, plane
from tests.support.rows import assert_idle
from tests.support.websocket import CLOSE, hear, opened, say, say_close, session
from tests.support.wire_backend import WireBackend, expect, forever, reply, send, until_closed, wait_for

from llmgateway.guarding.placeholders import NO_PLACEHOLDERS
from llmgateway.guarding.places import Places

HARM = (
    '[guardrails.harm]\nuse = "http"\nbackend = "two"\npath = "/harm"\nkinds = ["person", "whole"]\naction = "block"\n'
)
JSON = [("content-type", "application/json")]


def config(*tables: str, more: str = "") -> str:
    names = [table.split("]")[0].removeprefix("[guardrails.") for table in tables]
    return (
        CONFIG.replace("fallback = []\n", f"fallback = []\nguardrails = {json.dumps(names)}\n", 1)
        + more
        + "".join(tables)
    )


@asynccontextmanager
async def talking(tmp_path, steps, settings, service=None):
    """A session, what its backend hears, and the service that is asked."""
    heard: list = []
    script = [*opened(), *(step(heard) if step is listens else step for step in steps), until_closed()]
    async with (
        WireBackend(script) as one,
        WireBackend(answering() if service is None else service) as two,
        plane(tmp_path, one.url, two.url, config=settings) as running,
    ):
        caller = await session(running)
        assert caller.status == 101, caller.body
        yield caller, heard, two, running
        await caller.leave()
        await running.quiet()
        assert_idle(running)


def listens(heard):
    return hear(heard)


def said(heard) -> list:
    return [json.loads(payload) for _, payload in heard]


def texts_asked(service) -> list[str]:
    return [each["text"] for request in service.requests for each in json.loads(request.body)["texts"]]


def verdicts(running):
    return {
        (each["guardrail"], each["kind"], each["action"]): each["count"] for each in running.outcome().meta["verdicts"]
    }


async def test_what_somebody_is_asked_about_goes_on_without_what_he_redacts_and_comes_back(tmp_path):
    back = f"dear <HTTP_PERSON_1>, not {NAME}"
    restoring = TABLE + "restore = true\n"
    async with talking(tmp_path, [listens, *spoken(back)], config(restoring)) as (caller, heard, two, running):
        caller.send(item(f"I am {NAME}"))
        assert streamed(await events(caller)) == f"dear {NAME}, not {NAME}"
        assert said(heard) == [item("I am <HTTP_PERSON_1>")]
        assert f"I am {NAME}" in texts_asked(two)
        await caller.leave()
        await running.quiet()
        assert verdicts(running) == {("names", "http.person", "redact"): 1}


async def test_what_a_caller_writes_himself_is_nobodys_placeholder(tmp_path):
    steps = [listens, *spoken("<HTTP_PERSON_1> and <HTTP_PERSON_2>")]
    async with talking(tmp_path, steps, config(TABLE + "restore = true\n")) as (caller, heard, _, _running):
        caller.send(item(f"<HTTP_PERSON_1> is {NAME}"))
        assert streamed(await events(caller)) == f"<HTTP_PERSON_1> and {NAME}"
        assert said(heard) == [item("<HTTP_PERSON_1> is <HTTP_PERSON_2>")]


def by_path() -> list:
    """One finds names, the other what is evil."""

    async def answer(wire) -> None:
        asked = wire.backend.requests[-1]
        kind, what = ("whole", "evil") if asked.target == "/v1/harm" else ("person", NAME)
        texts = [each["text"] for each in json.loads(asked.body)["texts"]]
        at = [(index, text.find(what)) for index, text in enumerate(texts) if what in text]
        found = [{"text": index, "kind": kind, "start": start, "end": start + len(what)} for index, start in at]
        await send(reply(json.dumps({"findings": found}).encode(), headers=JSON))(wire)

    return [forever(expect(), answer)]


async def test_where_nothing_comes_back_nothing_that_a_caller_calls_so_is_remembered(tmp_path):
    """What stands for nobody's placeholders is one for all sessions and exchanges."""
    async with talking(tmp_path, [listens, *spoken("fine")], config(TABLE, HARM)) as (caller, heard, _, _running):
        caller.send(item("my_name_1 and PERSON_2"))
        await events(caller)
        assert said(heard) == [item("my_name_1 and PERSON_2")]
        assert NO_PLACEHOLDERS._avoided == set()


async def test_an_event_that_he_does_not_let_pass_goes_no_further_and_the_session_goes_on(tmp_path):
    steps = [listens, *spoken("fine")]
    async with talking(tmp_path, steps, config(TABLE, HARM), by_path()) as (caller, heard, two, _):
        caller.send(item("be evil", event_id="mine"))
        (told,) = await events(caller, "error")
        assert (told["error"]["code"], told["error"]["event_id"]) == ("guardrail_blocked", "mine")
        assert "http.whole" in told["error"]["message"]
        caller.send(item(f"hello {NAME}"))
        await events(caller)
        assert said(heard) == [item("hello [HTTP_PERSON]")]
        asked = [(each.target, json.loads(each.body)["texts"][0]["text"]) for each in two.requests]
        assert asked[-2:] == [("/v1/check", f"hello {NAME}"), ("/v1/harm", "hello [HTTP_PERSON]")]


async def test_what_follows_waits_in_its_order(tmp_path):
    go = asyncio.Event()
    slow = [expect(), wait_for(go), send(reply(b'{"findings": []}', headers=JSON)), *answering()]
    steps = [listens, listens, listens, *spoken("fine")]
    async with talking(tmp_path, steps, config(HARM), slow) as (caller, heard, two, running):
        caller.send(item("first"))
        caller.send({"type": "response.create"})
        caller.send(item("second"))
        await two.until(lambda: bool(two.requests))
        (pipe,) = running.worker.gateway.tunnels.open
        assert pipe._in.is_busy
        assert heard == []
        go.set()
        await events(caller)
        assert said(heard) == [item("first"), {"type": "response.create"}, item("second")]


async def test_without_an_answer_the_event_does_not_pass(tmp_path):
    silent = [forever(expect(), until_closed())]
    settings = config(HARM + 'timeout = "0.1s"\n')
    async with talking(tmp_path, [until_closed()], settings, silent) as (caller, _, _two, running):
        caller.send(item("hello"))
        (told,) = await events(caller, "error")
        assert told["error"]["code"] == "guardrail_unavailable"
        await caller.leave()
        await running.quiet()
        assert verdicts(running) == {("harm", "error.timeout", "block"): 1}


async def test_what_was_said_before_a_close_goes_on_and_what_is_asked_about_at_the_end_does_not(tmp_path):
    go = asyncio.Event()
    slow = [expect(), wait_for(go), send(reply(b'{"findings": []}', headers=JSON)), *answering()]
    heard: list = []
    steps = [hear(heard, until=CLOSE), say_close(1000)]
    async with talking(tmp_path, steps, config(HARM, more='[guardrails]\nhold = "0.1s"\n'), slow) as (
        caller,
        _,
        two,
        _running,
    ):
        caller.send(item("hello"))
        caller.close()
        await two.until(lambda: bool(two.requests))
        go.set()
        assert (await caller.until_closed())[1] == 1000
        assert json.loads(heard[0][1]) == item("hello")
    silent = [forever(expect(), until_closed())]
    async with talking(tmp_path / "b", [until_closed()], config(HARM), silent) as (caller, heard, two, running):
        caller.send(item("hello"))
        await two.until(lambda: bool(two.requests))
        (pipe,) = running.worker.gateway.tunnels.open
        pipe.go_away()
        assert (await caller.until_closed())[1] == 1001
        assert heard == []


async def test_nobody_is_asked_about_sound_nor_about_what_has_no_text(tmp_path):
    sound = {"type": "input_audio_buffer.append", "audio": base64.b64encode(bytes(range(256)) * 2).decode()}
    settings = config(HARM, more='[guardrails]\nrealtime_audio = "pass"\n')
    async with talking(tmp_path, [listens, listens, say(CREATED), say(over("x"))], settings) as (caller, heard, two, _):
        caller.send(sound)
        caller.send({"type": "input_audio_buffer.commit"})
        await events(caller)
        assert said(heard) == [sound, {"type": "input_audio_buffer.commit"}]
        assert two.requests == []


async def test_of_sound_beside_a_text_nobody_hears_either(tmp_path):
    """Whoever is asked first takes something out of the text; the next one is asked about the rest of that alone."""
    sound = {"type": "input_audio", "audio": base64.b64encode(bytes(range(256)) * 2).decode()}
    event = item(f"I am {NAME}")
    event["item"]["content"].append(sound)
    settings = config(TABLE, HARM, more='[guardrails]\nrealtime_audio = "pass"\n')
    async with talking(tmp_path, [listens, *spoken("fine")], settings, by_path()) as (caller, heard, two, _):
        caller.send(event)
        await events(caller)
        assert [each["type"] for each in said(heard)[0]["item"]["content"]] == ["input_text", "input_audio"]
        assert said(heard)[0]["item"]["content"][1] == sound
        asked = {each.target: [text["text"] for text in json.loads(each.body)["texts"]] for each in two.requests}
        others = [text for text in asked["/v1/check"] if NAME not in text]
        assert asked["/v1/harm"] == ["I am [HTTP_PERSON]", *others]
        assert sound["audio"] not in others


async def test_a_long_event_is_judged_beside_the_loop_and_asked_about_all_the_same(tmp_path, monkeypatch):
    long = f"{NAME} " + "a word " * 8_000
    redact, threads = Places.redacted, []

    def redacted(*about):
        threads.append(threading.get_ident())
        return redact(*about)

    monkeypatch.setattr(Places, "redacted", redacted)
    async with talking(tmp_path, [listens, *spoken("fine")], config(TABLE)) as (caller, heard, _, _running):
        caller.send(item(long))
        await events(caller)
        assert said(heard) == [item(long.replace(NAME, "[HTTP_PERSON]"))]
        assert len(threads) == 1
        assert threading.get_ident() not in threads


async def test_who_only_flags_is_not_asked(tmp_path):
    settings = config(TABLE, HARM.replace('"block"', '"flag"'))
    async with talking(tmp_path, [listens, *spoken("fine")], settings) as (caller, _, two, _running):
        caller.send(item("the whole of it"))
        await events(caller)
        assert {each.target for each in two.requests} == {"/v1/check"}
