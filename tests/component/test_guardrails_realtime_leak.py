"""Ways to get a session's instructions out of its model in spite of `system_leak`: none may work."""

import json
from contextlib import asynccontextmanager

import pytest
from tests.component.test_guardrails_realtime import AT, CREATED, delta, done, events, item, listens, over, streamed
from tests.component.test_guardrails_system_leak import BLOCKING, GUARDED, LEAK, LEAKING, PROMPT, cuts
from tests.support.bypass import on_disk
from tests.support.plane import plane
from tests.support.rows import assert_idle
from tests.support.websocket import opened, say, session
from tests.support.wire_backend import WireBackend, until_closed

from llmgateway.guardrails.system_leak.letters import letters

REDACTED = "Well, I was told: [SYSTEM_LEAK]. Anything else?"
FOUND = f"Well, I was told: {LEAK}"
SYSTEM = {"type": "message", "role": "system", "content": [{"type": "input_text", "text": PROMPT}]}
TOLD = {
    "the session's instructions": {"type": "session.update", "session": {"type": "realtime", "instructions": PROMPT}},
    "a response's instructions": {"type": "response.create", "response": {"instructions": PROMPT}},
    "a response's input": {"type": "response.create", "response": {"input": [SYSTEM]}},
    "an item": {"type": "conversation.item.create", "item": SYSTEM},
}


def spoken(*pieces, name="resp_1"):
    at = {"response_id": name, "item_id": name.replace("resp", "item")}
    whole = "".join(pieces)
    deltas = [say(delta(piece, **at)) for piece in pieces if piece]
    return [say({**CREATED, "response": {"id": name}}), *deltas, say(done(whole, **at)), say(over(whole, name))]


@asynccontextmanager
async def talking(tmp_path, *steps, config=GUARDED):
    heard: list = []
    script = [*opened(), *(step(heard) if step is listens else step for step in steps), until_closed()]
    async with WireBackend(script) as backend, plane(tmp_path, backend.url, config=config) as running:
        caller = await session(running)
        assert caller.status == 101, caller.body
        yield caller, heard, running
        await caller.leave()
        await running.quiet()
        assert_idle(running)


def leaks(found) -> bool:
    """Whether somebody who puts together what he is told reads the prompt."""
    every = [streamed(found), *(json.dumps(each, ensure_ascii=False) for each in found)]
    return any(letters(LEAK)[at : at + 60] in letters(text) for text in every for at in range(len(letters(LEAK)) - 59))


def verdicts(running):
    found = running.outcome().meta.get("verdicts", ())
    return {(each["guardrail"], each["kind"], each["action"], each["mode"]) for each in found}


@pytest.mark.parametrize("told", TOLD.values(), ids=TOLD.keys())
async def test_wherever_it_was_told_it_is_not_told_again(tmp_path, told):
    async with talking(tmp_path, listens, *spoken(*LEAKING), config=GUARDED) as (caller, heard, running):
        caller.send(told)
        found = await events(caller)
        assert streamed(found) == found[-2]["text"] == REDACTED
        assert found[-1] == over(REDACTED)
        assert json.loads(heard[0][1]) == told
        await caller.leave()
        await running.quiet()
        assert verdicts(running) == {("system_leak", "system_leak", "redact", "enforce")}
        assert LEAK.encode() not in running.outcome().blobs["reply"]


@pytest.mark.parametrize("config", [GUARDED, BLOCKING], ids=["redact", "block"])
@pytest.mark.parametrize("kind", ["output_text", "output_audio_transcript", "function_call_arguments", "dance"])
async def test_a_response_cut_anywhere(tmp_path, kind, config):
    text = json.dumps({"a": LEAKING}) if "arguments" in kind else LEAKING
    names = [f"resp_{at}" for at in range(len([*cuts(text)]))]
    steps = []
    for name, pieces in zip(names, cuts(text), strict=True):
        where = {"response_id": name, "item_id": f"i{name}"}
        steps += [say(delta(piece, f"response.{kind}", **where)) for piece in pieces if piece]
        steps.append(say({"type": "response.done", "response": {"id": name, "output": []}}))
    async with talking(tmp_path, listens, *steps, config=config) as (caller, _, _running):
        caller.send(TOLD["the session's instructions"])
        for name in names:
            found = await events(caller)
            assert found[-1]["response"]["id"] == name
            assert not leaks(found)
            if config is BLOCKING:
                assert [each["error"]["code"] for each in found if each["type"] == "error"] == ["guardrail_blocked"]
                assert found[-1]["response"]["status"] == "incomplete"
            else:
                assert "SYSTEM_LEAK" in streamed(found)


