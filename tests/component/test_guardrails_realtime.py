"""Realtime sessions on a route with guardrails: judged message by message, either way, and nothing forbidden gets by."""

import asyncio
import base64
import json
import threading
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.component.test_guardrails_bypass_ways import reconfigured, text_of
from tests.support import guardrails
from tests.support.bypass import GUARDED, NUMBER, WORD, answers, escaped, guarded, on_disk, whole
from tests.support.rows import assert_idle
from tests.support.websocket import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Session,
    code_of,
    framed,
    hear,
    offer,
    opened,
    say,
    say_close,
    session,
)
from tests.support.wire_backend import finish, forever, send, send_bytewise, until_closed, wait_for

from llmgateway.guarding.session import GuardedSession
from llmgateway.wire.websocket import accept

SECRETS = (NUMBER.encode(), WORD.encode())
AUDIO = base64.b64encode(bytes(range(256)) * 2).decode()
AT = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
CREATED = {"type": "response.created", "event_id": "ev_1", "response": {"id": "resp_1", "status": "in_progress"}}


@pytest.fixture(autouse=True)
def installed(monkeypatch, caplog):
    guardrails.install(monkeypatch)
    yield
    for secret in (NUMBER, WORD):
        assert secret not in caplog.text


def item(text, **more):
    content = [{"type": "input_text", "text": text}]
    return {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}, **more}


def delta(text, kind="response.output_text", **more):
    return {"type": f"{kind}.delta", "event_id": "ev_d", **AT, "delta": text, **more}


def done(text, **more):
    return {"type": "response.output_text.done", "event_id": "ev_t", **AT, "text": text, **more}


def over(text, name="resp_1"):
    said = {
        "id": name.replace("resp", "item"),
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": text}],
    }
    usage = {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}
    response = {"object": "realtime.response", "id": name, "status": "completed", "output": [said], "usage": usage}
    return {"type": "response.done", "event_id": "ev_o", "response": response}


def spoken(*texts):
    """All that a backend says of one response, its text in these pieces."""
    whole = "".join(texts)
    return [say(CREATED), *(say(delta(text)) for text in texts), say(done(whole)), say(over(whole))]


def shows(*payloads):
    """Nothing forbidden is in there, in whatever spelling JSON has for it."""
    for payload in payloads:
        text = payload.decode("utf-8", "replace")
        for each in (text, json.dumps(json.loads(text), ensure_ascii=False) if text[:1] == "{" else ""):
            assert NUMBER not in each
            assert WORD not in each


@asynccontextmanager
async def talk(tmp_path, *steps, config=GUARDED, **headers):
    """A session: what its backend hears, and the caller's side of it. Nothing forbidden is anywhere afterwards."""
    heard: list = []
    script = [step(heard) if step in HEARS else step for step in steps]
    async with guarded(tmp_path, [*opened(), *script, until_closed()], config=config) as (backend, running):
        caller = await session(running, **headers)
        assert caller.status == 101, caller.body
        yield caller, heard, running
        await caller.leave()
        await running.quiet()
        assert_idle(running)
        assert not running.worker.gateway.tunnels.open
        shows(*(payload for _, payload in heard))
        for secret in SECRETS:
            assert secret not in on_disk(tmp_path)
            assert secret not in bytes(backend.connections[0].received)


def listens(heard):
    return hear(heard)


def listens_to_the_end(heard):
    return hear(heard, until=CLOSE)


HEARS = {listens, listens_to_the_end}


async def events(caller, until="response.done"):
    """What the caller hears, up to an event of that type."""
    found = []
    while not found or found[-1]["type"] != until:
        got = await caller.receive()
        assert got is not None, found
        assert got[0] == TEXT, (got, found)
        found.append(json.loads(got[1]))
        shows(got[1])
    return found


def streamed(found):
    return "".join(str(each["delta"]) for each in found if each["type"].endswith(".delta"))


def verdicts(running):
    return {(each["stage"], each["kind"], each["action"]): each["count"] for each in running.outcome().meta["verdicts"]}


async def test_what_passes_goes_through_both_ways(tmp_path):
    async with talk(tmp_path, listens, *spoken("Good ", "day."), listens_to_the_end, say_close(1000)) as (
        caller,
        heard,
        running,
    ):
        caller.send(item("hello", event_id="e1"))
        found = await events(caller)
        assert [each["type"] for each in found] == [
            "response.created",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.done",
        ]
        assert found[1:] == [delta("Good "), delta("day."), done("Good day."), over("Good day.")]
        assert json.loads(heard[0][1]) == item("hello", event_id="e1")
        caller.close()
        assert (await caller.until_closed())[1] == 1000
        assert heard[1] == (CLOSE, b"\x03\xe8")
        await running.quiet()
        meta = running.outcome().meta
        assert (meta["end"], meta["status"], meta["output_tokens"]) == ("completed", 101, 7)
        assert json.loads(running.outcome().blobs["reply"])["responses"] == [over("Good day.")["response"]]


