"""Streams between a backend and judges that are asked about parts: none is let go unjudged, none stalls, none piles up."""

import asyncio
import json

import pytest
from tests.component.test_guardrails import CHAT, SSE, answer_of, delta, streamed, text_in
from tests.component.test_guardrails_slow import CHATS, Referee, asking, replies, until
from tests.support import guardrails
from tests.support.wire_backend import chunk, chunked_head, expect, forever, send, until_closed, wait_for

from llmgateway.dataplane import bodies
from llmgateway.dataplane.gate import MAX_WAITING
from llmgateway.guarding import judging
from llmgateway.guarding.pieces import as_read

DONE = delta(finish="stop") + b"data: [DONE]\n\n"


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    guardrails.install(monkeypatch)


def choice(index: int, content: str | None = None, finish: str | None = None) -> bytes:
    said = {"content": content} if content else {}
    chunk = {"id": "c1", "model": "m1", "choices": [{"index": index, "delta": said, "finish_reason": finish}]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def judged(referee: Referee, count: int):
    async def step(wire) -> None:
        await until(lambda: len(referee.seen) >= count or wire.lost_at is not None)

    return step


class Reader(Referee):
    """Looks at every text that is asked about."""

    @property
    def script(self) -> list:
        async def answer(wire) -> None:
            said = " ".join(each["content"] for each in json.loads(wire.backend.requests[-1].body)["messages"])
            self.seen.append(said)
            await send(answer_of("yes" if self.bad in said else "no"))(wire)

        return [forever(expect(), answer)]


async def test_a_choice_that_takes_another_one_s_place_is_judged(tmp_path):
    referee = Reader("EVIL")
    first = b"".join(choice(1, f"{at:04} good words ") for at in range(200))
    second = choice(0, "EVIL") + choice(0, finish="stop") + choice(1, finish="stop") + b"data: [DONE]\n\n"
    model = [expect(), send(chunked_head(SSE) + chunk(first)), judged(referee, 1), send(chunk(second) + chunk(b""))]
    async with asking(tmp_path, [*model, until_closed()], referee.script, replies()) as (_, _, running):
        answer = await running.post(CHATS, {**CHAT, "n": 2, "stream": True})
    assert b"EVIL" not in answer.body
    assert b"guardrail_blocked" in answer.body


async def test_a_stream_of_many_events_that_say_little_does_not_stall(tmp_path):
    referee = Referee("EVIL")
    events = b"".join(choice(0, "1") for _ in range(1_800))
    assert len(events) > MAX_WAITING - 1_800 * 40
    padded = events.replace(b'"m1"', b'"' + b"m" * 600 + b'"')
    assert len(padded) > MAX_WAITING
    async with asking(tmp_path, streamed(padded + DONE), referee.script, replies()) as (_, _, running):
        answer = await running.post(CHATS, {**CHAT, "stream": True})
    assert text_in(answer.body) == "1" * 1_800
    assert answer.is_whole


async def test_a_caller_who_does_not_read_holds_up_the_backend_however_quick_the_judges_are(tmp_path):
    referee = Reader("EVIL")
    events = choice(0, "good words " * 20).replace(b'"m1"', b'"' + b"m" * 2_000 + b'"') * 10_000
    model = [expect(), send(chunked_head(SSE) + chunk(events)), until_closed()]
    async with asking(tmp_path, model, referee.script, replies()) as (_, _, running):
        caller = await running.connect()
        caller.send("POST", CHATS, json.dumps({**CHAT, "stream": True}).encode())
        (line,) = running.worker.http._service.census
        await until(lambda: not line.is_writable)
        with pytest.raises(TimeoutError):  # while the backend would give megabytes
            async with asyncio.timeout(0.5):
                await until(lambda: line._transport.get_write_buffer_size() > 4 * MAX_WAITING)
        await caller.leave()


async def test_a_judge_that_fails_in_the_middle_of_a_stream_leaves_no_hole_in_it(tmp_path, monkeypatch, caplog):
    def judge(_self, pieces):
        raise ValueError(pieces[0].text)

    monkeypatch.setattr(guardrails.Shouting, "judge", judge)
    monkeypatch.setattr(guardrails.Shouting, "is_windowed", True, raising=False)
    config = replies().replace('guardrails = ["oracle"]', 'guardrails = ["shouting"]') + (
        '[guardrails.shouting]\naction = "block"\nstages = ["reply"]\nsource = "assistant"\n'
    )
    first = b"".join(choice(0, f"{at:04} good words ") for at in range(200))
    model = [expect(), send(chunked_head(SSE) + chunk(first)), until_closed()]
    async with asking(tmp_path, model, [], config) as (_, _, running):
        answer = await running.post(CHATS, {**CHAT, "stream": True})
    assert (answer.status, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "ValueError" in caplog.text
    assert "good words" not in caplog.text


@pytest.mark.parametrize("action", ["flag", "block"])
async def test_a_stream_that_says_more_than_is_kept_breaks_off_only_where_a_judge_may_block(
    tmp_path, monkeypatch, action
):
    monkeypatch.setattr("llmgateway.wire.replies.MAX_TEXT", 10_000)
    events = b"".join(choice(0, "good words " * 40) for _ in range(100))
    async with asking(tmp_path, streamed(events + DONE), Reader("EVIL").script, replies(action=action)) as (
        _,
        _,
        running,
    ):
        answer = await running.post(CHATS, {**CHAT, "stream": True})
        await running.quiet()
        found = [each.meta["verdicts"] for each in running.of_kind("settled") if each.meta.get("verdicts")]
    if action == "block":
        assert b"guardrail_unsupported" in answer.body
    else:
        assert text_in(answer.body) == "good words " * 4_000
        assert answer.is_whole
        assert [(each["kind"], each["action"]) for each in found[0]] == [("error.unavailable", "flag")]


ODD = {
    "a choice behind none": b'data: {"choices": [null, {"index": 0, "delta": {"content": "EVIL"}}]}\n\n',
    "no JSON": b"data: EVIL\n\n",
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
async def test_what_no_judge_can_be_shown_does_not_pass_one_that_blocks(tmp_path, odd):
    async with asking(tmp_path, streamed(odd + choice(0, "good") + DONE), Reader("EVIL").script, replies()) as (
        _,
        _,
        running,
    ):
        answer = await running.post(CHATS, {**CHAT, "stream": True})
    assert b"EVIL" not in answer.body
    assert (answer.status, answer.json()["error"]["code"]) == (400, "guardrail_unsupported")


async def test_a_block_that_never_began_does_not_pass_a_judge_that_blocks(tmp_path):
    start = {"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "content": []}}
    said = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "EVIL"}}
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}
    events = b"".join(
        b"event: %b\ndata: %b\n\n" % (each["type"].encode(), json.dumps(each).encode())
        for each in (start, said, end, {"type": "message_stop"})
    )
    config = replies().replace(
        "[routes.claude.versions.v1]", '[routes.claude]\nguardrails = ["oracle"]\n[routes.claude.versions.v1]', 1
    )
    asked = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "stream": True}
    async with asking(tmp_path, streamed(events), Reader("EVIL").script, config) as (_, _, running):
        answer = await running.post("/v1/messages", asked, {"anthropic-version": "2023-06-01"})
    assert b"EVIL" not in answer.body
    assert answer.status == 400