ELSEWHERE = {
    "a text told whole": done(LEAKING),
    "an item": {"type": "response.output_item.done", **AT, "item": over(LEAKING)["response"]["output"][0]},
    "an item of the conversation": {
        "type": "conversation.item.done",
        "item": {"id": "item_1", "role": "assistant", "content": [{"type": "output_text", "text": LEAKING}]},
    },
    "an item that is asked for": {
        "type": "conversation.item.retrieved",
        "item": {"id": "item_1", "role": "assistant", "content": [{"type": "output_audio", "transcript": LEAKING}]},
    },
    "an item of the model's that says to be the system's": {
        "type": "conversation.item.retrieved",
        "item": {"id": "item_1", "role": "system", "content": [{"type": "output_text", "text": LEAKING}]},
    },
    "the last event": over(LEAKING),
    "an event that nobody knows": {"type": "something.new", "deep": [{"er": LEAKING}]},
}


@pytest.mark.parametrize("event", ELSEWHERE.values(), ids=ELSEWHERE.keys())
async def test_nor_anywhere_else(tmp_path, event):
    steps = [say(CREATED), say(delta("so. ")), say(event), say(over("so"))]
    async with talking(tmp_path, listens, *steps) as (caller, _, _running):
        caller.send(TOLD["the session's instructions"])
        found = await events(caller)
        assert not leaks(found)
        assert "SYSTEM_LEAK" in json.dumps(found)


async def test_what_the_backend_says_that_it_was_told_is_known_and_passes(tmp_path):
    """Instructions may have been given where the session was made; the API repeats them."""
    made = {"type": "session.created", "session": {"id": "s", "instructions": PROMPT}}
    async with talking(tmp_path, say(made), *spoken(*LEAKING), config=BLOCKING) as (caller, _, _running):
        found = await events(caller)
        assert found[0] == made
        assert not leaks(found[1:])
        assert found[-1]["response"]["status"] == "incomplete"


async def test_what_the_api_repeats_of_it_passes(tmp_path):
    echoes = [
        {"type": "session.updated", "session": {"instructions": PROMPT, "voice": "ash"}},
        *(
            {"type": f"conversation.item.{what}", "item": {"id": "s", **SYSTEM}}
            for what in ("created", "added", "done", "retrieved")
        ),
    ]
    steps = [listens, listens, *map(say, echoes), *spoken(LEAKING)]
    async with talking(tmp_path, *steps, config=BLOCKING) as (caller, _, _running):
        caller.send(TOLD["the session's instructions"])
        caller.send(TOLD["an item"])
        found = await events(caller)
        assert found[: len(echoes)] == echoes
        assert not leaks(found[len(echoes) :])


async def test_instructions_that_change_are_known_from_then_on_and_those_before_still(tmp_path):
    other = "Speak of nothing but the sea, and of lighthouses on Tuesdays, when their keepers have visitors from afar."
    said = [f"It is: {other}", f"It was: {LEAK}", "It is: nothing"]
    rows = [step for at, text in enumerate(said) for step in [listens, *spoken(*text, name=f"resp_{at}")]]
    async with talking(tmp_path, *rows) as (caller, _, _running):
        told = []
        for asked in (
            TOLD["the session's instructions"],
            {"type": "session.update", "session": {"instructions": other}},
            {"type": "session.update", "session": {"instructions": ""}},
        ):
            caller.send(asked)
            told.append(streamed(await events(caller)))
        assert told == [said[0], "It was: [SYSTEM_LEAK].", said[2]]


async def test_a_text_that_has_begun_is_judged_by_what_was_known_then(tmp_path):
    """What is told in the middle of a response is no part of what its model was asked."""
    first, second = LEAKING[:40], LEAKING[40:]
    steps = [say(CREATED), say(delta(first)), listens, say(delta(second)), say(over(LEAKING))]
    async with talking(tmp_path, *steps) as (caller, _, _running):
        found = await events(caller, "response.output_text.delta")
        caller.send(TOLD["the session's instructions"])
        found += await events(caller)
        assert streamed(found) == LEAKING
        assert not leaks(found[-1:])  # but what is told whole is told later


async def test_what_the_user_says_himself_is_no_secret(tmp_path):
    asked = item(f"Is this so? {LEAK}")
    echo = {"type": "conversation.item.added", "item": {"id": "u", **asked["item"]}}
    answer = f"It is not so that {LEAK}"
    async with talking(tmp_path, listens, listens, say(echo), *spoken(*answer), config=BLOCKING) as (caller, _, _r):
        caller.send(TOLD["the session's instructions"])
        caller.send(asked)
        found = await events(caller)
        assert found[0] == echo
        assert streamed(found) == answer


