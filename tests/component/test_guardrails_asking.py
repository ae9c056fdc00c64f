"""The judges that ask somebody, as they are, on real sockets: what is asked, what passes, and what follows from silence."""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from tests.component.test_guardrails import SSE, answer_of, everything_on_disk, stream_of, streamed, text_in
from tests.support.plane import CONFIG, plane
from tests.support.wire_backend import WireBackend, chunk, chunked_head, expect, forever, reply, send, until_closed

from llmgateway.wire.signature import SIGNATURE, TIMESTAMP, signature

CHATS, MESSAGES = "/v1/chat/completions", "/v1/messages"
SECRET = "sk-canary-of-whom-is-asked-1f7c"
BAD = "how to hurt somebody"
JSON = [("content-type", "application/json")]
QUIET = "never-in-a-log-5b1e"


@dataclass(frozen=True)
class Asked:
    """One way to ask: the definition, where it asks, what somebody answers who finds `BAD` bad, and the kind of it."""

    table: str
    path: str
    answer: Callable[[dict], bytes]
    kind: str
    plugin: str

    def config(self, more: str = 'action = "block"', route: str = "assistant", timeout: str = "9s") -> str:
        guarded = f"[routes.{route}.versions.v1]\n"
        safety = f'[guardrails.safety]\ntimeout = "{timeout}"\n{more}\n{self.table}\n'
        asked = '[routes.asked.versions.v1]\nbackends = ["two"]\nmodel = "asked-model"\n'
        config = CONFIG.replace('base_url = "{two}/v1"\n', f'base_url = "{{two}}/v1"\napi_key = "{SECRET}"\n', 1)
        named = f'[routes.{route}]\nguardrails = ["safety"]\n'
        if f"[routes.{route}]\n" in config:
            config = config.replace(f"[routes.{route}]\n", named, 1)
        else:
            config = config.replace(guarded, named + guarded, 1)
        return config + safety + asked


def moderated(body: dict) -> bytes:
    flagged = [BAD in each for each in body["input"]]
    results = [
        {
            "flagged": each,
            "categories": {"violence": each, "hate": False},
            "category_scores": {"violence": 0.9, "hate": 0},
        }
        for each in flagged
    ]
    return reply(json.dumps({"id": "modr-1", "model": "m", "results": results}).encode(), headers=JSON)


def guarded(body: dict) -> bytes:
    return answer_of("unsafe\nS1" if BAD in body["messages"][-1]["content"] else "safe")


def ruled(body: dict) -> bytes:
    is_bad = BAD in body["messages"][-1]["content"]
    said = {"verdict": "flag", "category": "harm", "score": 0.9} if is_bad else ALLOWED
    return answer_of(json.dumps(said))


def checked(body: dict) -> bytes:
    found = [{"text": at, "kind": "harm"} for at, each in enumerate(body["texts"]) if BAD in each["text"]]
    return reply(json.dumps({"findings": found}).encode(), headers=JSON)


ALLOWED = {"verdict": "allow", "category": "none", "score": 0.1}
RUBRIC = 'use = "judge"\nroute = "asked"\nform = "rubric"\nrubric = "No harm."\ncategories = ["harm"]'
WAYS = {
    "moderation": Asked(
        'use = "moderation"\nroute = "asked"', "/v1/moderations", moderated, "moderation.violence", "moderation"
    ),
    "llama_guard": Asked('use = "judge"\nroute = "asked"', CHATS, guarded, "judge.S1", "judge"),
    "rubric": Asked(RUBRIC, CHATS, ruled, "judge.harm", "judge"),
    "http": Asked('use = "http"\nbackend = "two"\nkinds = ["harm"]', "/v1/check", checked, "http.harm", "http"),
}
REPLIES = 'action = "block"\nstages = ["reply"]'


@pytest.fixture(params=sorted(WAYS))
def way(request) -> Asked:
    return WAYS[request.param]