@pytest.mark.parametrize("cuts", [1, 4])
async def test_what_a_custom_tool_is_called_with_is_judged(tmp_path, cuts):
    pieces = ["EVIL"] if cuts == 1 else list("EVIL")
    first = {"index": 0, "id": "c", "type": "custom", "custom": {"name": "run", "input": pieces[0]}}
    events = delta(tool_calls=[first])
    events += b"".join(delta(tool_calls=[{"index": 0, "custom": {"input": each}}]) for each in pieces[1:])
    async with asking(tmp_path, streamed(events + DONE), Reader("EVIL").script, replies()) as (_, _, running):
        answer = await running.post(CHATS, {**CHAT, "stream": True})
    assert (answer.status, answer.json()["error"]["code"]) == (400, "guardrail_blocked")


@pytest.mark.parametrize("is_stream", [True, False])
async def test_escapes_in_arguments_hide_nothing_from_judges(tmp_path, is_stream):
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": "\\u0045VIL"}'}}
    whole = [expect(), send(answer_of("", tool_calls=[call])), until_closed()]
    reply = streamed(delta(tool_calls=[call]) + DONE) if is_stream else whole
    async with asking(tmp_path, reply, Reader("EVIL").script, replies()) as (_, _, running):
        answer = await running.post(CHATS, {**CHAT, "stream": is_stream})
    assert (answer.status, answer.json()["error"]["code"]) == (400, "guardrail_blocked")


def named(*events: dict) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (each["type"].encode(), json.dumps(each).encode()) for each in events)


MESSAGE = {"id": "m", "type": "message", "role": "assistant", "content": []}
BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
ITEM = {"type": "response.insight.delta", "item_id": "i", "output_index": 0, "content_index": 0}
RESPONSE = {"id": "r", "object": "response", "status": "completed", "output": []}
UNKNOWN = {
    "chat": (CHATS, b"".join(delta(insight=each) for each in ("EV", "IL")) + DONE),
    "a completion": ("/v1/completions", choice(0, "EVIL") + DONE),
    "responses": (
        "/v1/responses",
        named(
            *({**ITEM, "delta": each} for each in ("EV", "IL")), {"type": "response.completed", "response": RESPONSE}
        ),
    ),
    "messages": (
        "/v1/messages",
        named(
            {"type": "message_start", "message": MESSAGE},
            BLOCK,
            *(
                {"type": "content_block_delta", "index": 0, "delta": {"type": "insight_delta", "insight": each}}
                for each in ("EV", "IL")
            ),
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        ),
    ),
}


