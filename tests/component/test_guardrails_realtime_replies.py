"""Judges of replies, and realtime sessions: a response waits for them, and nothing else does that need not."""

import asyncio
import base64
import json
import logging
import re
import threading

import pytest
from tests.component.test_guardrails import answer_of
from tests.component.test_guardrails_places import NAME
from tests.component.test_guardrails_realtime import AT, CREATED, REPLIES, delta, done, events, item, over, streamed
from tests.component.test_guardrails_realtime_slow import JSON, config, listens, said, talking, verdicts
from tests.support import guardrails
from tests.support.bypass import WORD
from tests.support.canaries import canaries, search
from tests.support.websocket import say, say_close
from tests.support.wire_backend import expect, finish, forever, reply, send, until_closed, wait_for

from llmgateway.dataplane import sessionreply
from llmgateway.dataplane.guardedtunnel import GuardedTunnel
from llmgateway.guarding import holding
from llmgateway.guarding.guards import Guard

TABLE = '[guardrails.harm]\nuse = "http"\nbackend = "two"\nkinds = ["person", "whole"]\nstages = ["reply"]\ntimeout = "9s"\n'
BLOCKING = config(TABLE + 'action = "block"\n')
REDACTING = config(TABLE + 'action = "redact"\n')
SOUND = base64.b64encode(bytes(range(256)) * 2).decode()
AUDIO = {"type": "response.output_audio.delta", "event_id": "e", **AT, "delta": SOUND}
HEARS = '[guardrails]\nrealtime_audio = "pass"\n'


def finds(*words: str, go: asyncio.Event | None = None, whole: bool = False) -> list:
    """A service that finds these words; it says nothing before `go`."""

    async def answer(wire) -> None:
        texts = [each["text"] for each in json.loads(wire.backend.requests[-1].body)["texts"]]
        if go is not None:
            await wait_for(go)(wire)
        spans = [
            (at, found.span()) for word in words for at, text in enumerate(texts) for found in re.finditer(word, text)
        ]
        found = [{"text": at, "kind": "person", "start": start, "end": end} for at, (start, end) in spans]
        found = [{"text": each["text"], "kind": "whole"} for each in found] if whole else found
        await send(reply(json.dumps({"findings": found}).encode(), headers=JSON))(wire)

    return [forever(expect(), answer)]


def asked(service) -> list[list[str]]:
    return [[each["text"] for each in json.loads(request.body)["texts"]] for request in service.requests]


def response(*pieces: str, number: int = 1, status: str = "completed") -> list[dict]:
    """All that a backend says of one response, as OpenAI's does."""
    name, one = f"resp_{number}", f"item_{number}"
    at = {"response_id": name, "item_id": one, "output_index": 0, "content_index": 0}
    text = "".join(pieces)
    begun = {"id": one, "object": "realtime.item", "type": "message", "status": "in_progress", "role": "assistant"}
    whole = {**begun, "status": "completed", "content": [{"type": "output_text", "text": text}]}
    last = over(text, name)
    last["response"] |= {
        "output": [whole],
        "status": status,
        "conversation_id": "conv_1",
        "output_modalities": ["text"],
    }
    return [
        {"type": "response.created", "event_id": "e", "response": {"id": name, "status": "in_progress", "output": []}},
        {
            "type": "response.output_item.added",
            "response_id": name,
            "output_index": 0,
            "item": {**begun, "content": []},
        },
        {"type": "conversation.item.added", "previous_item_id": None, "item": {**begun, "content": []}},
        {"type": "response.content_part.added", **at, "part": {"type": "output_text", "text": ""}},
        *(delta(piece, **at) for piece in pieces),
        done(text, **at),
        {"type": "response.content_part.done", **at, "part": {"type": "output_text", "text": text}},
        {"type": "conversation.item.done", "previous_item_id": None, "item": whole},
        {"type": "response.output_item.done", "response_id": name, "output_index": 0, "item": whole},
        last,
    ]


BEGINNING = 4  # events of one that say nothing yet


def says(*rows: dict) -> list:
    return [say(each) for each in rows]


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


def codes(found) -> list[str]:
    return [each["error"]["code"] for each in found if each["type"] == "error"]


async def test_a_response_passes_as_it_is_once_it_has_been_judged_and_not_before(tmp_path):
    go, rows = asyncio.Event(), response("Good ", "day.")
    others = [
        {"type": "rate_limits.updated", "rate_limits": [{"name": "tokens", "limit": 9}]},
        {"type": "input_audio_buffer.speech_started", "item_id": "item_9", "audio_start_ms": 1},
        {"type": "conversation.item.input_audio_transcription.delta", "item_id": "item_9", "delta": "who "},
    ]
    service = finds(WORD, go=go)
    async with talking(tmp_path, says(*rows, *others), BLOCKING, service) as (caller, _, two, running):
        found = [json.loads((await caller.receive())[1]) for _ in range(BEGINNING + len(others))]
        assert found == [*rows[:BEGINNING], *others]
        await until(lambda: bool(two.requests))
        go.set()
        assert await events(caller) == rows[BEGINNING:]
        assert asked(two) == [["Good day."]]
        await caller.leave()
        await running.quiet()
        assert running.outcome().meta["output_tokens"] == 7
        assert "verdicts" not in running.outcome().meta