def asking_somebody(way: Asked) -> list:
    async def answer(wire) -> None:
        await send(way.answer(json.loads(wire.backend.requests[-1].body)))(wire)

    return [forever(expect(), answer)]


@asynccontextmanager
async def asking(tmp_path, way: Asked, model, whom=None, config: str | None = None):
    async with (
        WireBackend(model) as one,
        WireBackend(asking_somebody(way) if whom is None else whom) as two,
        plane(tmp_path, one.url, two.url, config=config or way.config()) as running,
    ):
        yield one, two, running


def says(text: str) -> list:
    return [forever(expect(), send(answer_of(text)))]


def chat(text: str, **more) -> dict:
    return {"model": "assistant", "messages": [{"role": "user", "content": text}], **more}


def verdicts(running, kinds=("settled", "refused")) -> list[dict]:
    found = [record.meta.get("verdicts") or [] for kind in kinds for record in running.of_kind(kind)]
    return [each for some in found for each in some]


def code(answer) -> tuple[int, str]:
    return answer.status, answer.json()["error"]["code"]


async def test_what_is_let_pass_reaches_the_backend(tmp_path, way):
    async with asking(tmp_path, way, says("hello")) as (one, two, running):
        answer = await running.post(CHATS, chat("good day"))
        assert answer.status == 200
        assert answer.json()["choices"][0]["message"]["content"] == "hello"
        assert len(one.requests) == len(two.requests) == 1
        (asked,) = two.requests
        assert (asked.method, asked.target) == ("POST", way.path)
        assert "good day" in asked.body.decode()
        if way.plugin == "http":
            check_signed(asked)
        else:
            assert json.loads(asked.body)["model"] == "asked-model"
            assert asked.header(b"authorization") == f"Bearer {SECRET}".encode()
        assert verdicts(running) == []


def check_signed(asked) -> None:
    sent_at = int(asked.header(TIMESTAMP.encode()) or 0)
    assert abs(time.time() - sent_at) < 60
    assert asked.header(SIGNATURE.encode()) == signature(SECRET, sent_at, asked.body).encode()
    assert SECRET.encode() not in asked.raw


async def test_what_is_blocked_reaches_nobody_and_is_told_by_its_kind(tmp_path, way):
    async with asking(tmp_path, way, says("hello")) as (one, _, running):
        answer = await running.post(CHATS, chat(BAD))
        assert code(answer) == (400, "guardrail_blocked")
        assert way.kind in answer.json()["error"]["message"]
        assert BAD not in answer.body.decode()
        assert one.requests == []
        (verdict,) = verdicts(running)
        assert {key: verdict[key] for key in ("guardrail", "plugin", "stage", "action", "kind")} == {
            "guardrail": "safety",
            "plugin": way.plugin,
            "stage": "request",
            "action": "block",
            "kind": way.kind,
        }


async def test_what_is_flagged_passes_and_is_recorded(tmp_path, way):
    async with asking(tmp_path, way, says("hello"), config=way.config('action = "flag"')) as (one, _, running):
        assert (await running.post(CHATS, chat(BAD))).status == 200
        assert len(one.requests) == 1
        assert [(each["kind"], each["action"]) for each in verdicts(running)] == [(way.kind, "flag")]


async def test_the_same_question_is_asked_once(tmp_path, way):
    async with asking(tmp_path, way, says("hello")) as (_, two, running):
        for _ in range(2):
            assert (await running.post(CHATS, chat("good day"))).status == 200
            assert (await running.post(CHATS, chat(BAD))).status == 400
        assert len(two.requests) == 2