async def test_a_finding_is_replaced_whichever_way_it_goes(tmp_path):
    pieces = ("Call 55", "512", "34 now", ".")
    async with talk(tmp_path, listens, *spoken(*pieces)) as (caller, heard, running):
        caller.send(item(f"I am {NUMBER}"))
        found = await events(caller)
        assert streamed(found) == "Call [NUMBER] now."
        assert found[-2]["text"] == "Call [NUMBER] now."
        assert found[-1] == over("Call [NUMBER] now.")
        assert json.loads(heard[0][1]) == item("I am [NUMBER]")
        await caller.leave()
        await running.quiet()
        assert verdicts(running) == {("request", "number", "redact"): 1, ("reply", "number", "redact"): 1}
        kept = json.loads(running.outcome().blobs["reply"])
        assert kept["responses"] == [over("Call [NUMBER] now.")["response"]]


async def test_an_event_that_is_blocked_goes_no_further_and_the_session_goes_on(tmp_path):
    async with talk(tmp_path, listens, *spoken("fine")) as (caller, heard, running):
        caller.send(item(f"so {WORD}", event_id="mine"))
        (told,) = await events(caller, "error")
        assert told["error"]["code"] == "guardrail_blocked"
        assert told["error"]["event_id"] == "mine"
        assert told["error"]["message"] == "A guardrail does not let this pass: word."
        assert told["event_id"]
        caller.send({"type": "response.create"})
        assert streamed(await events(caller)) == "fine"
        assert [json.loads(payload) for _, payload in heard] == [{"type": "response.create"}]
        await caller.leave()
        await running.quiet()
        assert verdicts(running) == {("request", "word", "block"): 1}


async def test_a_response_that_is_blocked_is_called_off_and_ends_without_a_text(tmp_path):
    rest = [say(delta(" and more")), say(done("so forbidden and more")), say(over("so forbidden and more"))]
    steps = [say(CREATED), say(delta("so for")), say(delta("bid")), say(delta("den")), listens, *rest]
    second = [say({**CREATED, "response": {"id": "resp_2"}}), say(over("fine", "resp_2"))]
    async with talk(tmp_path, *steps, listens, *second) as (caller, heard, running):
        found = await events(caller)
        assert [each["type"] for each in found if not each["type"].endswith("delta")] == [
            "response.created",
            "error",
            "response.done",
        ]
        assert streamed(found) == "so "
        assert found[-2]["error"]["code"] == "guardrail_blocked"
        assert found[-1]["response"] == {
            "object": "realtime.response",
            "id": "resp_1",
            "status": "incomplete",
            "status_details": {"type": "incomplete", "reason": "content_filter"},
            "output": [],
            "usage": over("")["response"]["usage"],
        }
        caller.send({"type": "response.create"})
        assert (await events(caller))[-1] == over("fine", "resp_2")
        assert [json.loads(payload)["type"] for _, payload in heard] == ["response.cancel", "response.create"]
        assert json.loads(heard[0][1])["response_id"] == "resp_1"
        await caller.leave()
        await running.quiet()
        assert verdicts(running) == {("reply", "word", "block"): 1}
        assert running.outcome().meta["output_tokens"] == 14


async def test_a_text_does_not_wait_for_ever_for_what_follows(tmp_path):
    go = asyncio.Event()
    async with talk(tmp_path, say(CREATED), say(delta("call 555")), wait_for(go), say(over("call 555"))) as (
        caller,
        _,
        _running,
    ):
        found = await events(caller, "response.output_text.delta")
        while streamed(found) != "call 555":
            found += await events(caller, "response.output_text.delta")
        go.set()
        assert (await events(caller))[-1] == over("call 555")


async def test_what_waits_is_given_before_the_backends_close(tmp_path):
    async with talk(tmp_path, say(CREATED), say(delta("call 555")), say_close(1000)) as (caller, _, _running):
        messages, code = await caller.until_closed()
        assert code == 1000
        assert streamed(json.loads(each) for each in messages) == "call 555"


async def test_a_long_message_is_not_lost_when_the_backend_goes_away_behind_it(tmp_path):
    long = "a word " * 30_000
    async with talk(tmp_path, say(delta(long)), finish()) as (caller, _, _running):
        messages, code = await caller.until_closed()
        found = [json.loads(each) for each in messages]
        assert (streamed(found), found[-1]["error"]["code"], code) == (long, "upstream_truncated", 1011)


async def test_what_is_still_being_judged_at_the_end_goes_nowhere(tmp_path, monkeypatch):
    go, judge = threading.Event(), GuardedSession.said

    def slowly(session, message):
        assert go.wait(10)
        return judge(session, message)

    monkeypatch.setattr(GuardedSession, "said", slowly)
    script = [*opened(), hear(heard := [], until=CLOSE), until_closed()]
    async with guarded(tmp_path, script) as (backend, running):
        caller = await session(running)
        caller.send(item("a word " * 30_000))
        (pipe,) = running.worker.gateway.tunnels.open
        async with asyncio.timeout(10):
            while not pipe._in.is_busy:
                await asyncio.sleep(0.001)
            pipe.go_away()
            await caller.until_closed()
            go.set()
            while pipe._in.is_busy:
                await asyncio.sleep(0.001)
        caller.close()
        assert await caller.ended()
        await running.quiet()
        assert [kind for kind, _ in heard] == [CLOSE]
        assert backend.connections[0].unread == b""