async def test_one_that_is_blocked_is_told_as_a_fast_guardrail_tells_it_and_the_session_goes_on(tmp_path):
    rows, fine = response("so for", "bidden"), response("fine", number=2)
    late = {"type": "conversation.item.done", "item": rows[-1]["response"]["output"][0]}
    retrieved = {**late, "type": "conversation.item.retrieved"}
    steps = [*says(*rows, late), listens, *says(retrieved), listens, *says(*fine)]
    async with talking(tmp_path, steps, BLOCKING, finds(WORD)) as (caller, heard, _, running):
        found = await events(caller)
        assert found[:BEGINNING] == rows[:BEGINNING]
        assert codes(found) == ["guardrail_blocked"]
        assert [each["type"] for each in found[BEGINNING:]] == ["error", "response.done"]
        assert found[-1]["response"]["status"] == "incomplete"
        assert found[-1]["response"]["output"] == []
        assert found[-1]["response"]["usage"]["output_tokens"] == 7
        caller.send({"type": "conversation.item.retrieve", "item_id": "item_1"})
        (told,) = await events(caller, "error")
        assert told["error"]["code"] == "guardrail_blocked"
        caller.send({"type": "response.create"})
        assert await events(caller) == fine
        assert [each["type"] for each in said(heard)] == ["conversation.item.retrieve", "response.create"]
        await caller.leave()
        await running.quiet()
        assert set(verdicts(running)) == {("harm", "http.person", "block")}
        kept = running.outcome().blobs["reply"]
        assert (WORD.encode() in kept, b"fine" in kept) == (False, True)


async def test_one_that_is_redacted_comes_without_what_was_found(tmp_path):
    rows = response("I am ", "Ada ", "Love", "lace, ", "and you?")
    async with talking(tmp_path, says(*rows), REDACTING, finds(NAME)) as (caller, _, two, running):
        found = await events(caller)
        clean = "I am [HTTP_PERSON], and you?"
        assert [each for each in found if each["type"].endswith("text.delta")] == [
            delta(clean, response_id="resp_1", item_id="item_1")
        ]
        assert [each for each in found if not each["type"].endswith("text.delta")] == [
            json.loads(json.dumps(each).replace(f"I am {NAME}, and you?", clean))
            for each in rows
            if not each["type"].endswith("text.delta")
        ]
        assert asked(two) == [[f"I am {NAME}, and you?"]]
        await caller.leave()
        await running.quiet()
        assert verdicts(running) == {("harm", "http.person", "redact"): 1}
        assert NAME.encode() not in running.outcome().blobs["reply"]


async def test_others_look_at_what_is_left_when_one_has_redacted(tmp_path):
    names = TABLE.replace("harm", "names").replace('backend = "two"', 'backend = "two"\npath = "/names"')
    settings = config(names + 'action = "redact"\n', TABLE + 'action = "block"\n')
    async with talking(tmp_path, says(*response(f"I am {NAME}")), settings, finds(NAME)) as (caller, _, two, _running):
        assert streamed(await events(caller)) == "I am [HTTP_PERSON]"
        assert [request.target for request in two.requests] == ["/v1/names", "/v1/check"]
        assert asked(two) == [[f"I am {NAME}"], ["I am [HTTP_PERSON]"]]


async def test_arguments_of_a_call_are_redacted_and_stay_json(tmp_path):
    rows = called(json.dumps({"to": NAME, "n": 1}))
    async with talking(tmp_path, says(*rows), REDACTING, finds(NAME)) as (caller, _, two, _running):
        found = await events(caller)
        assert found[:2] == rows[:2]
        assert json.loads(streamed(found)) == {"to": "[HTTP_PERSON]", "n": 1}
        assert json.loads(found[-1]["response"]["output"][0]["arguments"]) == {"to": "[HTTP_PERSON]", "n": 1}
        assert NAME not in json.dumps(found)
        assert "write" in asked(two)[0]


NO_ANSWER = {
    "block": ('on_error = "block"\n', ["guardrail_unavailable"], ""),
    "pass": ('on_error = "pass"\n', [], "fine"),
}


@pytest.mark.parametrize("on_error", NO_ANSWER)
async def test_without_an_answer_it_depends_on_what_is_to_follow(tmp_path, on_error):
    more, told, text = NO_ANSWER[on_error]
    table = TABLE.replace('"9s"', '"0.1s"') + 'action = "block"\n' + more
    silent = [forever(expect(), until_closed())]
    async with talking(tmp_path, says(*response("fine")), config(table), silent) as (caller, _, _two, running):
        found = await events(caller)
        assert (codes(found), streamed(found)) == (told, text)
        assert found[-1]["response"]["status"] == ("incomplete" if told else "completed")
        await caller.leave()
        await running.quiet()
        assert verdicts(running) == {("harm", "error.timeout", "block" if told else "flag"): 1}