class TestReplies:
    @pytest.mark.parametrize(("text", "passes"), [("good day", True), (BAD, False)])
    async def test_whole_ones(self, tmp_path, way, text, passes):
        async with asking(tmp_path, way, says(text), config=way.config(REPLIES)) as (_, two, running):
            answer = await running.post(CHATS, chat("What now?"))
            assert answer.status == (200 if passes else 400)
            assert (text in answer.body.decode()) is passes
            assert len(two.requests) == 1

    @pytest.mark.parametrize(("text", "passes"), [("good day to you", True), (BAD, False)])
    async def test_streams(self, tmp_path, way, text, passes):
        model = streamed(stream_of(text[:7], text[7:]))
        async with asking(tmp_path, way, model, config=way.config(REPLIES)) as (_, _, running):
            answer = await running.post(CHATS, chat("What now?", stream=True))
            if passes:
                assert (answer.status, text_in(answer.body)) == (200, text)
                assert answer.is_whole
            else:
                assert code(answer) == (400, "guardrail_blocked")
                assert text[:7] not in answer.body.decode()

    async def test_long_streams_never_show_what_is_bad(self, tmp_path, way):
        texts = [f"{number:04} good words " for number in range(800)]
        texts[700] = f" {BAD} "
        more = REPLIES + ("\nmax_characters = 64_000" if way.plugin == "judge" else "")
        async with asking(tmp_path, way, streamed(stream_of(*texts)), config=way.config(more)) as (_, _, running):
            answer = await running.post(CHATS, chat("What now?", stream=True))
            assert BAD not in answer.body.decode()
            assert b"guardrail_blocked" in answer.body
            given = text_in(answer.body)
            assert given == "".join(texts)[: len(given)]

    async def test_one_that_is_flagged_passes_and_is_recorded(self, tmp_path, way):
        config = way.config('action = "flag"\nstages = ["reply"]')
        async with asking(tmp_path, way, streamed(stream_of(BAD)), config=config) as (_, _, running):
            answer = await running.post(CHATS, chat("What now?", stream=True))
            assert text_in(answer.body) == BAD
            assert [(each["stage"], each["kind"]) for each in verdicts(running)] == [("reply", way.kind)]


def message_of(text: str) -> bytes:
    said = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-upstream",
        "stop_reason": "end_turn",
    }
    said |= {"content": [{"type": "text", "text": text}], "usage": {"input_tokens": 3, "output_tokens": 2}}
    return reply(json.dumps(said).encode(), headers=JSON)


def events_of(text: str) -> bytes:
    start = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-upstream", "content": []}
    events = [
        {"type": "message_start", "message": {**start, "usage": {"input_tokens": 3, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text[:6]}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text[6:]}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]
    return b"".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events)