async def test_what_was_said_before_a_close_goes_on_however_long_it_is_judged(tmp_path, monkeypatch):
    go, judge = threading.Event(), GuardedSession.said

    def slowly(session, message):
        assert go.wait(10)
        return judge(session, message)

    monkeypatch.setattr(GuardedSession, "said", slowly)
    config = GUARDED.replace('hold = "0.3s"', 'hold = "0.1s"')
    steps = [say(CREATED), say(delta("call 555")), listens_to_the_end, say_close(1000)]
    async with talk(tmp_path, *steps, config=config) as (caller, heard, _running):
        await events(caller, "response.output_text.delta")
        caller.send(item("a word " * 30_000))
        caller.close()
        await asyncio.sleep(0.5)  # longer than a text waits
        go.set()
        assert (await caller.until_closed())[1] == 1000
        assert [(kind, len(payload)) for kind, payload in heard] == [
            (TEXT, len(json.dumps(item("a word " * 30_000)))),
            (CLOSE, 2),
        ]


async def test_what_waits_is_given_when_the_worker_goes_away(tmp_path):
    config = GUARDED.replace('hold = "0.3s"', 'hold = "60s"')
    async with talk(tmp_path, say(CREATED), say(delta("call 555")), config=config) as (caller, _, running):
        assert streamed(await events(caller, "response.output_text.delta")) == "call "
        for pipe in running.worker.gateway.tunnels.open:
            pipe.go_away()
        messages, code = await caller.until_closed()
        found = [json.loads(each) for each in messages]
        assert ([each["type"] for each in found], code) == (["response.output_text.delta", "error"], 1001)
        assert streamed(found) == "555"


HIDDEN = {
    "instructions": lambda text: {"type": "session.update", "session": {"type": "realtime", "instructions": text}},
    "a tool": lambda text: {
        "type": "session.update",
        "session": {"tools": [{"type": "function", "description": text}]},
    },
    "a parameter": lambda text: {"type": "session.update", "session": {"tools": [{"parameters": {text: {}}}]}},
    "a part": item,
    "a result": lambda text: {
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": "c", "output": json.dumps({"a": text})},
    },
    "arguments": lambda text: {
        "type": "conversation.item.create",
        "item": {"type": "function_call", "name": "f", "arguments": json.dumps({"a": text})},
    },
    "a response": lambda text: {"type": "response.create", "response": {"instructions": text}},
    "its input": lambda text: {"type": "response.create", "response": {"input": [item(text)["item"]]}},
    "an id": lambda text: item("a", event_id=text),
    "a type": lambda text: {"type": text},
    "an unknown event": lambda text: {"type": "something.new", "deep": [[{"er": text}]]},
    "an unknown member": lambda text: item("a", **{text: 1}),
    "two parts": lambda text: {
        "type": "conversation.item.create",
        "item": {"content": [{"type": "input_text", "text": text[:4]}, {"type": "input_text", "text": text[4:]}]},
    },
    "a picture's address": lambda text: {
        "type": "conversation.item.create",
        "item": {
            "content": [
                {
                    "type": "input_image",
                    "image_url": f"data:text/plain;base64,{base64.b64encode(text.encode()).decode()}",
                }
            ]
        },
    },
    "another spelling": lambda text: (
        b'{"type":"response.create","response":{"instructions":"%b"}}' % escaped(text).encode()
    ),
    "an escaped name": lambda text: (
        b'{"type":"response.create","r\\u0065sponse":{"instructions":"%b"}}' % text.encode()
    ),
    "a type that comes twice": lambda text: b'{"type":"input_audio_buffer.commit","type":"%b"}' % text.encode(),
}
TWICE = {
    "plain": b'{"type":"x","a":"forbidden","a":"b"}',
    "with as many quotes": b'{"type":"x","a":"forbidden","a":"\\u0022\\u0022\\u0022\\u0022"}',
    "in another spelling": b'{"type":"x","a":"forbidden","\\u0061":"b"}',
    "further down": b'{"type":"x","b":[{"a":{"c":"forbidden"},"a":1}]}',
}


@pytest.mark.parametrize("made", HIDDEN.values(), ids=HIDDEN.keys())
async def test_nothing_forbidden_gets_to_the_backend(tmp_path, made):
    async with talk(tmp_path, forever(hear([]))) as (caller, _, running):
        for text in (NUMBER, WORD):
            caller.send(made(text))
        caller.send(made("x" * 8) if made is not HIDDEN["a type"] else item("a"))
        told = await events(caller, "error")
        assert told[-1]["error"]["code"] in {"guardrail_blocked", "guardrail_unsupported"}
        await caller.leave()
        await running.quiet()
        assert ("request", "word", "block") in verdicts(running)


NUMBERS = {
    "a tool's schema": {"type": "session.update", "session": {"tools": [{"parameters": {"enum": [int(NUMBER)]}}]}},
    "in the place of a text": item(int(NUMBER)),
    "a member that nobody knows": {"type": "x", "deep": [{"er": [0.5, int(NUMBER)]}]},
}


@pytest.mark.parametrize("event", NUMBERS.values(), ids=NUMBERS.keys())
async def test_numbers_are_judged_as_texts_are(tmp_path, event):
    async with talk(tmp_path, listens, *spoken("fine")) as (caller, heard, running):
        caller.send(event)
        await events(caller)
        assert heard[0][1] == json.dumps(event).replace(NUMBER, '"[NUMBER]"').encode()
        await caller.leave()
        await running.quiet()
        assert verdicts(running)["request", "number", "redact"] == 1