async def test_who_only_flags_beside_one_who_enforces_is_asked_too(tmp_path):
    watching = TABLE.replace("harm", "watching") + 'action = "flag"\n'
    observing = TABLE.replace("harm", "observing") + 'action = "block"\nmode = "observe"\n'
    silent = TABLE.replace("harm", "silent").replace('"two"', '"claude"') + 'action = "flag"\n'
    settings = config(TABLE + 'action = "block"\non_error = "pass"\n', watching, observing, silent)
    async with talking(tmp_path, says(*response("so so")), settings, finds("so so", whole=True)) as (
        caller,
        _,
        _t,
        running,
    ):
        found = await events(caller)
        assert codes(found) == ["guardrail_blocked"]
        await caller.leave()
        await running.quiet()
        assert {each[0] for each in verdicts(running)} >= {"harm"}


async def test_a_quick_judge_of_replies_holds_a_response_too(tmp_path, monkeypatch):
    guardrails.install(monkeypatch)
    table = '[guardrails.loud]\nuse = "shouting"\nsource = "assistant"\nstages = ["reply"]\naction = "block"\n'
    rows = [*response("DO ", "IT"), *response("do it", number=2)]
    async with talking(tmp_path, says(*rows), config(table)) as (caller, _, two, _running):
        assert codes(await events(caller)) == ["guardrail_blocked"]
        assert streamed(await events(caller)) == "do it"
        assert two.requests == []


async def test_judges_are_told_what_was_said_before(tmp_path):
    settings = config(TABLE + 'action = "block"\n')
    steps = [listens, listens, *says(*response("fine")), listens, *says(*response("well", number=2))]
    async with talking(tmp_path, steps, settings, finds(WORD)) as (caller, _, two, _running):
        caller.send({"type": "session.update", "session": {"instructions": "Be kind."}})
        caller.send(item("How are you?"))
        await events(caller)
        caller.send(item("Really?"))
        await events(caller)
        context = [(each["source"], each["text"]) for each in json.loads(two.requests[1].body)["context"]]
        assert context == [
            ("system", "Be kind."),
            ("user", "How are you?"),
            ("assistant", "fine"),
            ("user", "Really?"),
        ]


# --- what happens meanwhile ---


async def test_a_response_may_be_called_off_while_it_waits_and_its_sound_is_not_heard_then(tmp_path):
    go, rows = asyncio.Event(), response("I was ", "going to say", status="cancelled")
    where = BEGINNING + 1
    rows = [*rows[:where], AUDIO, *rows[where:]]
    settings = (
        HEARS.join(["", BLOCKING]) if "[guardrails]" in BLOCKING else config(TABLE + 'action = "block"\n', more=HEARS)
    )
    steps = [*says(*rows[: where + 2]), listens, *says(*rows[where + 2 :])]
    async with talking(tmp_path, steps, settings, finds(WORD, go=go)) as (caller, heard, two, _running):
        found = await events(caller, "response.content_part.added")
        caller.send({"type": "response.cancel"})
        await until(lambda: bool(two.requests))
        assert said(heard) == [{"type": "response.cancel"}]
        go.set()
        found += await events(caller)
        assert found == [each for each in rows if each is not AUDIO]


async def test_sound_waits_with_what_it_belongs_to(tmp_path):
    go, rows = asyncio.Event(), response("hello")
    rows = [*rows[:BEGINNING], AUDIO, *rows[BEGINNING:-1], AUDIO, rows[-1]]
    settings = config(TABLE + 'action = "block"\n', more=HEARS)
    async with talking(tmp_path, says(*rows), settings, finds(WORD, go=go)) as (caller, _, two, running):
        found = await events(caller, "response.content_part.added")
        await until(lambda: bool(two.requests))
        (pipe,) = running.worker.gateway.tunnels.open
        assert pipe._session._holding.size > 2 * len(SOUND)
        go.set()
        found += await events(caller)
        assert found == rows
        assert running.worker.gateway.bodies.held == pipe._session.held
        assert pipe._session._holding.size == 0


async def test_where_sound_is_refused_it_is_refused_here_too(tmp_path):
    rows = response("hello")
    rows = [*rows[:BEGINNING], AUDIO, *rows[BEGINNING:]]
    async with talking(tmp_path, says(*rows), BLOCKING, finds(WORD)) as (caller, _, _two, _running):
        found = await events(caller)
        assert codes(found) == ["guardrail_unsupported"]
        assert [each for each in found if each["type"] != "error"] == [each for each in rows if each is not AUDIO]


async def test_responses_that_run_at_once_wait_each_for_itself(tmp_path):
    first, second = response("so for", "bidden"), response("fine", number=2)
    mixed = [*first[:6], *second, *first[6:]]
    async with talking(tmp_path, says(*mixed), BLOCKING, finds(WORD)) as (caller, _, _two, _running):
        found = await events(caller)
        assert [each for each in found if each not in first] == second
        found = await events(caller)
        assert codes(found) == ["guardrail_blocked"]
        assert WORD not in json.dumps(found)


