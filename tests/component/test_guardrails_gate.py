"""Streams between a backend and judges that are asked about parts: none is let go unjudged, none stalls, none piles up."""

import json

import pytest
from tests.component.test_guardrails import CHAT, SSE, answer_of
from tests.component.test_guardrails_slow import CHATS, Referee, asking, replies, until
from tests.support import guardrails
from tests.support.wire_backend import chunk, chunked_head, expect, forever, send, until_closed


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
