"""Judges that find places and redact, on real sockets: what goes on, what comes back, what is stored, what is refused."""

import importlib.util
import json
import re
from contextlib import asynccontextmanager

import pytest
from tests.component.test_guardrails import SSE, answer_of, delta, everything_on_disk, stream_of, streamed
from tests.component.test_guardrails_asking import chat, code, verdicts
from tests.support.plane import CONFIG, plane
from tests.support.wire_backend import WireBackend, expect, forever, reply, send, until_closed
from tests.unit.guardrails.test_presidio import MODELS, stand_in  # noqa: F401 - a fixture

CHATS, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
JSON = [("content-type", "application/json")]
NAME = "Ada Lovelace"
TABLE = '[guardrails.names]\nuse = "http"\nbackend = "two"\naction = "redact"\ntimeout = "9s"\nkinds = ["person", "whole"]\n'


def guarded(more: str = "", *, table: str = TABLE, route: str = "", others: str = "") -> str:
    config = CONFIG.replace("fallback = []\n", f'fallback = []\nguardrails = ["names"{others}]\n{route}', 1)
    return config + table + more + "\n"


def answering() -> list:
    """A service that finds a name wherever it stands, and some texts bad as a whole."""

    async def answer(wire) -> None:
        texts = [each["text"] for each in json.loads(wire.backend.requests[-1].body)["texts"]]
        spans = [(at, found.span()) for at, text in enumerate(texts) for found in re.finditer(NAME, text)]
        found = [{"text": at, "kind": "person", "start": start, "end": end} for at, (start, end) in spans]
        found += [{"text": at, "kind": "whole"} for at, text in enumerate(texts) if "whole" in text]
        await send(reply(json.dumps({"findings": found}).encode(), headers=JSON))(wire)

    return [forever(expect(), answer)]


def echoing(say) -> list:
    """A model that answers what `say` makes of the last thing that it was told."""

    async def answer(wire) -> None:
        asked = json.loads(wire.backend.requests[-1].body)
        await send(answer_of(say(asked["messages"][-1]["content"])))(wire)

    return [forever(expect(), answer)]


@asynccontextmanager
async def redacting(tmp_path, model, config: str, service: list | None = None):
    async with (
        WireBackend(model) as one,
        WireBackend(answering() if service is None else service) as two,
        plane(tmp_path, one.url, two.url, config=config) as running,
    ):
        yield one, two, running


def says(text: str) -> list:
    return [forever(expect(), send(answer_of(text)))]


def told(backend, at: int = -1):
    return json.loads(backend.requests[at].body)


def content(answer) -> str:
    return answer.json()["choices"][0]["message"]["content"]


async def test_what_it_finds_in_a_prompt_is_not_told_to_the_backend_nor_stored(tmp_path):
    async with redacting(tmp_path, says("hello"), guarded()) as (one, _, running):
        answer = await running.post(CHATS, chat(f"I am {NAME}, {NAME}!", temperature=1.50))
        assert (answer.status, content(answer)) == (200, "hello")
        assert told(one)["messages"][0]["content"] == "I am [HTTP_PERSON], [HTTP_PERSON]!"
        (verdict,) = verdicts(running)
        assert (verdict["guardrail"], verdict["action"], verdict["count"]) == ("names", "redact", 2)
        assert NAME.encode() not in everything_on_disk(tmp_path)


async def test_values_come_back_to_the_caller_alone(tmp_path):
    async with redacting(tmp_path, echoing(lambda text: f"dear {text[5:]}"), guarded("restore = true")) as some:
        one, _, running = some
        answer = await running.post(CHATS, chat(f"I am {NAME}"))
        assert content(answer) == f"dear {NAME}"
        assert told(one)["messages"][0]["content"] == "I am <HTTP_PERSON_1>"
        assert NAME.encode() not in everything_on_disk(tmp_path)


async def test_into_streams_too(tmp_path):
    async with redacting(tmp_path, streamed(stream_of("dear <HTTP_P", "ERSON_1>!")), guarded("restore = true")) as (
        _,
        _,
        running,
    ):
        answer = await running.post(CHATS, chat(f"I am {NAME}", stream=True))
        assert NAME in "".join(re.findall(r'"content": ?"([^"]*)"', answer.body.decode()))
        assert NAME.encode() not in everything_on_disk(tmp_path)


BOTH = 'stages = ["request", "reply"]\n'


async def test_a_reply_is_redacted_for_its_caller_and_the_log(tmp_path):
    async with redacting(tmp_path, says(f"it was {NAME}"), guarded(BOTH)) as (_, two, running):
        answer = await running.post(CHATS, chat("who was it?"))
        assert (answer.status, content(answer)) == (200, "it was [HTTP_PERSON]")
        assert told(two)["context"] == [{"text": "who was it?", "source": "user"}]
        assert [(each["stage"], each["count"]) for each in verdicts(running)] == [("reply", 1)]
        assert NAME.encode() not in everything_on_disk(tmp_path)