async def test_what_is_judged_first_does_not_overtake_what_was_ready_before(tmp_path):
    go, sent = asyncio.Event(), []

    async def answer(wire) -> None:
        texts = asked(wire.backend)[-1]
        sent.append(texts)
        if "slow" in texts:
            await wait_for(go)(wire)
        await send(reply(b'{"findings": []}', headers=JSON))(wire)

    rows = [*response("slow"), *response("quick", number=2)]
    service = [forever(expect(), answer)]
    async with talking(tmp_path, says(*rows), BLOCKING, service) as (caller, _, _two, _running):
        await until(lambda: len(sent) == 2)
        go.set()
        assert streamed(await events(caller)) == "slow"
        assert streamed(await events(caller)) == "quick"


def called(arguments: str) -> list[dict]:
    """A response that calls a function: from the name on it says something."""
    where = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0}
    call = {"id": "item_1", "type": "function_call", "name": "write", "call_id": "call_1"}
    last = over("", "resp_1")
    last["response"]["output"] = [{**call, "arguments": arguments}]
    kind = "response.function_call_arguments"
    return [
        CREATED,
        {"type": "response.output_item.added", **where, "item": {**call, "arguments": ""}},
        *({"type": f"{kind}.delta", **where, "delta": arguments[at : at + 3]} for at in range(0, len(arguments), 3)),
        {"type": f"{kind}.done", **where, "arguments": arguments},
        {"type": "response.output_item.done", **where, "item": {**call, "arguments": arguments}},
        last,
    ]


async def test_what_names_an_item_that_waits_comes_behind_it_and_is_no_part_of_it(tmp_path):
    """What the caller has said himself is not the model's, even where it stands behind a response that is refused."""
    rows = called('{"a": "evil"}')
    mine = {"id": "item_9", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "evil"}]}
    behind = [
        {"type": "conversation.item.added", "previous_item_id": "item_1", "item": mine},
        {"type": "conversation.item.done", "previous_item_id": "item_1", "item": mine},
    ]
    steps = [listens, *says(*rows[:3], *behind, *rows[3:])]
    async with talking(tmp_path, steps, BLOCKING, finds("evil")) as (caller, _, two, _running):
        caller.send({"type": "conversation.item.create", "item": mine})
        found = await events(caller)
        found += await events(caller, "conversation.item.done")
        assert [each["type"] for each in found] == [
            "response.created",
            "error",
            "response.done",
            "conversation.item.added",
            "conversation.item.done",
        ]
        assert found[-2:] == behind
        assert asked(two) == [["write", '{"a": "evil"}']]


async def test_the_caller_may_speak_on_while_a_response_that_he_knows_of_waits(tmp_path):
    go, rows = asyncio.Event(), response("fine")
    others = [
        {"type": "input_audio_buffer.speech_started", "item_id": "item_9", "audio_start_ms": 1},
        {"type": "input_audio_buffer.committed", "previous_item_id": "item_1", "item_id": "item_9"},
        {"type": "conversation.item.input_audio_transcription.delta", "item_id": "item_9", "delta": "who "},
    ]
    service = finds(WORD, go=go)
    async with talking(tmp_path, says(*rows, *others), BLOCKING, service) as (caller, _, _two, _running):
        found = [json.loads((await caller.receive())[1]) for _ in range(BEGINNING + len(others))]
        assert found == [*rows[:BEGINNING], *others]
        go.set()
        assert await events(caller) == rows[BEGINNING:]


async def test_an_item_that_nobody_has_seen_is_judged_by_itself(tmp_path):
    one = {"id": "item_7", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "so"}]}
    for at, text in enumerate(("fine", WORD)):
        one["content"][0]["text"] = text
        row = {"type": "conversation.item.retrieved", "item": one}
        async with talking(tmp_path / str(at), says(row), BLOCKING, finds(WORD)) as (caller, _, _two, _running):
            found = json.loads((await caller.receive())[1])
            assert found == row if text == "fine" else found["error"]["code"] == "guardrail_blocked"


# Judges look at arguments as they are written, and not at what the API says for itself or has heard of the caller.
EXEMPT = {"an error", "the session", "a transcription", "a transcription that is whole", "escaped arguments"}


@pytest.mark.parametrize("action", ["block", "redact"])
@pytest.mark.parametrize("made", [name for name in REPLIES if name not in EXEMPT])
async def test_nothing_forbidden_gets_to_the_caller(tmp_path, made, action):
    settings = config(TABLE + f'action = "{action}"\n')
    rows = [*REPLIES[made], over("so"), {"type": "rate_limits.updated"}]
    async with talking(tmp_path, says(CREATED, *rows, *response("end", number=9)), settings, finds(WORD)) as (
        caller,
        _,
        two,
        running,
    ):
        found = []
        while not found or found[-1].get("response", {}).get("id") != "resp_9" or found[-1]["type"] != "response.done":
            got = await caller.receive()
            assert got is not None
            assert got[0] == 1
            found.append(json.loads(got[1]))
        assert WORD not in json.dumps(found)
        assert WORD not in streamed(found)
        assert any(WORD in text for texts in asked(two) for text in texts)
        await caller.leave()
        await running.quiet()
        assert WORD.encode() not in running.outcome().blobs["reply"]