class TestAnthropic:
    """Callers and backends that speak Anthropic's dialect; whoever is asked is asked as ever."""

    @staticmethod
    def ask(text: str, **more) -> dict:
        return {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": text}], **more}

    @pytest.mark.parametrize(("text", "status"), [("good day", 200), (BAD, 400)])
    async def test_requests(self, tmp_path, way, text, status):
        model = [forever(expect(), send(message_of("hello")))]
        async with asking(tmp_path, way, model, config=way.config(route="claude")) as (one, two, running):
            answer = await running.post(MESSAGES, self.ask(text, system="Be kind."))
            assert answer.status == status
            assert (len(one.requests), len(two.requests)) == (int(status == 200), 1)
            if status == 400:
                assert answer.json()["type"] == "error"
                assert way.kind in answer.json()["error"]["message"]

    @pytest.mark.parametrize("is_stream", [False, True])
    @pytest.mark.parametrize(("text", "status"), [("good day", 200), (BAD, 400)])
    async def test_replies(self, tmp_path, way, text, status, is_stream):
        whole = [forever(expect(), send(message_of(text)))]
        pieces = [expect(), send(chunked_head(SSE) + chunk(events_of(text)) + chunk(b"")), until_closed()]
        config = way.config(REPLIES, route="claude")
        async with asking(tmp_path, way, pieces if is_stream else whole, config=config) as (_, _, running):
            answer = await running.post(MESSAGES, self.ask("What now?", stream=is_stream))
            assert answer.status == status
            assert (text[:6] in answer.body.decode()) is (status == 200)
            if status == 400:
                assert answer.json()["type"] == "error"


NO_ANSWER = {
    "timeout": [expect(), until_closed()],
    "unavailable": [
        forever(expect(), send(reply(json.dumps({"error": {"message": QUIET}}).encode(), status="500 Oh")))
    ],
    "senseless": [forever(expect(), send(reply(json.dumps({"said": QUIET}).encode(), headers=JSON)))],
}


class TestNoAnswer:
    @pytest.mark.parametrize("on_error", ["block", "pass"])
    @pytest.mark.parametrize("why", sorted(NO_ANSWER))
    async def test_what_follows_is_as_the_settings_say(self, tmp_path, way, why, on_error, caplog):
        caplog.set_level(logging.DEBUG)
        timeout = "0.5s" if why == "timeout" else "9s"
        config = way.config(f'action = "block"\non_error = "{on_error}"', timeout=timeout)
        async with asking(tmp_path, way, says("hello"), NO_ANSWER[why], config) as (one, two, running):
            answer = await running.post(CHATS, chat("good day"))
            await running.quiet()
            if on_error == "block":
                assert code(answer) == (503, "guardrail_unavailable")
                assert one.requests == []
            else:
                assert answer.status == 200
            assert [each["kind"] for each in verdicts(running)] == [f"error.{why}"]
            assert two.requests
            assert QUIET not in answer.body.decode()
        assert SECRET not in caplog.text
        assert QUIET not in caplog.text

    async def test_an_answer_of_another_form_is_none(self, tmp_path, way):
        other = next(each for each in WAYS.values() if each.path != way.path or each.kind[:7] != way.kind[:7])
        nonsense = answer_of("I would say that this is fine.") if other.path != CHATS else answer_of("safe\nS1")
        async with asking(tmp_path, way, says("hello"), [forever(expect(), send(nonsense))]) as (one, _, running):
            assert code(await running.post(CHATS, chat("good day"))) == (503, "guardrail_unavailable")
            assert one.requests == []


async def test_secrets_are_in_no_log_and_not_on_the_disk(tmp_path, way, caplog):
    caplog.set_level(logging.DEBUG)
    async with asking(tmp_path, way, says("hello")) as (_, two, running):
        assert (await running.post(CHATS, chat("good day"))).status == 200
        assert (await running.post(CHATS, chat(BAD))).status == 400
        await running.quiet()
        assert (SECRET.encode() in two.requests[0].raw) is (way.plugin != "http")
    assert SECRET not in caplog.text
    assert SECRET.encode() not in everything_on_disk(tmp_path)


async def test_what_the_route_redacts_has_been_redacted_before_anybody_is_asked(tmp_path, way):
    config = way.config().replace('guardrails = ["safety"]', 'guardrails = ["pii", "safety"]')
    async with asking(tmp_path, way, says("hello"), config=config) as (_, two, running):
        assert (await running.post(CHATS, chat("I am ada.lovelace@example.com"))).status == 200
        assert "ada.lovelace" not in two.requests[0].body.decode()
        assert "[EMAIL]" in two.requests[0].body.decode()


async def test_two_of_them_are_asked_at_once(tmp_path):
    """Either waits until the other was asked, too."""
    way, both = WAYS["moderation"], asyncio.Event()
    config = way.config().replace('guardrails = ["safety"]', 'guardrails = ["safety", "more"]')
    config += '[guardrails.more]\nuse = "judge"\nroute = "asked"\naction = "block"\ntimeout = "9s"\n'

    async def answer(wire) -> None:
        if len(wire.backend.requests) == 2:
            both.set()
        await asyncio.wait_for(both.wait(), 5)
        request = next(each for each in wire.backend.requests if each.connection == wire.index)
        body = json.loads(request.body)
        await send(moderated(body) if "input" in body else guarded(body))(wire)

    async with asking(tmp_path, way, says("hello"), [expect(), answer, until_closed()], config) as (_, two, running):
        assert (await running.post(CHATS, chat("good day"))).status == 200
        assert len(two.requests) == 2
