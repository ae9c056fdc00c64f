"""Streams between a backend and judges that are asked about parts: none is let go unjudged, none stalls, none piles up."""

import asyncio
import json

import pytest
from tests.component.test_guardrails import CHAT, SSE, answer_of, delta, streamed, text_in
from tests.component.test_guardrails_slow import CHATS, Referee, asking, replies, until
from tests.support import guardrails
from tests.support.wire_backend import chunk, chunked_head, expect, forever, send, until_closed

from llmgateway.dataplane.gate import MAX_WAITING

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