# --- the end ---


@pytest.mark.parametrize("is_closed", [True, False])
async def test_what_waits_when_the_backend_goes_is_judged_before_the_session_ends(tmp_path, is_closed):
    go = asyncio.Event()
    for at, text in enumerate(("fine", f"so {WORD}")):
        last = say_close(1000) if is_closed else finish()
        steps = [*says(*response(text)[:5]), last]
        async with talking(tmp_path / str(at), steps, BLOCKING, finds(WORD, go=go)) as (caller, _, two, _running):
            await until(lambda two=two: bool(two.requests))
            go.set()
            messages, code = await caller.until_closed()
            found = [json.loads(each) for each in messages]
            assert code == (1000 if is_closed else 1011)
            assert streamed(found) == ("fine" if text == "fine" else "")
            assert WORD not in json.dumps(found)


async def test_what_is_still_being_judged_when_the_worker_goes_away_goes_nowhere(tmp_path):
    async with talking(tmp_path, says(*response("fine")), BLOCKING, finds(WORD, go=asyncio.Event())) as (
        caller,
        _,
        two,
        running,
    ):
        await until(lambda: bool(two.requests))
        (pipe,) = running.worker.gateway.tunnels.open
        pipe.go_away()
        messages, code = await caller.until_closed()
        assert code == 1001
        assert "fine" not in "".join(map(bytes.decode, messages))


async def test_a_caller_who_leaves_meanwhile_leaves_nothing_behind(tmp_path):
    async with talking(tmp_path, says(*response("fine")), BLOCKING, finds(WORD, go=asyncio.Event())) as (
        caller,
        _,
        two,
        running,
    ):
        await until(lambda: bool(two.requests))
        await caller.leave()
        await running.quiet()
        assert running.worker.gateway.bodies.held == 0


async def test_a_judge_that_fails_ends_the_session_and_lets_nothing_through(tmp_path, monkeypatch):
    def fails(*_):
        raise RuntimeError("a defect")

    monkeypatch.setattr(sessionreply, "texts_of", fails)
    async with talking(tmp_path, says(*response("fine")), BLOCKING, finds(WORD)) as (caller, _, _two, _running):
        messages, code = await caller.until_closed()
        assert (json.loads(messages[-1])["error"]["code"], code) == ("internal_error", 1011)
        assert "fine" not in "".join(map(bytes.decode, messages))


# --- bounds ---


async def test_what_may_wait_has_a_bound_and_a_response_beyond_it_is_called_off(tmp_path, monkeypatch):
    monkeypatch.setattr(holding, "MAX_HELD", 20_000)
    long = response(*["many words " * 20] * 100)
    steps = [*says(*long[:-1]), listens, *says(long[-1]), *says(*response("fine", number=2))]
    async with talking(tmp_path, steps, BLOCKING, finds(WORD)) as (caller, heard, _, running):
        found = await events(caller)
        assert codes(found) == ["guardrail_unsupported"]
        assert [each["type"] for each in found[BEGINNING:]] == ["error", "response.done"]
        assert said(heard) == [{"type": "response.cancel", "response_id": "resp_1"}]
        assert streamed(await events(caller)) == "fine"
        (pipe,) = running.worker.gateway.tunnels.open
        assert pipe._session._holding.size == 0
        assert pipe._session._holding._waits == {}


async def without_room(caller, running):
    """A response has begun, and there is room for the beginning only."""
    await events(caller, "response.content_part.added")
    memory = running.worker.gateway.bodies
    await until(lambda: memory.held > 200)
    memory.limit = 20_000
    caller.send({"type": "input_audio_buffer.clear"})
    return memory


async def test_what_waits_counts_as_request_bodies_do_and_is_given_up_where_there_is_no_room(tmp_path):
    rows, fine = response(*["many words " * 20] * 100), response("fine", number=2)
    steps = [*says(*rows[:5]), listens, *says(*rows[5:-1]), listens, *says(rows[-1], *fine)]
    async with talking(tmp_path, steps, BLOCKING, finds(WORD)) as (caller, heard, _two, running):
        memory = await without_room(caller, running)
        found = await events(caller)
        assert codes(found) == ["overloaded"]
        assert (found[-1]["response"]["id"], found[-1]["response"]["status"]) == ("resp_1", "failed")
        await until(lambda: said(heard)[1:] == [{"type": "response.cancel", "response_id": "resp_1"}])
        assert streamed(await events(caller)) == "fine"
        assert memory.held < 20_000
        await caller.leave()
        await running.quiet()
        assert memory.held == 0
        assert running.outcome().meta["output_tokens"] == 14  # what the backend said of the first, too
        assert {(each["kind"], each["action"]) for each in running.outcome().meta["verdicts"]} == {
            ("error.overloaded", "block")
        }


