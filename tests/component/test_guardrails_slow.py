"""Judges that take their time, on real sockets: who is asked, what waits for them, and what follows from silence."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.component.test_guardrails import (
    CHAT,
    JSON,
    SSE,
    answer_of,
    delta,
    everything_on_disk,
    stream_of,
    streamed,
    text_in,
)
from tests.support import guardrails
from tests.support.plane import CONFIG, plane
from tests.support.wire_backend import (
    WireBackend,
    chunk,
    chunked_head,
    expect,
    forever,
    reply,
    send,
    until_closed,
    wait_for,
)

from llmgateway.guarding.trust import SHUT_AFTER

CHATS = "/v1/chat/completions"
ORACLE = """
[guardrails.oracle]
action = "block"
timeout = "0.5s"
[routes.oracle.versions.v1]
backends = ["two"]
model = "oracle-model"
"""
ASKING = CONFIG.replace("fallback = []\n", 'fallback = []\nguardrails = ["oracle"]\n', 1) + ORACLE


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    guardrails.install(monkeypatch)


@asynccontextmanager
async def asking(tmp_path, model, oracle, config=ASKING):
    async with (
        WireBackend(model) as one,
        WireBackend(oracle) as two,
        plane(tmp_path, one.url, two.url, config=config) as running,
    ):
        yield one, two, running


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


def says(text: str) -> list:
    return [forever(expect(), send(answer_of(text)))]


SILENT = [expect(), until_closed()]
FAILING = [forever(expect(), send(reply(b'{"error":{"message":"no"}}', status="500 Oh")))]


async def test_a_request_that_the_judge_lets_pass_reaches_its_backend(tmp_path):
    async with asking(tmp_path, says("hello"), says("no")) as (one, two, running):
        answer = await running.post(CHATS, CHAT)
        assert (answer.status, answer.json()["choices"][0]["message"]["content"]) == (200, "hello")
        asked = json.loads(two.requests[0].body)
        assert asked["model"] == "oracle-model"
        assert asked["messages"] == [{"role": "user", "content": CHAT["messages"][0]["content"]}]
        assert len(one.requests) == 1


async def test_one_that_it_does_not_reaches_none(tmp_path):
    async with asking(tmp_path, says("hello"), says("yes")) as (one, _, running):
        answer = await running.post(CHATS, CHAT)
        assert (answer.status, answer.json()["error"]["code"]) == (400, "guardrail_blocked")
        assert "oracle.bad" in answer.json()["error"]["message"]
        assert one.requests == []
        (record,) = running.of_kind("refused")
        (verdict,) = record.meta["verdicts"]
        assert (verdict["guardrail"], verdict["kind"], verdict["action"]) == ("oracle", "oracle.bad", "block")


async def test_the_question_is_an_exchange_of_its_own_in_the_log(tmp_path):
    async with asking(tmp_path, says("hello"), says("no")) as (_, _, running):
        answer = await running.post(CHATS, CHAT)
        await running.quiet()
        by_route = {record.meta["route"]: record.meta for record in running.of_kind("admitted")}
        assert by_route["oracle"]["tags"] == {"guardrail": "oracle", "judged": by_route["assistant"]["id"]}
        assert by_route["oracle"]["key"] == "app"
        ends = {record.meta["id"]: record.meta["end"] for record in running.of_kind("settled")}
        assert ends == {by_route["oracle"]["id"]: "completed", by_route["assistant"]["id"]: "completed"}
        assert running.worker.gateway.gauges.in_flight["oracle"] == 0
        assert answer.status == 200


async def test_the_same_text_is_not_asked_about_twice(tmp_path):
    async with asking(tmp_path, says("hello"), says("no")) as (_, two, running):
        for _ in range(3):
            assert (await running.post(CHATS, CHAT)).status == 200
        assert len(two.requests) == 1
        other = {**CHAT, "messages": [{"role": "user", "content": "something else"}]}
        assert (await running.post(CHATS, other)).status == 200
        assert len(two.requests) == 2
        assert running.worker.gateway.gauges.answers == {"answered": 2, "remembered": 2}


@pytest.mark.parametrize(("oracle", "why"), [(SILENT, "timeout"), (FAILING, "unavailable"), (says("hm"), "senseless")])
@pytest.mark.parametrize("on_error", ["block", "pass"])
async def test_what_follows_when_there_is_no_answer(tmp_path, oracle, why, on_error):
    config = ASKING.replace('timeout = "0.5s"', f'timeout = "0.5s"\non_error = "{on_error}"')
    async with asking(tmp_path, says("hello"), oracle, config) as (one, _, running):
        answer = await running.post(CHATS, CHAT)
        if on_error == "block":
            assert (answer.status, answer.json()["error"]["code"]) == (503, "guardrail_unavailable")
            assert one.requests == []
            verdicts = running.of_kind("refused")[0].meta["verdicts"]
        else:
            assert answer.status == 200
            (verdicts,) = [m.meta["verdicts"] for m in running.of_kind("settled") if m.meta.get("verdicts")]
        assert [(each["kind"], each["action"]) for each in verdicts] == [
            (f"error.{why}", "block" if on_error == "block" else "flag")
        ]


TWICE = [
    b'{"model":"assistant","messages":[{"role":"user","content":"EVIL","content":"hello"}]}',
    b'{"model":"assistant","messages":[{"role":"user","content":"EVIL","c\\u006fntent":"\\"hello\\""}]}',
]


@pytest.mark.parametrize("body", TWICE)
@pytest.mark.parametrize("action", ["block", "flag"])
async def test_of_a_member_that_comes_twice_nothing_passes_a_judge_that_sees_one(tmp_path, body, action):
    config = ASKING.replace('action = "block"', f'action = "{action}"')
    async with asking(tmp_path, says("hello"), says("no"), config) as (one, two, running):
        answer = await running.ask("POST", CHATS, body)
        if action == "block":
            assert (answer.status, answer.json()["error"]["code"]) == (400, "duplicate_key")
            assert one.requests == two.requests == []
        else:
            assert answer.status == 200
            assert one.requests[0].body.count(b"EVIL") == 1


async def test_what_was_answered_under_another_configuration_is_asked_again(tmp_path):
    async with asking(tmp_path, says("hello"), says("no")) as (_, two, running):
        assert (await running.post(CHATS, CHAT)).status == 200
        running.worker.put_in_force(replace(running.worker.gateway.in_force.snapshot, generation=2))
        assert (await running.post(CHATS, CHAT)).status == 200
        assert len(two.requests) == 2


async def test_a_judge_that_blocks_fails_closed_and_one_that_flags_open(tmp_path):
    async with asking(tmp_path, says("hello"), FAILING) as (_, _, running):
        assert (await running.post(CHATS, CHAT)).status == 503
    flagging = ASKING.replace('action = "block"', 'action = "flag"')
    async with asking(tmp_path / "b", says("hello"), FAILING, flagging) as (_, _, running):
        assert (await running.post(CHATS, CHAT)).status == 200


async def test_nobody_is_asked_for_a_while_who_has_not_answered_again_and_again(tmp_path):
    async with asking(tmp_path, says("hello"), FAILING) as (_, two, running):
        statuses = [(await running.post(CHATS, CHAT)).status for _ in range(SHUT_AFTER + 3)]
        assert set(statuses) == {503}
        assert len({r.meta["id"] for r in running.of_kind("admitted") if r.meta["route"] == "oracle"}) == SHUT_AFTER
        assert two.requests


REFUSING = [forever(expect(), send(reply(b'{"error":{"message":"no such text"}}', status="400 No")))]


@pytest.mark.parametrize("oracle", [says("hm"), REFUSING], ids=["nonsense", "a refusal of the text"])
async def test_texts_that_get_no_sensible_answer_do_not_shut_the_judge_for_others(tmp_path, oracle):
    async with asking(tmp_path, says("hello"), oracle) as (_, two, running):
        for at in range(SHUT_AFTER + 3):
            asked = {**CHAT, "messages": [{"role": "user", "content": f"text {at}"}]}
            assert (await running.post(CHATS, asked)).status == 503
        assert len(two.requests) == SHUT_AFTER + 3


async def test_the_caller_leaving_ends_the_question(tmp_path):
    async with asking(tmp_path, says("hello"), SILENT) as (one, two, running):
        caller = await running.connect()
        caller.send("POST", CHATS, json.dumps(CHAT).encode())
        await until(lambda: two.requests)
        await caller.leave()
        await running.quiet()
        await until(lambda: len(running.of_kind("settled")) == 1)
        assert running.of_kind("settled")[0].meta["end"] == "interrupted"
        assert running.of_kind("refused")[0].meta["end"] == "client_closed"
        assert one.requests == []


class TestParallel:
    CONFIG = ASKING.replace("fallback = []\n", "fallback = []\nparallel = true\n", 1)

    async def test_the_backend_is_asked_while_the_judge_looks_and_nothing_passes_before(self, tmp_path):
        decided = asyncio.Event()
        slow = [expect(), wait_for(decided), send(answer_of("no")), until_closed()]
        async with asking(tmp_path, says("hello"), slow, self.CONFIG) as (one, _, running):
            caller = await running.connect()
            caller.send("POST", CHATS, json.dumps(CHAT).encode())
            await until(lambda: one.requests)
            assert running.of_kind("settled") == []
            decided.set()
            assert (await caller.receive()).json()["choices"][0]["message"]["content"] == "hello"

    @pytest.mark.parametrize("is_stream", [False, True])
    async def test_not_one_byte_reaches_the_caller_of_what_is_blocked(self, tmp_path, is_stream):
        decided = asyncio.Event()
        slow = [expect(), wait_for(decided), send(answer_of("yes")), until_closed()]
        model = streamed(stream_of("hel", "lo")) if is_stream else says("hello")
        async with asking(tmp_path, model, slow, self.CONFIG) as (one, _, running):
            asyncio.get_running_loop().call_later(0.1, decided.set)
            answer = await running.post(CHATS, {**CHAT, "stream": is_stream})
            assert (answer.status, answer.json()["error"]["code"]) == (400, "guardrail_blocked")
            assert b"hello" not in answer.body
            assert len(one.requests) == 1
            (settled,) = [m for m in running.of_kind("settled") if m.meta.get("error_code") == "guardrail_blocked"]
            assert [each["kind"] for each in settled.meta["verdicts"]] == ["oracle.bad"]

    @pytest.mark.parametrize("is_stream", [False, True])
    async def test_what_is_blocked_is_told_at_once_and_the_backend_need_not_answer(self, tmp_path, is_stream):
        async with asking(tmp_path, SILENT, says("yes"), self.CONFIG) as (one, _, running):
            async with asyncio.timeout(5):
                answer = await running.post(CHATS, {**CHAT, "stream": is_stream})
            assert (answer.status, answer.json()["error"]["code"]) == (400, "guardrail_blocked")
            await until(lambda: len(one.requests) == 0 or one.connections[0].left_at is not None)
            await running.quiet()
            standing = running.worker.gateway.in_force.standings.by_name["one"]
            assert (standing.in_flight, standing.record.consecutive) == (0, 0)
            (record,) = [m.meta for m in running.of_kind("settled") if m.meta.get("error_code")]
            assert {each["result"] for each in record["attempts"]} <= {"guardrail_blocked"}

    async def test_a_long_stream_waits_without_growing(self, tmp_path):
        decided = asyncio.Event()
        slow = [expect(), wait_for(decided), send(answer_of("no")), until_closed()]
        text = "word " * 200
        model = streamed(stream_of(*([text] * 3000)))
        async with asking(tmp_path, model, slow, self.CONFIG) as (_, _, running):
            asyncio.get_running_loop().call_later(0.3, decided.set)
            answer = await running.post(CHATS, {**CHAT, "stream": True})
            assert text_in(answer.body) == text * 3000

    async def test_the_question_ends_where_the_backend_fails_first(self, tmp_path):
        config = self.CONFIG.replace('timeout = "0.5s"', 'timeout = "20s"')
        async with asking(tmp_path, FAILING, SILENT, config) as (_, two, running):
            answer = await running.post(CHATS, CHAT)
            assert answer.status == 502
            await until(lambda: len(running.of_kind("settled")) == 2)
            assert two.requests


class TestHeavy:
    CONFIG = CONFIG.replace("fallback = []\n", 'fallback = []\nguardrails = ["ponderer"]\n', 1) + (
        '[guardrails.ponderer]\naction = "block"\ntimeout = "20s"\n'
    )

    @staticmethod
    def chat(text: str) -> dict:
        return {**CHAT, "messages": [{"role": "user", "content": text}]}

    async def test_it_runs_in_a_process_of_its_own(self, tmp_path):
        async with asking(tmp_path, says("hello"), [], self.CONFIG) as (one, _, running):
            assert (await running.post(CHATS, self.chat("a good text"))).status == 200
            answer = await running.post(CHATS, self.chat("a bad text"))
            assert (answer.status, answer.json()["error"]["code"]) == (400, "guardrail_blocked")
            assert len(one.requests) == 1

    async def test_one_that_dies_blocks_and_the_next_text_has_another(self, tmp_path):
        async with asking(tmp_path, says("hello"), [], self.CONFIG) as (_, _, running):
            answer = await running.post(CHATS, self.chat("die"))
            assert (answer.status, answer.json()["error"]["code"]) == (503, "guardrail_unavailable")
            assert (await running.post(CHATS, self.chat("a good text"))).status == 200

    async def test_processes_of_an_old_configuration_end_in_a_while(self, tmp_path, monkeypatch):
        monkeypatch.setattr("llmgateway.dataplane.heavy.RETIRED_S", 0.05)
        async with asking(tmp_path, says("hello"), [], self.CONFIG) as (_, _, running):
            assert (await running.post(CHATS, self.chat("a good text"))).status == 200
            heavy = running.worker._consultants._heavy
            (old,) = heavy._processes.values()
            snapshot = running.worker.gateway.in_force.snapshot
            running.worker.put_in_force(replace(snapshot, generation=2))
            assert list(heavy._processes.values()) == [old]  # the same judge
            running.worker.put_in_force(replace(snapshot, generation=3, routes={}))
            await until(lambda: old.is_gone)
            running.worker.put_in_force(replace(snapshot, generation=4))
            assert (await running.post(CHATS, self.chat("a bad text"))).status == 400

    async def test_one_that_fails_is_no_answer_and_goes_on(self, tmp_path):
        async with asking(tmp_path, says("hello"), [], self.CONFIG) as (_, _, running):
            assert (await running.post(CHATS, self.chat("stumble"))).status == 503
            assert (await running.post(CHATS, self.chat("a good text"))).status == 200

    async def test_one_that_takes_too_long_is_not_waited_for(self, tmp_path, monkeypatch):
        monkeypatch.setattr("llmgateway.dataplane.heavy.GRACE_S", 0.1)
        config = self.CONFIG.replace("20s", "3s")
        async with asking(tmp_path, says("hello"), [], config) as (_, _, running):
            assert (await running.post(CHATS, self.chat("a good text"))).status == 200
            assert (await running.post(CHATS, self.chat("ponder"))).status == 503
            await asyncio.sleep(0.3)
            assert (await running.post(CHATS, self.chat("another text"))).status == 200


async def test_no_text_is_left_in_the_clear_where_a_request_is_blocked(tmp_path):
    config = ASKING.replace('guardrails = ["oracle"]', 'guardrails = ["runs", "oracle"]')
    async with asking(tmp_path, says("hello"), says("yes"), config) as (_, two, running):
        assert (await running.post(CHATS, CHAT)).status == 400
        await running.quiet()
        assert "[NUMBER]" in two.requests[0].body.decode()
        assert b"5551234" not in everything_on_disk(tmp_path)


@pytest.mark.parametrize("verdict", ["no", "yes"])
@pytest.mark.parametrize("theirs", ["full", "redacted", "hash", "none"])
@pytest.mark.parametrize("ours", ["redacted", "hash", "none"])
async def test_a_question_is_stored_no_more_than_what_it_is_about(tmp_path, ours, theirs, verdict):
    config = ASKING.replace("fallback = []\n", f'fallback = []\nbodies = "{ours}"\n', 1)
    config = config.replace(
        "[routes.oracle.versions.v1]", f'[routes.oracle]\nbodies = "{theirs}"\n[routes.oracle.versions.v1]'
    )
    chat = {**CHAT, "messages": [{"role": "user", "content": "a word and ZZZZZ"}]}
    async with asking(tmp_path, says("hello"), says(verdict), config) as (_, two, running):
        assert (await running.post(CHATS, chat)).status == (200 if verdict == "no" else 400)
        await running.quiet()
        assert b"ZZZZZ" in two.requests[0].body
    stored = everything_on_disk(tmp_path)
    assert b"ZZZZZ" not in stored
    assert (b"a word and" in stored) is (ours == "redacted")


@pytest.mark.parametrize("ours", ["redacted", "hash", "none"])
async def test_a_complaint_about_a_question_is_stored_redacted(tmp_path, ours):
    config = ASKING.replace("fallback = []\n", f'fallback = []\nbodies = "{ours}"\n', 1)
    config = config.replace(
        "[routes.oracle.versions.v1]", '[routes.oracle]\nbodies = "full"\n[routes.oracle.versions.v1]'
    )
    chat = {**CHAT, "messages": [{"role": "user", "content": "a word and ZZZZZ"}]}

    async def quote(wire) -> None:
        await send(reply(b"I do not like " + wire.backend.requests[-1].body, status="500 Broken"))(wire)

    async with asking(tmp_path, says("hello"), [forever(expect(), quote)], config) as (_, two, running):
        assert (await running.post(CHATS, chat)).status == 503
        await running.quiet()
        assert b"ZZZZZ" in two.requests[0].body
    assert b"I do not like" in everything_on_disk(tmp_path)
    assert b"ZZZZZ" not in everything_on_disk(tmp_path)


def replies(*, action: str = "block", windowed: bool = True, more: str = "") -> str:
    return ASKING.replace(
        'action = "block"', f'action = "{action}"\nstages = ["reply"]\nwindowed = {str(windowed).lower()}\n{more}'
    )


class Referee:
    """Answers each question by what is in its last message."""

    def __init__(self, bad: str) -> None:
        self.bad = bad
        self.seen: list[str] = []

    @property
    def script(self) -> list:
        async def answer(wire) -> None:
            said = json.loads(wire.backend.requests[-1].body)["messages"][-1]["content"]
            self.seen.append(said)
            await send(answer_of("yes" if self.bad in said else "no"))(wire)

        return [forever(expect(), answer)]


def in_parts(texts: list[str], referee: Referee) -> list:
    """A stream that goes on when its last part was judged, or the gateway has left."""

    def judged(count: int):
        async def step(wire) -> None:
            await until(lambda: len(referee.seen) >= count or wire.lost_at is not None)

        return step

    steps = [expect(), send(chunked_head(SSE))]
    for count, at in enumerate(range(0, len(texts), 200), 1):
        steps += [send(chunk(b"".join(map(delta, texts[at : at + 200])))), judged(count)]
    return [*steps, send(chunk(delta(finish="stop") + b"data: [DONE]\n\n") + chunk(b"")), until_closed()]


class TestReplies:
    async def test_a_whole_reply_passes_or_not_and_the_judge_knows_what_was_asked(self, tmp_path):
        async with asking(tmp_path, says("hello"), says("no"), replies()) as (_, two, running):
            answer = await running.post(CHATS, CHAT)
            assert (answer.status, answer.json()["choices"][0]["message"]["content"]) == (200, "hello")
            asked = [each["content"] for each in json.loads(two.requests[0].body)["messages"]]
            assert asked == [CHAT["messages"][0]["content"], "hello"]

    async def test_of_a_member_that_comes_twice_the_caller_gets_what_the_judge_was_shown(self, tmp_path):
        twice = reply(b'{"choices":[{"message":{"content":"EVIL","content":"hello"}}]}', headers=JSON)
        async with asking(tmp_path, [forever(expect(), send(twice))], Referee("EVIL").script, replies()) as (_, _, it):
            answer = await it.post(CHATS, CHAT)
            assert answer.body == b'{"choices":[{"message":{"content":"hello"}}]}'

    async def test_a_blocked_one_is_told_by_its_category(self, tmp_path):
        async with asking(tmp_path, says("hello"), says("yes"), replies()) as (_, _, running):
            answer = await running.post(CHATS, CHAT)
            assert (answer.status, answer.json()["error"]["code"]) == (400, "guardrail_blocked")
            assert b"hello" not in answer.body
            (record,) = [each for each in running.of_kind("settled") if each.meta["error_code"]]
            assert [(each["stage"], each["kind"]) for each in record.meta["verdicts"]] == [("reply", "oracle.bad")]

    async def test_a_stream_is_let_go_when_it_was_judged(self, tmp_path):
        model = streamed(stream_of("hel", "lo"))
        async with asking(tmp_path, model, says("no"), replies()) as (_, two, running):
            answer = await running.post(CHATS, {**CHAT, "stream": True})
            assert (answer.status, text_in(answer.body)) == (200, "hello")
            assert answer.body.endswith(b"data: [DONE]\n\n")
            assert json.loads(two.requests[0].body)["messages"][-1]["content"] == "hello"

    @pytest.mark.parametrize("windowed", [True, False])
    async def test_a_short_stream_that_is_blocked_is_an_ordinary_refusal(self, tmp_path, windowed):
        model = streamed(stream_of("hel", "lo"))
        async with asking(tmp_path, model, says("yes"), replies(windowed=windowed)) as (_, _, running):
            answer = await running.post(CHATS, {**CHAT, "stream": True})
            assert (answer.status, answer.json()["error"]["code"]) == (400, "guardrail_blocked")

    async def test_a_long_one_passes_window_by_window_and_ends_where_one_is_blocked(self, tmp_path):
        texts = [f"{number:04} good words " for number in range(1000)]
        texts[800] = "EVIL"
        referee = Referee("EVIL")
        async with asking(tmp_path, in_parts(texts, referee), referee.script, replies()) as (_, _, running):
            answer = await running.post(CHATS, {**CHAT, "stream": True})
            given = text_in(answer.body)
            assert answer.status == 200
            assert given == "".join(texts)[: len(given)]
            assert "EVIL" not in answer.body.decode()
            assert b"guardrail_blocked" in answer.body
            assert not answer.is_whole
            assert all(len(each) <= 20_000 for each in referee.seen)
            assert len(given) > 1000

    async def test_all_of_a_long_one_arrives_and_everything_was_judged(self, tmp_path):
        texts = [f"{number:04} good words " for number in range(1000)]
        referee = Referee("EVIL")
        async with asking(tmp_path, in_parts(texts, referee), referee.script, replies()) as (_, _, running):
            answer = await running.post(CHATS, {**CHAT, "stream": True})
            assert text_in(answer.body) == "".join(texts)
            assert answer.is_whole
            assert len(referee.seen) > 1
            for text in texts:
                assert any(text in each for each in referee.seen)

    async def test_one_that_needs_the_whole_holds_the_whole(self, tmp_path):
        texts = [f"{number:04} good words " for number in range(1000)]
        texts[990] = "EVIL"
        referee = Referee("EVIL")
        config = replies(windowed=False)
        async with asking(tmp_path, streamed(stream_of(*texts)), referee.script, config) as (_, _, running):
            answer = await running.post(CHATS, {**CHAT, "stream": True})
            assert answer.status == 400
            assert len(referee.seen) == 1

    async def test_a_judge_that_only_flags_holds_nothing_up_and_is_recorded(self, tmp_path):
        model = streamed(stream_of("hel", "lo"))
        async with asking(tmp_path, model, says("yes"), replies(action="flag")) as (_, _, running):
            answer = await running.post(CHATS, {**CHAT, "stream": True})
            assert text_in(answer.body) == "hello"
            (record,) = [each for each in running.of_kind("settled") if each.meta.get("verdicts")]
            assert [each["action"] for each in record.meta["verdicts"]] == ["flag"]

    @pytest.mark.parametrize("is_stream", [False, True])
    async def test_nothing_passes_where_nobody_answers(self, tmp_path, is_stream):
        model = streamed(stream_of("hel", "lo")) if is_stream else says("hello")
        async with asking(tmp_path, model, SILENT, replies()) as (_, _, running):
            answer = await running.post(CHATS, {**CHAT, "stream": is_stream})
            assert (answer.status, answer.json()["error"]["code"]) == (503, "guardrail_unavailable")
            assert b"hello" not in answer.body

    async def test_a_stream_that_breaks_off_is_judged_as_far_as_it_came(self, tmp_path):
        model = [expect(), send(chunked_head(SSE) + chunk(delta("EVIL")))]
        async with asking(tmp_path, model, Referee("EVIL").script, replies()) as (_, _, running):
            answer = await running.post(CHATS, {**CHAT, "stream": True})
            assert b"EVIL" not in answer.body
        model = [expect(), send(chunked_head(SSE) + chunk(delta("good")))]
        async with asking(tmp_path / "b", model, Referee("EVIL").script, replies()) as (_, _, running):
            answer = await running.post(CHATS, {**CHAT, "stream": True})
            assert text_in(answer.body) == "good"
            assert b"upstream_truncated" in answer.body

    async def test_the_caller_leaving_ends_everything(self, tmp_path):
        model = streamed(stream_of("hel", "lo"))
        async with asking(tmp_path, model, SILENT, replies()) as (_, two, running):
            caller = await running.connect()
            caller.send("POST", CHATS, json.dumps({**CHAT, "stream": True}).encode())
            await until(lambda: two.requests)
            await caller.leave()
            await running.quiet()
            await until(lambda: len(running.of_kind("settled")) == 2)
            assert {each.meta["end"] for each in running.of_kind("settled")} == {"client_closed", "interrupted"}

    async def test_tool_calls_and_reasoning_are_texts_too(self, tmp_path):
        call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": "EVIL"}'}}
        model = streamed(delta(tool_calls=[call]) + delta(finish="tool_calls") + b"data: [DONE]\n\n")
        async with asking(tmp_path, model, Referee("EVIL").script, replies(windowed=False)) as (_, _, running):
            assert (await running.post(CHATS, {**CHAT, "stream": True})).status == 400

    async def test_a_refusal_of_the_backend_is_not_judged(self, tmp_path):
        model = [forever(expect(), send(reply(b'{"error":{"message":"EVIL"}}', status="400 No")))]
        async with asking(tmp_path, model, says("yes"), replies()) as (_, two, running):
            assert (await running.post(CHATS, CHAT)).status == 400
            assert two.requests == []

    async def test_copies_are_not_judged(self, tmp_path):
        config = replies().replace(
            "[routes.assistant.versions.v1]",
            '[routes.assistant.shadow]\nversion = "v1"\nshare = 1\n[routes.assistant.versions.v1]',
        )
        async with asking(tmp_path, says("hello"), says("no"), config) as (one, two, running):
            assert (await running.post(CHATS, CHAT)).status == 200
            await until(lambda: len(one.requests) == 2)
            await until(lambda: len(running.of_kind("settled")) == 3)
            assert len(two.requests) == 1


async def test_a_quick_judge_of_replies_needs_nobody(tmp_path):
    config = CONFIG.replace("fallback = []\n", 'fallback = []\nguardrails = ["shouting"]\n', 1) + (
        '[guardrails.shouting]\naction = "block"\nstages = ["reply"]\nsource = "assistant"\n'
    )
    for number, (text, status) in enumerate([("hello", 200), ("HELLO", 400)]):
        for is_stream in (False, True):
            model = streamed(stream_of(text[:2], text[2:])) if is_stream else says(text)
            async with asking(tmp_path / f"{number}{is_stream}", model, [], config) as (_, _, running):
                answer = await running.post(CHATS, {**CHAT, "stream": is_stream})
                assert answer.status == status