@pytest.mark.parametrize("sent", TWICE.values(), ids=TWICE.keys())
async def test_of_a_member_that_comes_twice_one_goes_on(tmp_path, sent):
    async with talk(tmp_path, listens, *spoken("fine")) as (caller, heard, _):
        caller.send(sent)
        await events(caller)
        assert json.loads(heard[0][1]) == json.loads(sent)


UNREADABLE = {
    "binary": framed(b"\x00\x01forbidden", BINARY, is_masked=True),
    "no JSON": framed(b"forbidden", is_masked=True),
    "no object": framed(b'["forbidden"]', is_masked=True),
    "no UTF-8": framed(b'{"type":"\xff forbidden"}', is_masked=True),
    "empty": framed(b"", is_masked=True),
    "too deep": framed(b'{"a":' + b"[" * 300 + b"]" * 300 + b"}", is_masked=True),
    "too many elements": framed(b'{"a":[' + b"[]," * 300_000 + b"[]]}", is_masked=True),
    "half a pair": framed(b'{"type":"\\ud800"}', is_masked=True),
}


@pytest.mark.parametrize("sent", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_what_nobody_can_read_is_refused_and_the_session_goes_on(tmp_path, sent):
    async with talk(tmp_path, listens, *spoken("fine")) as (caller, heard, _):
        caller.writer.write(sent)
        (told,) = await events(caller, "error")
        assert told["error"]["type"] == "invalid_request_error"
        caller.send({"type": "response.create"})
        assert streamed(await events(caller)) == "fine"
        assert [payload for _, payload in heard] == [b'{"type": "response.create"}']


async def test_a_message_in_many_frames_with_pings_between_is_judged_whole(tmp_path):
    body = json.dumps(item(f"I am {NUMBER}")).encode()
    async with talk(tmp_path, listens, *spoken("fine")) as (caller, heard, _):
        cuts = [body[at : at + 7] for at in range(0, len(body), 7)]
        for at, piece in enumerate(cuts):
            caller.writer.write(framed(piece, TEXT if at == 0 else 0, is_masked=True, is_last=at == len(cuts) - 1))
            caller.writer.write(framed(NUMBER.encode(), PING, is_masked=True))
        for _ in cuts:
            assert await caller.receive() == (PONG, NUMBER.encode())  # by the gateway itself
        assert streamed(await events(caller)) == "fine"
        assert [kind for kind, _ in heard] == [TEXT]
        assert json.loads(heard[0][1]) == item("I am [NUMBER]")


async def test_a_backends_message_in_many_frames_is_judged_whole(tmp_path):
    body = json.dumps(delta(f"I am {NUMBER}. ")).encode()
    pieces = [body[at : at + 5] for at in range(0, len(body), 5)]
    frames = b"".join(
        framed(piece, TEXT if at == 0 else 0, is_masked=False, is_last=at == len(pieces) - 1)
        + framed(WORD.encode(), PING, is_masked=False)
        for at, piece in enumerate(pieces)
    )
    async with talk(tmp_path, say(CREATED), send_bytewise(frames), say(over("so"))) as (caller, _, _running):
        assert streamed(await events(caller)) == "I am [NUMBER]. "


async def test_the_reasons_of_close_frames_go_nowhere(tmp_path):
    async with talk(
        tmp_path, listens_to_the_end, send(framed((1000).to_bytes(2) + WORD.encode(), CLOSE, is_masked=False))
    ) as (
        caller,
        heard,
        _,
    ):
        caller.writer.write(framed((4001).to_bytes(2) + NUMBER.encode(), CLOSE, is_masked=True))
        assert (await caller.receive()) == (CLOSE, (1000).to_bytes(2))
        assert code_of(heard[-1][1]) == 4001
        assert len(heard[-1][1]) == 2


REPLIES = {
    "a delta": [delta(f"so {WORD} ")],
    "an old delta": [delta(f"so {WORD} ", "response.text")],
    "a text under both names": [delta("so for", "response.text"), delta("bidden", "response.output_text")],
    "a transcript": [
        delta("so for", "response.output_audio_transcript"),
        delta("bidden ", "response.output_audio_transcript"),
    ],
    "arguments": [
        delta('{"a":"for', "response.function_call_arguments"),
        delta('bidden"}', "response.function_call_arguments"),
    ],
    "escaped arguments": [
        delta('{"a":"\\u0066or', "response.function_call_arguments"),
        delta('bidden"}', "response.function_call_arguments"),
    ],
    "an unknown delta": [delta("so for", "response.dance"), delta("bidden ", "response.dance")],
    "an object": [{**delta(""), "delta": {"text": "for"}}, {**delta(""), "delta": {"text": "bidden"}}],
    "a beginning": [
        {"type": "response.content_part.added", **AT, "part": {"type": "output_text", "text": "so for"}},
        delta("bidden "),
    ],
    "a done": [done(f"so {WORD}")],
    "a whole item": [{"type": "response.output_item.done", **AT, "item": over(f"so {WORD}")["response"]["output"][0]}],
    "a whole response": [over(f"so {WORD}")],
    "an item of the conversation": [
        {"type": "conversation.item.done", "item": {"id": "i", "content": [{"text": WORD}]}}
    ],
    "an unknown event": [{"type": "something.new", "deep": [{"er": WORD}]}],
    "an error": [{"type": "error", "error": {"message": f"what is {WORD}"}}],
    "the session": [{"type": "session.updated", "session": {"instructions": WORD}}],
    "a transcription": [
        {
            "type": "conversation.item.input_audio_transcription.delta",
            "item_id": "u",
            "content_index": 0,
            "delta": "for",
        },
        {
            "type": "conversation.item.input_audio_transcription.delta",
            "item_id": "u",
            "content_index": 0,
            "delta": "bidden",
        },
    ],
    "a transcription that is whole": [
        {"type": "conversation.item.input_audio_transcription.completed", "item_id": "u", "transcript": WORD}
    ],
    "probabilities": [delta("a"), delta("b", logprobs=[{"token": WORD}]), done(WORD)],
}


@pytest.mark.parametrize("made", REPLIES.values(), ids=REPLIES.keys())
async def test_nothing_forbidden_gets_to_the_caller(tmp_path, made):
    async with talk(tmp_path, *map(say, made), say({"type": "rate_limits.updated"})) as (caller, _, running):
        found = await events(caller, "rate_limits.updated")
        assert sum(each["type"] == "error" for each in found) == 1
        assert "forbidden" not in streamed(found)
        await caller.leave()
        await running.quiet()
        assert ("reply", "word", "block") in verdicts(running)


async def test_responses_that_come_at_once_are_kept_apart(tmp_path):
    two = {**AT, "response_id": "resp_2", "item_id": "item_2"}
    made = [delta("call 555"), {**delta("die 777"), **two}, delta("12"), {**delta("7777 "), **two}, over("a", "resp_2")]
    async with talk(tmp_path, *map(say, made), say(delta("34.")), say(over(f"call {NUMBER}."))) as (
        caller,
        _,
        _running,
    ):
        found = await events(caller) + await events(caller)
        texts = dict.fromkeys(("resp_1", "resp_2"), "")
        for each in found:
            if each["type"].endswith(".delta"):
                texts[each["response_id"]] += each["delta"]
        assert texts == {"resp_1": "call [NUMBER].", "resp_2": "die [NUMBER] "}


async def test_nothing_of_a_response_follows_its_end(tmp_path):
    late = [say(delta(" 34")), say({"type": "rate_limits.updated"})]
    async with talk(tmp_path, say(delta("call 55512")), say(over("call 55512")), *late) as (caller, _, _running):
        found = await events(caller, "rate_limits.updated")
        assert streamed(found) == "call 55512"
        assert [each["type"] for each in found][-2:] == ["response.done", "rate_limits.updated"]


# --- sound ---


async def test_sound_is_refused_and_told_of_once(tmp_path):
    append = {"type": "input_audio_buffer.append", "audio": AUDIO}
    steps = [listens, say(delta(AUDIO, "response.output_audio")), say(over("fine"))]
    async with talk(tmp_path, *steps) as (caller, heard, _):
        for _ in range(3):
            caller.send(append)
        (told,) = await events(caller, "error")
        assert told["error"]["code"] == "guardrail_unsupported"
        assert "sound" in told["error"]["message"]
        caller.send({"type": "response.create"})
        assert [each["type"] for each in await events(caller)] == ["response.done"]
        assert [json.loads(payload) for _, payload in heard] == [{"type": "response.create"}]


async def test_sound_passes_where_the_operator_lets_it(tmp_path):
    config = GUARDED.replace("[guardrails]\n", '[guardrails]\nrealtime_audio = "pass"\n')
    append = {"type": "input_audio_buffer.append", "audio": AUDIO, "event_id": f"e {NUMBER}"}
    spoken_item = {"type": "conversation.item.create", "item": {"content": [{"type": "input_audio", "audio": AUDIO}]}}
    steps = [listens, listens, say(delta(AUDIO, "response.output_audio")), say(over("fine"))]
    async with talk(tmp_path, *steps, config=config) as (caller, heard, _):
        caller.send(append)
        caller.send(spoken_item)
        found = await events(caller)
        assert found == [delta(AUDIO, "response.output_audio"), over("fine")]
        assert json.loads(heard[0][1]) == {**append, "event_id": "e [NUMBER]"}
        assert json.loads(heard[1][1]) == spoken_item


@pytest.mark.parametrize("audio", [WORD, base64.b64encode((f"so {WORD} " * 20).encode()).decode()])
async def test_a_text_is_no_sound(tmp_path, audio):
    config = GUARDED.replace("[guardrails]\n", '[guardrails]\nrealtime_audio = "pass"\n')
    async with talk(tmp_path, forever(hear([])), config=config) as (caller, _, _running):
        caller.send({"type": "input_audio_buffer.append", "audio": audio})
        (told,) = await events(caller, "error")
        assert told["error"]["code"] in {"guardrail_blocked", "guardrail_unsupported"}


# --- values that come back ---


async def test_values_come_back_and_what_is_logged_has_their_placeholders(tmp_path):
    config = GUARDED.replace("least = 7", "least = 7\nrestore = true")
    pieces = ("call <NUM", "BER_1", "> now", ".")
    async with guarded(tmp_path, [*opened(), hear(heard := []), *spoken(*pieces), until_closed()], config=config) as (
        backend,
        running,
    ):
        caller = await session(running)
        caller.send(item(f"I am {NUMBER}, not NUMBER_2"))
        found = []
        while not found or found[-1]["type"] != "response.done":
            found.append(json.loads((await caller.receive())[1]))
        assert streamed(found) == f"call {NUMBER} now."
        assert found[-1] == over(f"call {NUMBER} now.")
        assert json.loads(heard[0][1]) == item("I am <NUMBER_1>, not NUMBER_2")
        await caller.leave()
        await running.quiet()
        assert NUMBER.encode() not in on_disk(tmp_path)
        assert b"<NUMBER_1>" in running.outcome().blobs["reply"]
        assert NUMBER.encode() not in bytes(backend.connections[0].received)


# --- others beside those that find places ---


def with_more(table, config=GUARDED):
    names = '["numbers", "words", "more"]'
    return config.replace('["numbers", "words"]', names).replace("[backends.one]", f"{table}[backends.one]", 1)


LENIENT = {
    "a slow one": '[guardrails.more]\nuse = "oracle"\nroute = "claude"\n',
    "a judge of replies": '[guardrails.more]\nuse = "shouting"\nstages = ["reply"]\n',
    "one that must know the request": '[guardrails.more]\nuse = "told"\nmode = "observe"\n',
}


@pytest.mark.parametrize("table", LENIENT.values(), ids=LENIENT.keys())
async def test_who_only_looks_refuses_no_session(tmp_path, table):
    async with talk(tmp_path, *spoken("fine"), config=with_more(table)) as (caller, _, _running):
        assert streamed(await events(caller)) == "fine"


async def test_a_quick_judge_looks_at_each_event_and_knows_whose_word_it_is(tmp_path):
    config = with_more('[guardrails.more]\nuse = "shouting"\naction = "block"\n')
    result = {"type": "function_call_output", "call_id": "c", "output": "DO IT"}
    async with talk(tmp_path, listens, *spoken("fine"), config=config) as (caller, heard, _):
        caller.send({"type": "conversation.item.create", "item": result})
        (told,) = await events(caller, "error")
        assert told["error"]["message"].endswith("shouting.loud.")
        caller.send(item("DO IT"))
        await events(caller)
        assert json.loads(heard[0][1]) == item("DO IT")


FLAGGING = GUARDED.replace("least = 7", 'least = 7\naction = "flag"').replace('action = "block"', 'mode = "observe"')


async def test_where_guardrails_only_look_frames_pass_as_they_are_and_what_they_find_is_counted(tmp_path):
    raw = b'{"type" : "x", "a":1.0, "a":"call 5551234"}'
    long = json.dumps(item("forbidden " * 10_000)).encode()
    script = [*opened(), hear(heard := []), hear(heard), send(framed(raw, is_masked=False)), until_closed()]
    async with guarded(tmp_path, script, config=FLAGGING) as (_, running):
        caller = await session(running)
        caller.send(raw)
        caller.send(long)
        assert await caller.receive() == (TEXT, raw)
        assert heard == [(TEXT, raw), (TEXT, long)]
        await caller.leave()
        await running.quiet()
        found = verdicts(running)
        assert found["request", "number", "flag"] == 1
        assert found["request", "word", "redact"] >= 1
        assert running.worker.gateway.bodies.held == 0


@pytest.mark.parametrize("sent", [b"no JSON", b'{"a":', b"[]", b'{"a":' + b"[" * 300 + b"]" * 300 + b"}", b""])
async def test_who_only_looks_is_not_troubled_by_what_makes_no_sense(tmp_path, sent):
    async with guarded(tmp_path, [*opened(), hear(heard := []), hear(heard), until_closed()], config=FLAGGING) as (
        backend,
        running,
    ):
        caller = await session(running)
        caller.send(sent)
        caller.send(b"\x00", BINARY)
        await backend.connections[0].until(lambda: len(heard) == 2)
        assert heard == [(TEXT, sent), (BINARY, b"\x00")]


async def test_who_only_looks_stops_where_there_is_no_room(tmp_path):
    async with guarded(tmp_path, [*opened(), hear(heard := []), until_closed()], config=FLAGGING) as (backend, running):
        running.worker.gateway.bodies.limit = 50_000
        caller = await session(running)
        caller.send(b"x" * 100_000)
        await backend.connections[0].until(lambda: len(heard) == 1)
        assert heard == [(TEXT, b"x" * 100_000)]
        assert running.worker.gateway.bodies.held == 0


async def test_a_guardrail_that_only_looks_and_fails_stops_nothing(tmp_path, caplog):
    config = FLAGGING.replace('use = "runs"', 'use = "fragile"')
    async with guarded(tmp_path, [*opened(), hear(heard := []), until_closed()], config=config) as (backend, running):
        caller = await session(running)
        caller.send(item("boom"))
        await backend.connections[0].until(lambda: len(heard) == 1)
        async with asyncio.timeout(10):
            while "a guardrail failed" not in caplog.text:
                await asyncio.sleep(0.01)


# --- long ones ---


async def test_long_messages_are_judged_beside_the_loop_and_keep_their_order(tmp_path):
    long = "a word " * 30_000
    made = [say(delta(f"{long}{NUMBER[:3]}")), say(delta(f"{NUMBER[3:]}. ")), say(over("b")), say_close(1000)]
    async with talk(tmp_path, listens, listens, *made) as (caller, heard, running):
        caller.send(item(f"{long}{NUMBER}"))
        caller.send(item("short"))
        messages, code = await caller.until_closed()
        found = [json.loads(each) for each in messages]
        shows(*messages)
        assert code == 1000
        assert streamed(found) == f"{long}[NUMBER]. "
        assert found[-1] == over("b")
        assert [json.loads(payload) for _, payload in heard] == [item(f"{long}[NUMBER]"), item("short")]
        await running.quiet()
        assert running.outcome().meta["output_tokens"] == 7


@pytest.mark.parametrize("by_caller", [True, False])
async def test_a_message_that_is_too_long_ends_the_session(tmp_path, by_caller, monkeypatch):
    monkeypatch.setattr("llmgateway.dataplane.guardedtunnel.MAX_MESSAGE", 100_000)
    long = framed(json.dumps(item(f"{WORD} " + "x" * 100_000)).encode(), is_masked=by_caller)
    steps = [listens_to_the_end, say_close(1009)] if by_caller else [send(long)]
    async with talk(tmp_path, *steps) as (caller, _, running):
        if by_caller:
            caller.writer.write(long)
        messages, code = await caller.until_closed()
        assert code == 1009
        (error,) = messages
        assert json.loads(error)["error"]["code"] == ("payload_too_large" if by_caller else "upstream_too_long")


async def test_what_callers_say_in_half_counts_as_request_bodies_do(tmp_path):
    async with talk(tmp_path, listens_to_the_end) as (caller, heard, running):
        memory = running.worker.gateway.bodies
        caller.writer.write(framed(b"x" * 100_000, is_masked=True, is_last=False))
        async with asyncio.timeout(10):
            while memory.held < 100_000:
                await asyncio.sleep(0.01)
        memory.limit = 150_000
        caller.writer.write(framed(b"x" * 100_000, 0, is_masked=True, is_last=False))
        messages, code = await caller.until_closed()
        assert (json.loads(messages[-1])["error"]["code"], code) == ("overloaded", 1011)
        caller.close()
        await running.quiet()
        assert memory.held == 0


async def test_what_has_been_judged_is_given_back(tmp_path):
    async with talk(tmp_path, listens, *spoken("fine")) as (caller, _, running):
        caller.send(item("a word " * 30_000))
        await events(caller)
        (pipe,) = running.worker.gateway.tunnels.open
        assert running.worker.gateway.bodies.held == pipe._session._names.size < 1_000


async def test_a_text_that_belongs_to_nothing_closes_the_session_where_it_blocks(tmp_path):
    piece = {"type": "session.output_transcript.delta", "delta": "for"}
    async with talk(tmp_path, say(piece), say({**piece, "delta": "bidden"}), listens_to_the_end) as (
        caller,
        heard,
        running,
    ):
        messages, code = await caller.until_closed()
        assert [json.loads(each)["error"]["code"] for each in messages] == ["guardrail_blocked"]
        assert code == 1008
        caller.close()
        await running.quiet()
        meta = running.outcome().meta
        assert (meta["end"], meta["error_code"]) == ("refused", "guardrail_blocked")
        assert code_of(heard[-1][1]) == 1001


async def test_a_caller_that_does_not_read_is_not_heard(tmp_path):
    """What a caller says is answered here: who never reads the answers must not make them pile up."""
    async with talk(tmp_path) as (caller, _, running):
        (pipe,) = running.worker.gateway.tunnels.open
        junk = framed(b"x" * 100, is_masked=True) * 200
        async with asyncio.timeout(30):
            while pipe._caller.reasons != {"caller"}:
                caller.writer.write(junk)
                await asyncio.sleep(0)
        assert pipe._caller.reasons == pipe._backend.reasons == {"caller"}


@pytest.mark.parametrize("offered", [f"realtime, {NUMBER}", f"x{WORD}x"])
async def test_a_subprotocol_that_may_not_pass_opens_no_session(tmp_path, offered):
    async with guarded(tmp_path, [*opened(), until_closed()]) as (backend, running):
        caller = await session(running, sec_websocket_protocol=offered)
        assert (caller.status, json.loads(caller.body)["error"]["code"]) == (400, "guardrail_blocked")
        assert backend.requests == []


async def test_the_handshakes_key_is_the_gateways_own(tmp_path):
    key = f"AAAA{NUMBER}AAAAAAAAAAA=="
    async with guarded(tmp_path, [*opened(), until_closed()]) as (backend, running):
        caller = await session(running, sec_websocket_key=key)
        assert (caller.status, caller.headers["sec-websocket-accept"]) == (101, accept(key.encode()).decode())
        assert NUMBER.encode() not in backend.requests[0].raw
        assert backend.requests[0].header(b"sec-websocket-key") != key.encode()


async def test_a_guardrail_that_fails_ends_the_session_and_lets_nothing_through(tmp_path):
    config = GUARDED.replace('use = "runs"', 'use = "fragile"')
    async with talk(tmp_path, listens_to_the_end, config=config) as (caller, heard, running):
        caller.send(item("boom"))
        messages, code = await caller.until_closed()
        assert (json.loads(messages[-1])["error"]["code"], code) == ("internal_error", 1011)
        caller.close()
        await running.quiet()
        assert all(kind == CLOSE for kind, _ in heard)
        assert running.outcome().meta["end"] == "gateway_error"


async def test_a_refusal_of_the_backend_is_judged_too(tmp_path):
    body = {"error": {"message": f"no, {NUMBER}"}}
    async with guarded(tmp_path, answers(whole(body, status="404 Not Found"))) as (_, running):
        caller = await session(running)
        assert caller.status == 404
        assert json.loads(caller.body) == {"error": {"message": "no, [NUMBER]"}}


async def test_a_backend_that_goes_away_in_the_middle_of_a_message(tmp_path):
    torn = framed(json.dumps(delta(f"so {WORD}")).encode(), is_masked=False)[:-3]
    async with talk(tmp_path, say(delta("call 555")), send(torn), finish()) as (caller, _, _running):
        messages, code = await caller.until_closed()
        assert code == 1011
        assert [json.loads(each)["type"] for each in messages] == ["response.output_text.delta"] * 2 + ["error"]
        assert json.loads(messages[-1])["error"]["code"] == "upstream_truncated"


# --- a reload ---


UNGUARDED = GUARDED.replace('baseline = ["numbers", "words"]', "")
HALF = 'baseline = ["numbers"]'


@pytest.mark.parametrize("before", [UNGUARDED, GUARDED.replace('baseline = ["numbers", "words"]', HALF)])
async def test_a_guardrail_that_a_reload_adds_is_nobodys_to_skip_who_began_before(tmp_path, before):
    heard: list = []
    steps = [*opened(), say(CREATED), say(delta("it")), hear(heard, until=CLOSE), say_close(1001), until_closed()]
    async with guarded(tmp_path, steps, config=before) as (backend, running):
        caller = await session(running)
        assert len(await events(caller, "response.output_text.delta")) == 2
        running.worker.put_in_force(reconfigured(running, text_of(GUARDED, backend, tmp_path)))
        caller.send(item(f"the {WORD} thing"))
        messages, code = await caller.until_closed()
        told = json.loads(messages[-1])["error"]
        assert (told["code"], code) == ("guardrails_changed", 1012)
        caller.close()
        await running.quiet()
        meta = running.outcome().meta
        assert (meta["end"], meta["error_code"]) == ("completed", "guardrails_changed")
        assert [opcode for opcode, _ in heard] == [CLOSE]
        assert not running.worker.gateway.tunnels.open


async def test_one_that_was_opening_meanwhile_does_not_stay_open_either(tmp_path):
    go = asyncio.Event()
    first, *rest = opened()
    async with guarded(tmp_path, [first, wait_for(go), *rest, until_closed()], config=UNGUARDED) as (backend, running):
        asking = asyncio.ensure_future(session(running))
        await backend.until(lambda: bool(backend.requests))
        running.worker.put_in_force(reconfigured(running, text_of(GUARDED, backend, tmp_path)))
        go.set()
        assert (await (await asking).until_closed())[1] == 1012


@pytest.mark.parametrize("before", [UNGUARDED, GUARDED.replace('baseline = ["numbers", "words"]', HALF)])
async def test_nor_does_what_either_side_has_said_by_then_go_on(tmp_path, before):
    go, heard = asyncio.Event(), []
    first, grants = opened(more=framed(json.dumps(delta(WORD)).encode(), is_masked=False))
    steps = [first, wait_for(go), grants, hear(heard, until=CLOSE), say_close(1001), until_closed()]
    async with guarded(tmp_path, steps, config=before) as (backend, running):
        peer = await running.connect()
        caller = Session(peer.reader, peer.writer)
        early = framed(json.dumps(item(f"the {WORD} thing")).encode(), is_masked=True)
        opening = asyncio.ensure_future(caller.open(offer() + early))
        await backend.until(lambda: bool(backend.requests))
        running.worker.put_in_force(reconfigured(running, text_of(GUARDED, backend, tmp_path)))
        go.set()
        messages, code = await (await opening).until_closed()
        assert ([json.loads(each)["type"] for each in messages], code) == (["error"], 1012)
        caller.close()
        await running.quiet()
        assert [opcode for opcode, _ in heard] == [CLOSE]


async def test_a_reload_that_takes_nothing_away_from_a_session_lets_it_go_on(tmp_path):
    go = asyncio.Event()
    async with talk(tmp_path, say(CREATED), wait_for(go), *spoken("fine")) as (caller, _, running):
        await events(caller, "response.created")
        same = running.worker.gateway.in_force.snapshot
        running.worker.put_in_force(replace(same, generation=2))
        running.worker.put_in_force(replace(same, generation=3, routes={}))
        go.set()
        assert streamed(await events(caller)) == "fine"


async def test_what_a_backend_has_a_session_remember_counts_as_bodies_do(tmp_path):
    name = "x" * 400
    rows = [delta("a. ", response_id=f"resp_{at}{name}", item_id=f"item_{at}{name}") for at in range(20)]
    async with talk(tmp_path, *map(say, [*rows, over("b")])) as (caller, _, running):
        assert (await events(caller))[:-1] == rows
        (pipe,) = running.worker.gateway.tunnels.open
        assert running.worker.gateway.bodies.held == pipe._session.held > 20 * len(name)