PASSING = config(TABLE + 'action = "block"\non_error = "pass"\n')


async def test_where_judges_may_be_passed_over_it_goes_on_instead(tmp_path):
    rows = response(*["many words " * 20] * 100)
    steps = [*says(*rows[:5]), listens, *says(*rows[5:])]
    async with talking(tmp_path, steps, PASSING, finds(WORD)) as (caller, _heard, two, running):
        await without_room(caller, running)
        found = await events(caller)
        assert [*rows[:BEGINNING], *found][-len(rows) :] == rows
        assert two.requests == []
        await caller.leave()
        await running.quiet()
        assert {(each["kind"], each["action"]) for each in running.outcome().meta["verdicts"]} == {
            ("error.overloaded", "flag")
        }


async def test_a_response_that_does_not_end_has_failed_after_a_while_and_the_session_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(holding, "MAX_WAIT_S", 0.05)
    rows, fine = response("so ", "for", "bidden"), response("fine", number=2)
    steps = [*says(*rows[:-5]), listens, *says(*rows[-5:]), listens, *says(*fine)]
    async with talking(tmp_path, steps, BLOCKING, finds(WORD)) as (caller, heard, two, running):
        found = await events(caller)
        assert [each["type"] for each in found[BEGINNING:]] == ["error", "response.done"]
        assert codes(found) == ["guardrail_unavailable"]
        assert (found[-1]["response"]["id"], found[-1]["response"]["status"]) == ("resp_1", "failed")
        await until(lambda: said(heard) == [{"type": "response.cancel", "response_id": "resp_1"}])
        monkeypatch.setattr(holding, "MAX_WAIT_S", 60.0)
        caller.send({"type": "response.create"})
        assert streamed(await events(caller)) == "fine"
        assert asked(two) == [["fine"]]
        await caller.leave()
        await running.quiet()
        meta = running.outcome().meta
        assert [(each["kind"], each["action"]) for each in meta["verdicts"]] == [("error.timeout", "block")]
        assert meta["output_tokens"] == 14


async def test_one_that_does_not_end_goes_on_where_judges_may_be_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr(holding, "MAX_WAIT_S", 0.05)
    rows = response("so ", "be ", "it")
    async with talking(tmp_path, [*says(*rows[:-2]), listens, *says(*rows[-2:])], PASSING, finds(WORD)) as (
        caller,
        _heard,
        two,
        running,
    ):
        found = await events(caller, "conversation.item.done")
        caller.send({"type": "response.create"})
        found += await events(caller)
        assert found == rows
        assert two.requests == []
        await caller.leave()
        await running.quiet()
        assert [(each["kind"], each["action"]) for each in running.outcome().meta["verdicts"]] == [
            ("error.timeout", "flag")
        ]


async def test_a_response_that_is_judged_aside_is_given_up_behind_that(tmp_path):
    rows, fine = response(*["many words " * 8_000] * 4), response("fine", number=2)
    steps = [*says(*rows[:BEGINNING]), listens, *says(*rows[BEGINNING:-1]), listens, *says(rows[-1], *fine)]
    async with talking(tmp_path, steps, BLOCKING, finds(WORD)) as (caller, _heard, _two, running):
        await events(caller, "response.content_part.added")
        running.worker.gateway.bodies.limit = 150_000
        caller.send({"type": "input_audio_buffer.clear"})
        assert codes(await events(caller)) == ["overloaded"]
        assert streamed(await events(caller)) == "fine"


async def test_where_many_are_asked_about_at_once_the_backend_is_not_read_on(tmp_path):
    go, count = asyncio.Event(), sessionreply.MAX_ASKING
    rows = [each for at in range(count) for each in response("fine", number=at)]
    async with talking(tmp_path, says(*rows), BLOCKING, finds(WORD, go=go)) as (caller, _, _two, running):
        (pipe,) = running.worker.gateway.tunnels.open
        await until(lambda: "verdicts" in pipe._backend.reasons)
        assert len(pipe._verdicts._waiting) == count
        go.set()
        for _ in range(count):
            assert streamed(await events(caller)) == "fine"
        assert pipe._backend.reasons == set()


async def test_a_session_without_such_a_guardrail_holds_nothing(tmp_path):
    settings = config(TABLE.replace('["reply"]', '["request"]') + 'action = "block"\n')
    async with talking(tmp_path, says(*response("fine")), settings, finds(WORD)) as (caller, _, two, running):
        assert streamed(await events(caller)) == "fine"
        (pipe,) = running.worker.gateway.tunnels.open
        assert pipe._verdicts is pipe._session._holding is pipe._session._learning is None
        assert two.requests == []


# --- who only looks ---

ONLY_LOOKS = {"flag": 'action = "flag"\n', "observe": 'action = "block"\nmode = "observe"\non_error = "pass"\n'}
NUMBERS = '[guardrails.numbers]\nuse = "denylist"\nwords = ["x9"]\n'