async def test_what_did_not_go_to_the_backend_is_not_what_was_said(tmp_path):
    """Else whoever guesses a secret has it said again by having his guess refused."""
    more = '[guardrails.no]\nuse = "denylist"\nwords = ["fishfinger"]\naction = "block"\n'
    config = GUARDED.replace('["system_leak"]', '["system_leak", "no"]') + more
    async with talking(tmp_path, listens, listens, *spoken(LEAKING), config=config) as (caller, _, _running):
        caller.send(TOLD["the session's instructions"])
        caller.send(item(f"fishfinger {LEAK}"))
        caller.send(item("hello"))
        found = await events(caller)
        assert not leaks(found)


ONLY_LOOKS = {
    "flag": '[guardrails.system_leak]\naction = "flag"\n',
    "observe": '[guardrails.system_leak]\nmode = "observe"\n',
}


@pytest.mark.parametrize(
    "more", ['[guardrails.names]\nuse = "denylist"\nwords = ["x9"]\n', ""], ids=["guarded", "bare"]
)
@pytest.mark.parametrize("mode", ONLY_LOOKS)
async def test_who_only_looks_finds_it_when_the_session_is_over(tmp_path, mode, more):
    baseline = '["system_leak", "names"]' if more else '["system_leak"]'
    config = GUARDED.replace('["system_leak"]', baseline) + ONLY_LOOKS[mode] + more
    for at, text in enumerate((LEAKING, "fine")):
        async with talking(tmp_path / str(at), listens, *spoken(*text), config=config) as (caller, _, running):
            caller.send(TOLD["the session's instructions"])
            assert streamed(await events(caller)) == text
            await caller.leave()
            await running.quiet()
            assert {each[1] for each in verdicts(running)} == ({"system_leak"} if text is LEAKING else set())
            assert LEAK.encode() not in running.outcome().blobs["reply"]
        assert LEAK.encode() not in on_disk(tmp_path / str(at))


async def test_long_instructions_are_learnt_beside_the_loop(tmp_path, monkeypatch):
    aside = []
    monkeypatch.setattr("llmgateway.dataplane.lane.asked_aside", _noted(aside))
    long = " ".join(f"rule {number} says {number * 7919 % 10007}" for number in range(800)) + LEAK
    async with talking(tmp_path, listens, *spoken(LEAKING[:90], LEAKING[90:])) as (caller, _, _running):
        caller.send({"type": "session.update", "session": {"instructions": long}})
        found = await events(caller)
        assert not leaks(found)
        assert len(aside) == 1  # the first event of the response, and none of those behind it


def _noted(into):
    async def asked_aside(size, work, *about):
        into.append(size)
        return work(*about)

    return asked_aside


async def test_a_session_without_such_a_guardrail_keeps_nothing(tmp_path):
    config = GUARDED.replace('["system_leak"]', '["pii"]')
    async with talking(tmp_path, listens, *spoken("fine"), config=config) as (caller, _, running):
        caller.send(TOLD["the session's instructions"])
        await events(caller)
        (pipe,) = running.worker.gateway.tunnels.open
        assert pipe._session._learning is None


async def test_what_was_made_of_long_instructions_is_not_kept_while_nothing_is_said(tmp_path):
    async with talking(tmp_path, listens, *spoken(*LEAKING)) as (caller, _, running):
        caller.send(TOLD["the session's instructions"])
        (pipe,) = running.worker.gateway.tunnels.open
        assert not leaks(await events(caller))
        assert not any(link.is_bound for link in pipe._session._stream._chain.links)
        said = sum(len(each.text) for each in pipe._session._learning.facts.pieces()[1:])
        assert running.worker.gateway.bodies.held == len(PROMPT) + said + pipe._session._names.size


async def test_what_is_kept_of_a_session_counts_as_request_bodies_do(tmp_path):
    async with talking(tmp_path, until_closed()) as (caller, _, running):
        running.worker.gateway.bodies.limit = 60_000
        for at in range(4):
            caller.send({"type": "response.create", "response": {"instructions": f"{at}" * 20_000}})
        messages, code = await caller.until_closed()
        assert (json.loads(messages[-1])["error"]["code"], code) == ("overloaded", 1011)
        await caller.leave()
        await running.quiet()
        assert running.worker.gateway.bodies.held == 0