async def test_a_new_name_in_a_reply_is_redacted_and_the_callers_own_comes_back(tmp_path):
    config = guarded(BOTH + "restore = true")
    async with redacting(tmp_path, echoing(lambda text: f"{text} {NAME}"), config) as (_, _, running):
        answer = await running.post(CHATS, chat(f"I am {NAME}"))
        # the model can't know the name: that it says it all the same is no secret of this caller's
        assert content(answer) == f"I am {NAME} {NAME}"
    other = "Grace Hopper"
    async with redacting(tmp_path / "b", echoing(lambda text: f"{text} {NAME}"), config) as (_, _, running):
        assert content(await running.post(CHATS, chat(other))) == f"{other} [HTTP_PERSON]"


async def test_without_a_place_the_whole_text_is_replaced(tmp_path):
    async with redacting(tmp_path, says("hello"), guarded()) as (one, _, running):
        parts = [{"type": "text", "text": "the whole of it"}, {"type": "text", "text": "but not this"}]
        assert (await running.post(CHATS, chat(parts))).status == 200
        said = [each["text"] for each in told(one)["messages"][0]["content"]]
        assert said == ["[HTTP_WHOLE]", "but not this"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (RESPONSES, {"input": [{"type": "function_call_output", "call_id": "c", "output": json.dumps({"n": NAME})}]}),
        (RESPONSES, {"input": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": NAME}]}]}),
        (RESPONSES, {"input": "x", "instructions": NAME}),
        (MESSAGES, {"max_tokens": 9, "system": NAME, "messages": [{"role": "user", "content": "x"}]}),
        (MESSAGES, {"max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "tool_result", "content": NAME}]}]}),
        ("/v1/embeddings", {"input": ["x", NAME]}),
        ("/v1/completions", {"prompt": [NAME, "x"]}),
        (CHATS, {"messages": [{"role": "user", "content": "x"}], "functions": [{"name": "f", "description": NAME}]}),
    ],
)  # fmt: skip
async def test_wherever_a_request_has_it(tmp_path, path, body):
    async with redacting(tmp_path, says("hello"), guarded()) as (one, _, running):
        await running.post(path, {"model": "assistant", **body})
        assert NAME not in json.dumps(told(one))
        assert "[HTTP_PERSON]" in json.dumps(told(one))


async def test_other_judges_see_what_is_left_and_are_asked_behind_it(tmp_path):
    more = '[guardrails.second]\nuse = "http"\nbackend = "two"\npath = "/second"\naction = "block"\ntimeout = "9s"\n'
    config = guarded(more, others=', "second"', route="parallel = true\n")
    async with redacting(tmp_path, says("hello"), config) as (one, two, running):
        assert (await running.post(CHATS, chat(f"I am {NAME}"))).status == 200
        asked = {each.target: json.loads(each.body)["texts"][0]["text"] for each in two.requests}
        assert asked == {"/v1/check": f"I am {NAME}", "/v1/second": "I am [HTTP_PERSON]"}
        assert NAME.encode() not in one.requests[0].body


@pytest.mark.parametrize("action", ["flag", "block"])
async def test_what_is_flagged_or_blocked_is_stored_without_it(tmp_path, action):
    config = guarded(table=TABLE.replace("redact", action))
    async with redacting(tmp_path, says("hello"), config) as (one, _, running):
        answer = await running.post(CHATS, chat(f"I am {NAME}"))
        if action == "flag":
            assert told(one)["messages"][0]["content"] == f"I am {NAME}"
        else:
            assert code(answer) == (400, "guardrail_blocked")
        assert NAME.encode() not in everything_on_disk(tmp_path)


async def test_without_an_answer_nothing_passes_unless_the_operator_says_so(tmp_path):
    silent = [expect(), until_closed()]
    table = TABLE.replace("9s", "0.2s")
    async with redacting(tmp_path, says("hello"), guarded(table=table), silent) as (one, _, running):
        assert code(await running.post(CHATS, chat(NAME))) == (503, "guardrail_unavailable")
        assert one.requests == []
    config = guarded('on_error = "pass"', table=table)
    async with redacting(tmp_path / "b", says("hello"), config, silent) as (one, _, running):
        assert (await running.post(CHATS, chat("x"))).status == 200


async def test_a_stream_is_refused_where_a_reply_must_be_had_whole_and_told_why(tmp_path):
    async with redacting(tmp_path, streamed(stream_of(NAME)), guarded(BOTH)) as (one, _, running):
        answer = await running.post(CHATS, chat("who was it?", stream=True))
        assert code(answer) == (400, "guardrail_unsupported")
        assert "names" in answer.json()["error"]["message"]
        assert "without stream" in answer.json()["error"]["message"]
        assert one.requests == []


async def test_a_stream_that_nobody_asked_for_is_blocked_where_something_is_found(tmp_path):
    model = streamed(delta("it was ") + delta(NAME) + delta(finish="stop") + b"data: [DONE]\n\n")
    async with redacting(tmp_path, model, guarded(BOTH)) as (_, _, running):
        answer = await running.post(CHATS, chat("who was it?"))
        assert NAME.encode() not in answer.body
        assert b"guardrail_blocked" in answer.body
        assert SSE[1].encode() not in answer.body


async def test_a_form_is_refused_where_something_is_found(tmp_path):
    async with redacting(tmp_path, says("hello"), guarded()) as (one, _, running):
        form = b"".join(
            b'--b\r\ncontent-disposition: form-data; name="%b"\r\n\r\n%b\r\n' % pair
            for pair in ((b"model", b"assistant"), (b"prompt", NAME.encode()))
        )
        caller = await running.connect()
        caller.send(
            "POST", "/v1/images/edits", form + b"--b--\r\n", {"content-type": "multipart/form-data; boundary=b"}
        )
        answer = await caller.receive()
        assert code(answer) == (400, "guardrail_blocked")
        assert one.requests == []


PRESIDIO = (
    '[guardrails.names]\nuse = "presidio"\nmodel = "en_small"\nentities = ["PERSON"]\ntimeout = "30s"\nrestore = true\n'
)


async def test_presidio_redacts_and_its_values_come_back(tmp_path, stand_in):  # noqa: F811
    model = echoing(lambda text: f"so {text}")
    async with redacting(tmp_path, model, guarded(table=PRESIDIO)) as (one, _, running):
        answer = await running.post(CHATS, chat("Grace met Ada, and Ada Grace"))
        assert told(one)["messages"][0]["content"] == "<PERSON_1> met <PERSON_2>, and <PERSON_2> <PERSON_1>"
        assert content(answer) == "so Grace met Ada, and Ada Grace"
        (verdict,) = verdicts(running)
        assert (verdict["plugin"], verdict["action"], verdict["kind"], verdict["count"]) == (
            "presidio", "redact", "person", 4,
        )  # fmt: skip
        assert all(b"Grace" not in each.body for each in one.requests)
        assert b"met Ada" not in everything_on_disk(tmp_path)


async def test_the_real_presidio_redacts_and_its_values_come_back(tmp_path):
    pytest.importorskip("presidio_analyzer")
    installed = next((each for each in MODELS if importlib.util.find_spec(each)), None)
    if installed is None:
        pytest.skip("no spaCy model for English is installed")
    config = guarded(table=PRESIDIO.replace("en_small", installed).replace('"30s"', '"60s"'))
    async with redacting(tmp_path, echoing(lambda text: f"so {text}"), config) as (one, _, running):
        answer = await running.post(CHATS, chat("My name is Ada Lovelace, and I know Charles Babbage."))
        assert told(one)["messages"][0]["content"] == "My name is <PERSON_1>, and I know <PERSON_2>."
        assert content(answer) == "so My name is Ada Lovelace, and I know Charles Babbage."
        assert b"Lovelace" not in everything_on_disk(tmp_path)


@pytest.mark.parametrize("is_longer_first", [True, False])
async def test_what_was_answered_of_late_is_put_where_the_text_stands_in_this_request(tmp_path, is_longer_first):
    """What is asked is the same, and remembered; the texts that nobody asks about are others."""
    system, user = {"role": "system", "content": "be kind"}, {"role": "user", "content": f"I am {NAME}"}
    conversations = [[system, user], [user]] if is_longer_first else [[user], [system, user]]
    async with redacting(tmp_path, says("hello"), guarded('sources = ["user"]')) as (one, two, running):
        for messages in conversations:
            assert (await running.post(CHATS, {"model": "assistant", "messages": messages})).status == 200
            assert told(one)["messages"][-1]["content"] == "I am [HTTP_PERSON]"
            assert [each["content"] for each in told(one)["messages"][:-1]] in ([], ["be kind"])
        assert (await running.post(CHATS, {"model": "assistant", "messages": conversations[0]})).status == 200
        assert len(two.requests) == 2  # what was the same in all is remembered


async def test_copies_and_second_attempts_have_what_goes_on(tmp_path):
    shadow = '[routes.assistant.shadow]\nversion = "v1"\nshare = 1\n'
    config = guarded(BOTH).replace("[routes.assistant.versions.v1]", shadow + "[routes.assistant.versions.v1]", 1)
    failing = [expect(), send(reply(b'{"error":{"message":"no"}}', status="500 Oh"))]
    model = [*failing, forever(expect(), send(answer_of(f"it was {NAME}")))]
    async with redacting(tmp_path, model, config) as (one, _, running):
        answer = await running.post(CHATS, chat(f"I am {NAME}"))
        assert content(answer) == "it was [HTTP_PERSON]"
        await one.until(lambda: len(one.requests) == 3)
        await running.quiet()
        assert {told(one, at)["messages"][0]["content"] for at in range(3)} == {"I am [HTTP_PERSON]"}