@pytest.mark.parametrize("more", [(), (NUMBERS,)], ids=["bare", "guarded"])
@pytest.mark.parametrize("mode", ONLY_LOOKS)
async def test_who_only_looks_does_so_when_the_session_is_over(tmp_path, mode, more):
    settings = config(TABLE + ONLY_LOOKS[mode], *more)
    rows = [*response("so ev", "il"), *response("fine", number=2)]
    steps = [listens, *says(*rows), listens, say_close(1000)]
    async with talking(tmp_path, steps, settings, finds("evil")) as (caller, _, two, running):
        caller.send(item("How are you?"))
        assert await events(caller) + await events(caller) == rows
        assert two.requests == []
        caller.close()
        assert (await caller.until_closed())[1] == 1000
        await running.quiet()
        assert asked(two) == [["so evil", "fine"]]
        context = [(each["source"], each["text"]) for each in json.loads(two.requests[0].body)["context"]]
        assert context == [("user", "How are you?")]
        (found,) = running.outcome().meta["verdicts"]
        assert (found["guardrail"], found["kind"], found["stage"]) == ("harm", "http.person", "reply")
        assert found["mode"] == ("observe" if mode == "observe" else "enforce")


async def test_and_where_they_do_not_answer_the_session_ends_all_the_same(tmp_path):
    table = TABLE.replace('"9s"', '"0.1s"') + 'action = "flag"\n'
    silent = [forever(expect(), until_closed())]
    steps = [*says(*response("fine")), listens, say_close(1000)]
    async with talking(tmp_path, steps, config(table), silent) as (caller, _, _two, running):
        await events(caller)
        caller.close()
        assert (await caller.until_closed())[1] == 1000
        await running.quiet()
        assert verdicts(running) == {("harm", "error.timeout", "flag"): 1}


async def test_when_the_worker_ends_nobody_is_waited_for(tmp_path):
    settings = config(TABLE + 'action = "flag"\n')
    async with talking(tmp_path, says(*response("fine")), settings, finds(WORD)) as (caller, _, two, running):
        await events(caller)
        (pipe,) = running.worker.gateway.tunnels.open
        pipe.go_away()
        assert (await caller.until_closed())[1] == 1001
        assert two.requests == []


@pytest.mark.parametrize("more", [(), (NUMBERS,)], ids=["bare", "guarded"])
async def test_when_the_worker_ends_meanwhile_nobody_is_waited_for_any_longer(tmp_path, more):
    settings = config(TABLE.replace('"9s"', '"60s"') + 'action = "flag"\n', *more)
    steps = [*says(*response("fine")), listens, say_close(1000)]
    async with talking(tmp_path, steps, settings, finds(WORD, go=asyncio.Event())) as (caller, _, two, running):
        await events(caller)
        caller.close()
        await until(lambda: bool(two.requests))
        (pipe,) = running.worker.gateway.tunnels.open
        pipe.go_away()
        assert (await caller.until_closed())[1] == 1000
        await running.quiet()
        assert running.outcome().meta["end"] == "completed"


@pytest.mark.parametrize("more", [(), (NUMBERS,)], ids=["bare", "guarded"])
async def test_and_where_one_of_them_fails_the_session_ends_as_it_did(tmp_path, monkeypatch, caplog, more):
    def fails(*_):
        raise RuntimeError("a defect")

    monkeypatch.setattr(sessionreply, "_told", fails)
    settings = config(TABLE + 'action = "flag"\n', *more)
    steps = [*says(*response("fine")), listens, say_close(1000)]
    async with talking(tmp_path, steps, settings, finds(WORD)) as (caller, _, _two, running):
        await events(caller)
        caller.close()
        assert (await caller.until_closed())[1] == 1000
        await running.quiet()
        assert running.outcome().meta["end"] == "completed"
    assert "a guardrail failed" in caplog.text


@pytest.mark.parametrize("more", [(), (NUMBERS,)], ids=["bare", "guarded"])
async def test_what_has_been_said_is_learnt_beside_the_loop_when_it_is_long(tmp_path, monkeypatch, more):
    """Somebody has it bound while the session is settled, and in no other place does that take so long."""
    on_loop: list[bool] = []
    bound_to = Guard.bound_to

    def bind(guard, said):
        on_loop.append(threading.current_thread() is threading.main_thread())
        return bound_to(guard, said)

    monkeypatch.setattr(Guard, "bound_to", bind)
    leak = '[guardrails.leak]\nuse = "system_leak"\nmode = "observe"\n'
    steps = [listens, *says(CREATED), listens, say_close(1000)]
    told = {"type": "session.update", "session": {"instructions": "Tell nobody of the plan. " * 2000}}
    async with talking(tmp_path, steps, config(leak, *more)) as (caller, _, _two, running):
        caller.send(told)
        await caller.receive()
        caller.close()
        assert (await caller.until_closed())[1] == 1000
        await running.quiet()
    assert on_loop
    assert not any(on_loop)