@pytest.mark.parametrize("unknown", UNKNOWN)
@pytest.mark.parametrize("is_windowed", [True, False])
async def test_members_that_nobody_knows_are_shown_to_judges_of_streams(tmp_path, unknown, is_windowed):
    path, events = UNKNOWN[unknown]
    config = replies(windowed=is_windowed).replace(
        "[routes.claude.versions.v1]", '[routes.claude]\nguardrails = ["oracle"]\n[routes.claude.versions.v1]', 1
    )
    referee = Reader("EVIL")
    asked = {"model": "claude" if path == "/v1/messages" else CHAT["model"], "max_tokens": 9, "stream": True}
    asked |= {"messages": CHAT["messages"], "prompt": "hi"}
    async with asking(tmp_path, streamed(events), referee.script, config) as (_, _, running):
        answer = await running.post(path, asked | {"input": "hi"}, {"anthropic-version": "2023-06-01"})
    assert b"EV" not in answer.body, referee.seen
    assert answer.status == 400
    assert b"guardrail_blocked" in answer.body or b"oracle.bad" in answer.body


async def test_of_a_long_stream_no_window_goes_on_before_such_members_are_judged(tmp_path):
    referee = Reader("EVIL")
    first = b"".join(choice(0, f"{at:04} good words ") for at in range(200))
    model = [expect(), send(chunked_head(SSE) + chunk(first)), judged(referee, 1), send(chunk(delta(insight="EVIL")))]
    rest = b"".join(choice(0, f"{at:04} good words ") for at in range(200)) + DONE
    async with asking(
        tmp_path, [*model, send(chunk(rest) + chunk(b"")), until_closed()], referee.script, replies()
    ) as (
        _,
        _,
        running,
    ):
        answer = await running.post(CHATS, {**CHAT, "stream": True})
    assert b"0000 good words" in answer.body
    assert b"EVIL" not in answer.body
    assert b"guardrail_blocked" in answer.body


async def test_more_such_members_than_are_kept_do_not_pass_a_judge_that_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("llmgateway.guarding.gathered.MAX_TEXT", 10_000)
    events = b"".join(delta(insight=[f"good {at}"]) for at in range(100))
    async with asking(tmp_path, streamed(events + DONE), Reader("EVIL").script, replies(windowed=False)) as (
        _,
        _,
        running,
    ):
        answer = await running.post(CHATS, {**CHAT, "stream": True})
    assert (answer.status, answer.json()["error"]["code"]) == (400, "guardrail_unsupported")


@pytest.mark.parametrize("at_once", [True, False])
async def test_what_is_forbidden_behind_a_backend_s_own_error_is_told_as_what_it_is(tmp_path, at_once):
    config = replies().replace('guardrails = ["oracle"]', 'guardrails = ["words"]')
    config += '[guardrails.words]\nuse = "word"\nword = "EVIL"\naction = "block"\n'
    pieces = [choice(0, "good "), b'data: {"error": {"message": "oh"}}\n\n', choice(0, "more "), choice(0, "EVIL")]
    seen = asyncio.Event()
    sent = [send(chunk(b"".join(pieces)))] if at_once else [send(chunk(b"".join(pieces[:2]))), wait_for(seen)]
    rest = [] if at_once else [send(chunk(b"".join(pieces[2:])))]
    model = [expect(), send(chunked_head(SSE)), *sent, *rest, until_closed()]
    async with asking(tmp_path, model, [], config) as (_, _, running):
        caller = await running.connect()
        caller.send("POST", CHATS, json.dumps({**CHAT, "stream": True}).encode())
        begun = b"" if at_once else (await caller.receive(until=b'"oh"}}\n\n')).body
        seen.set()
        answer = await caller.receive()
        await running.quiet()
        record = running.outcome().meta
    assert b"EVIL" not in begun + answer.body
    assert b"guardrail_blocked" in answer.body
    assert answer.is_whole is at_once  # nothing had gone on: it is an ordinary refusal
    assert (record["error_code"], [each["kind"] for each in record["verdicts"]]) == ("guardrail_blocked", ["word"])


async def test_a_reply_is_read_for_escapes_once_whoever_looks_at_it(tmp_path, monkeypatch):
    read: list[str] = []

    def noting(pieces):
        read.extend(text for text, _ in pieces)
        return as_read(pieces)

    for where in (bodies, judging):
        monkeypatch.setattr(where, "as_read", noting)
    config = replies().replace('guardrails = ["oracle"]', 'guardrails = ["oracle", "shouting"]') + (
        '[guardrails.shouting]\naction = "block"\nstages = ["reply"]\nsource = "assistant"\n'
    )
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": "\\u0041"}'}}
    whole = [expect(), send(answer_of("", tool_calls=[call])), until_closed()]
    async with asking(tmp_path, whole, Reader("EVIL").script, config) as (_, two, running):
        assert (await running.post(CHATS, CHAT)).status == 200
    assert '{"a": "A"}' in "".join(json.loads(two.requests[-1].body)["messages"][-1]["content"])
    assert read.count('{"a": "\\u0041"}') == 1