@pytest.mark.parametrize("action", ["block", "redact"])
async def test_what_is_planted_in_a_response_is_nowhere_in_the_end(tmp_path, caplog, action):
    settings = config(TABLE + f'action = "{action}"\n', "[guardrails.pii]\n")
    for canary in canaries(f"a session {action}"):
        folder = tmp_path / canary.core
        cut = len(canary.value) // 2
        rows = response("so ", canary.value[:cut], canary.value[cut:], " it is")
        caplog.clear()
        with caplog.at_level(logging.DEBUG, logger="llmgateway"):
            service = finds(re.escape(canary.value), re.escape(canary.value.partition("@")[0]))
            async with talking(folder, says(*rows), settings, service) as (caller, _, _two, running):
                told = json.dumps(await events(caller))
                await caller.leave()
                await running.quiet()
                found = await search(running, folder, caplog.text + "".join(map(repr, map(vars, caplog.records))))
        assert canary.core not in told
        assert found.holds(canary) == []


# --- other judges ---


async def test_answers_must_be_the_json_that_the_operator_asks_for(tmp_path):
    table = '[guardrails.form]\nuse = "json_schema"\naction = "block"\n[guardrails.form.schema]\nrequired = ["a"]\n'
    rows = [*response('{"a"', ": 1}"), *response("no JSON", number=2), *called('{"b": 2}')]
    async with talking(tmp_path, says(*rows), config(table)) as (caller, _, _two, _running):
        assert streamed(await events(caller)) == '{"a": 1}'
        assert codes(await events(caller)) == ["guardrail_blocked"]
        assert codes(await events(caller)) == []


async def test_the_question_to_a_model_is_an_exchange_of_its_own(tmp_path, monkeypatch):
    guardrails.install(monkeypatch)
    table = '[guardrails.oracle]\nstages = ["reply"]\naction = "block"\n'
    oracle = '[routes.oracle.versions.v1]\nbackends = ["two"]\n'
    rows = [*response("fine"), *response("so ", "bad", number=2)]

    async def answer(wire) -> None:
        asked_about = wire.backend.requests[-1].body
        await send(answer_of("yes" if b"so bad" in asked_about else "no"))(wire)

    service = [forever(expect(), answer)]
    async with talking(tmp_path, says(*rows), config(table, more=oracle), service) as (caller, _, two, running):
        assert streamed(await events(caller)) == "fine"
        assert codes(await events(caller)) == ["guardrail_blocked"]
        await caller.leave()
        await running.quiet()
        admitted = {record.meta["id"]: record.meta for record in running.of_kind("admitted")}
        (session,) = [name for name, meta in admitted.items() if meta["route"] == "assistant"]
        questions = [meta["tags"] for meta in admitted.values() if meta["route"] == "oracle"]
        assert questions == [{"guardrail": "oracle", "judged": session}] * len(two.requests)


async def test_what_the_caller_said_comes_back_and_what_the_model_says_of_its_own_does_not(tmp_path):
    both = TABLE.replace('["reply"]', '["request", "reply"]') + 'action = "redact"\nrestore = true\n'
    rows = response("dear <HTTP_PER", "SON_1>, I am Grace Hopper, and you ", f"are {NAME}")
    service = finds(NAME, "Grace Hopper")
    async with talking(tmp_path, [listens, *says(*rows)], config(both), service) as (caller, heard, _, running):
        caller.send(item(f"I am {NAME}"))
        found = await events(caller)
        clean = f"dear {NAME}, I am [HTTP_PERSON], and you are {NAME}"
        assert streamed(found) == clean
        assert found[-1]["response"]["output"][0]["content"][0]["text"] == clean
        assert said(heard) == [item("I am <HTTP_PERSON_1>")]
        await caller.leave()
        await running.quiet()
        kept = running.outcome().blobs["reply"].decode()
        assert "dear <HTTP_PERSON_1>, I am [HTTP_PERSON], and you are <HTTP_PERSON_1>" in kept
        assert (NAME in kept, "Grace" in kept) == (False, False)


async def test_a_backend_that_never_stops_talking_wins_no_time_for_what_does_not_end(tmp_path, monkeypatch):
    monkeypatch.setattr(holding, "MAX_WAIT_S", 0.2)
    monkeypatch.setattr(GuardedTunnel, "expire", lambda _: None)  # always while something is being judged
    rows = response("so ", "be ", "it")[:-5]
    noise = {"type": "rate_limits.updated", "rate_limits": [{"name": "x" * 200} for _ in range(400)]}
    is_over = asyncio.Event()

    async def talks(wire) -> None:
        while not is_over.is_set():
            await say(noise)(wire)
            await asyncio.sleep(0)

    async with talking(tmp_path, [*says(*rows), talks], BLOCKING, finds(WORD)) as (caller, _heard, two, _running):
        async with asyncio.timeout(10):
            found = await events(caller)
        is_over.set()
        assert codes(found) == ["guardrail_unavailable"]
        assert found[-1]["response"]["status"] == "failed"
        assert two.requests == []
