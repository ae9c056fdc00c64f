"""Sessions before a chain, without a socket: whatever the cuts and however responses are mixed, the same goes on."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.guardrails import Shouting, chain, numbers, word

from llmgateway.dialects.openai.dialect import OpenAIDialect
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.verdict import Action, Stage
from llmgateway.guarding import names, whereabouts
from llmgateway.guarding.body import Sieve
from llmgateway.guarding.chain import Chain
from llmgateway.guarding.holding import MAX_WAIT_S
from llmgateway.guarding.judging import JudgeLink
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guarding.session import GuardedSession
from llmgateway.guarding.steps import Rules, Step
from llmgateway.guarding.trust import Said as Why
from llmgateway.providers.openai.sessions import RealtimeShape

LINKS = chain(numbers(), word("secret"))
BLOCKING = chain(numbers(), word("secret", Action.BLOCK))
PIECES = ["12", "34", "567", " ", "sec", "ret", "secret", "a", ". ", "日本", "\n", '"', "\\"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
KINDS = [
    "response.output_text",
    "response.text",
    "response.output_audio_transcript",
    "response.function_call_arguments",
    "response.mcp_call_arguments",
]


def guarded(request=LINKS, reply=LINKS, notes=None, judges=(), **more) -> GuardedSession:
    rules = Rules(
        request=request,
        reply=reply,
        judges=judges,
        shape=RealtimeShape(),
        complain=lambda error, about: OpenAIDialect().session_error(error, "x", about),
        blocked=lambda verdict: GatewayError("guardrail_blocked", f"It is {verdict.hit.kind}."),
        max_depth=200,
        max_tokens=1000,
        **more,
    )
    return GuardedSession(rules, notes or Notes(), Placeholders())


def written(event) -> bytes:
    return event if isinstance(event, bytes) else json.dumps(event, ensure_ascii=False).encode()


def given_of(*steps: Step) -> list[dict]:
    return [json.loads(each) for step in steps for each in step.to_caller]


def redacted(text: str) -> str:
    return Sieve(LINKS, Stage.REPLY, Notes(), Placeholders()).text(text)


def cut(text: str, dice: random.Random) -> list[str]:
    pieces, at = [], 0
    while at < len(text):
        size = dice.choice([1, 1, 2, 3, 8])
        pieces.append(text[at : at + size])
        at += size
    return pieces


def response(number: int, kind: str, text: str, dice: random.Random) -> list[dict]:
    """The events of one response with one text."""
    is_json = "arguments" in kind
    said = json.dumps({"t": text}) if is_json else text
    where = {"response_id": f"r{number}", "item_id": f"i{number}", "output_index": 0, "content_index": 0}
    member = "arguments" if is_json else "transcript" if "transcript" in kind else "text"
    item = {"id": f"i{number}", "arguments": said} if is_json else {"id": f"i{number}", "content": [{member: said}]}
    last = {"id": f"r{number}", "status": "completed", "output": [item]}
    return [
        {"type": "response.created", "event_id": "e", "response": {"id": f"r{number}", "output": []}},
        *({"type": f"{kind}.delta", "event_id": f"e{at}", **where, "delta": p} for at, p in enumerate(cut(said, dice))),
        {"type": f"{kind}.done", "event_id": "e", **where, member: said},
        {"type": "response.done", "event_id": "e", "response": last},
    ]


def mixed(rows: list[list[dict]], dice: random.Random) -> list[dict]:
    """Events of several responses that run at once, each in its own order."""
    rows, events = [list(row) for row in rows], []
    while rows:
        row = dice.choice(rows)
        events.append(row.pop(0))
        rows = [each for each in rows if each]
    return events


def texts_of(events: list[dict], number: int, kind: str) -> tuple[str, str, str]:
    """What one response says in its pieces, in the event that repeats them, and in its last one."""
    own = [each for each in events if each.get("response_id") == f"r{number}"]
    streamed = "".join(each["delta"] for each in own if each["type"].endswith(".delta"))
    member = "arguments" if "arguments" in kind else "transcript" if "transcript" in kind else "text"
    (done,) = (each[member] for each in own if each["type"].endswith(".done"))
    (last,) = (
        each["response"]["output"][0]
        for each in events
        if each["type"] == "response.done" and each["response"]["id"] == f"r{number}"
    )
    whole = last["arguments"] if "arguments" in kind else last["content"][0][member]
    if "arguments" in kind:
        return tuple(json.loads(each)["t"] for each in (streamed, done, whole))  # type: ignore[return-value]
    return streamed, done, whole


@settings(max_examples=150)
@given(texts=st.lists(TEXTS, min_size=1, max_size=3), kind=st.sampled_from(KINDS), seed=st.integers(0, 10_000))
def test_any_cut_gives_what_judging_the_whole_gives(texts, kind, seed):
    dice, session = random.Random(seed), guarded()
    rows = [response(at, kind, text, dice) for at, text in enumerate(texts)]
    steps = [session.heard(written(each)) for each in mixed(rows, dice)]
    events = given_of(*steps, session.finish())
    assert not any(each["type"] == "error" for each in events)
    for at, text in enumerate(texts):
        assert texts_of(events, at, kind) == (redacted(text),) * 3
    assert [json.loads(each) for step in steps for each in step.logged] == given_of(*steps)


@settings(max_examples=150)
@given(texts=st.lists(TEXTS, min_size=1, max_size=3), kind=st.sampled_from(KINDS), seed=st.integers(0, 10_000))
def test_of_what_blocks_nothing_goes_on_and_the_others_do(texts, kind, seed):
    dice, session = random.Random(seed), guarded(reply=BLOCKING)
    rows = [response(at, kind, text, dice) for at, text in enumerate(texts)]
    steps = [session.heard(written(each)) for each in mixed(rows, dice)]
    events = given_of(*steps)
    for at in range(len(texts)):
        own = (str(each.get("delta", "")) for each in events if each.get("response_id") == f"r{at}")
        assert "secret" not in "".join(own)
    assert not any("secret" in json.dumps(each) for each in events if not each["type"].endswith(".delta"))
    ends = {each["response"]["id"]: each["response"] for each in events if each["type"] == "response.done"}
    assert ends.keys() == {f"r{at}" for at in range(len(texts))}
    for at, text in enumerate(texts):
        is_blocked = "secret" in text
        assert (ends[f"r{at}"]["status"] == "incomplete") is is_blocked
        if not is_blocked:
            assert texts_of(events, at, kind) == (redacted(text),) * 3
    assert sum(each["type"] == "error" for each in events) == sum("secret" in text for text in texts)


@settings(max_examples=100)
@given(text=TEXTS, seed=st.integers(0, 10_000))
def test_a_silence_gives_no_more_than_what_has_come(text, seed):
    """Whatever a silence lets go is decided as if it were all; what follows is judged beside it."""
    dice, session = random.Random(seed), guarded(reply=BLOCKING)
    steps: list[Step] = []
    for event in response(0, KINDS[0], text, dice):
        steps.append(session.heard(written(event)))
        if dice.random() < 0.2:
            steps.append(session.decide())
    streamed = "".join(each["delta"] for each in given_of(*steps) if each["type"].endswith(".delta"))
    assert "secret" not in streamed
    if "secret" in text:
        assert any(each["type"] == "error" for each in given_of(*steps))


@settings(max_examples=100)
@given(text=TEXTS)
def test_an_event_of_the_callers_is_judged_as_a_request_is(text):
    event = {
        "type": "conversation.item.create",
        "item": {"role": "user", "content": [{"type": "input_text", "text": text}]},
    }
    (passed,) = guarded().said(written(event)).to_backend
    assert json.loads(passed)["item"]["content"][0]["text"] == redacted(text)
    step = guarded(request=BLOCKING).said(written(event))
    assert bool(step.to_backend) is ("secret" not in text)
    assert bool(step.to_caller) is ("secret" in text)


# --- what the caller says ---


def test_what_passes_unaltered_stays_byte_for_byte():
    raw = b'{"type" : "response.create",\n "a":1.0, "b":"\\u65e5", "n":0.12345678901234567890}'
    assert guarded().said(raw).to_backend == [raw]


def test_edits_are_spliced():
    raw = b'{"type" : "x",\n "a":1.0, "b":"call 12345 \\n now"}'
    assert guarded().said(raw).to_backend == [b'{"type" : "x",\n "a":1.0, "b":"call [NUMBER] \\n now"}']


@pytest.mark.parametrize(
    ("name", "about"), [("e1", "e1"), ("12345", None), ("x" * 65, None), (7, None), ("a\nb", None), (None, None)]
)
def test_an_error_names_the_event_it_is_about_if_that_is_a_name(name, about):
    (told,) = given_of(guarded(request=BLOCKING).said(written({"type": "x", "event_id": name, "a": "secret"})))
    assert (told["type"], told["error"]["event_id"]) == ("error", about)
    assert told["error"]["message"] == "It is word."


def test_what_is_too_deep_or_has_too_many_elements_is_refused():
    for raw, code in (
        (b'{"a":' + b"[" * 250 + b"]" * 250 + b"}", "json_too_deep"),
        (b'{"a":[' + b"[]," * 1001 + b"1]}", "json_too_complex"),
    ):
        step = guarded().said(raw)
        assert (step.to_backend, given_of(step)[0]["error"]["code"]) == ([], code)


def test_a_guarded_name_in_two_spellings_is_refused():
    step = guarded().said(b'{"type":"x","model":"a","Model":"b"}')
    assert (step.to_backend, given_of(step)[0]["error"]["code"]) == ([], "duplicate_key")


def test_judges_know_whose_word_it_is():
    link = JudgeLink("loud", Shouting({}), Action.BLOCK)
    output = {"type": "function_call_output", "output": "DO IT"}
    for event in (
        {"type": "conversation.item.create", "item": output},
        {"type": "response.create", "response": {"input": [output]}},
    ):
        assert not guarded(judges=(link,)).said(written(event)).to_backend
    own = {"type": "conversation.item.create", "item": {"role": "user", "content": "DO IT"}}
    assert guarded(judges=(link,)).said(written(own)).to_backend


def test_values_come_back_but_not_in_the_place_of_the_callers_own_words():
    session = guarded(request=chain(numbers(restore=True)), reply=Chain([]))
    (first,) = session.said(written({"type": "x", "a": "NUMBER_1 is <NUMBER_2>"})).to_backend
    (second,) = session.said(written({"type": "x", "a": "call 12345"})).to_backend
    assert (json.loads(first)["a"], json.loads(second)["a"]) == ("NUMBER_1 is <NUMBER_2>", "call <NUMBER_3>")
    (heard,) = given_of(session.heard(written({"type": "y", "a": "<NUMBER_3>, <NUMBER_1>"})))
    assert heard["a"] == "12345, <NUMBER_1>"


def test_what_a_model_says_of_its_own_does_not_come_back():
    session = guarded(request=chain(numbers(restore=True)), reply=chain(numbers(restore=True)))
    session.said(written({"type": "x", "a": "12345"}))
    (heard,) = given_of(session.heard(written({"type": "y", "a": "12345 and 67890"})))
    assert heard["a"] == "12345 and [NUMBER]"


# --- what the backend says ---


def text_delta(text, **more):
    return {"type": "response.output_text.delta", "response_id": "r", "item_id": "i", "delta": text, **more}


def done_text(**more):
    return {"type": "response.output_text.done", "response_id": "r", "item_id": "i", "text": "a", **more}


def test_what_is_no_event_goes_no_further():
    for raw in (b"secret", b"[1]", b'{"a":' + b"[" * 250 + b"]" * 250 + b"}", b'{"type":"\xff"}'):
        assert [each["error"]["code"] for each in given_of(guarded().heard(raw))] == ["guardrail_unsupported"]


@pytest.mark.parametrize(
    "event",
    [
        text_delta(["secret"]),
        text_delta({"text": "secret"}),
        text_delta("secret", item_id=["i"]),
        text_delta("secret", content_index={"a": 1}),
        text_delta("secret", response_id=7),
        {"type": ["response.output_text.delta"], "delta": "secret"},
        {"delta": "secret"},
        {"type": "response.done", "response": "secret"},
        {"type": "response.done", "response": {"id": ["r"], "output": "secret"}},
    ],
)
def test_events_of_another_form_hide_nothing(event):
    session, seen = guarded(reply=BLOCKING), []
    try:
        seen = [session.heard(written(event)), session.finish()]
    except GatewayError as error:
        assert error.code == "guardrail_blocked"
    assert "secret" not in json.dumps(given_of(*seen))


def test_a_text_that_belongs_to_nothing_ends_the_session_where_it_blocks():
    session = guarded(reply=BLOCKING)
    session.heard(written({"type": "session.output_transcript.delta", "delta": "sec"}))
    with pytest.raises(GatewayError) as ended:
        session.heard(written({"type": "session.output_transcript.delta", "delta": "ret"}))
    assert ended.value.code == "guardrail_blocked"


@pytest.mark.parametrize("is_over", [True, False])
def test_an_item_is_of_one_response(is_over):
    session = guarded(reply=BLOCKING)
    session.heard(written(text_delta("a sec")))
    if is_over:
        session.heard(written({"type": "response.done", "response": {"id": "r"}}))
    step = session.heard(written(text_delta("ret", response_id="r2")))
    assert [each["error"]["code"] for each in given_of(step)] == ["guardrail_unsupported"]
    assert [json.loads(each)["response_id"] for each in step.to_backend] == ["r2"]
    again = session.heard(written(text_delta("fine ", response_id="r3", item_id="j")))
    assert given_of(again) == [text_delta("fine ", response_id="r3", item_id="j")]


SAYS = {"type": "output_text", "text": "a sec"}
MESSAGE = {"id": "i", "type": "message", "content": [SAYS]}
TRANSCRIBED = {"type": "conversation.item.input_audio_transcription.delta", "item_id": "i", "delta": "a sec"}
BEGUN = {
    "an event of no response": text_delta("a sec", response_id=None),
    "a transcription": TRANSCRIBED,
    "a text that is done": done_text(text="a sec"),
    "a part that is done": {"type": "response.content_part.done", "response_id": "r", "item_id": "i", "part": SAYS},
    "an item that is done": {"type": "response.output_item.done", "response_id": "r", "item": MESSAGE},
    "an item of the conversation": {"type": "conversation.item.created", "item": MESSAGE},
    "an item of no response": {"type": "response.output_item.added", "item": MESSAGE},
    "the end of another response": {"type": "response.done", "response": {"id": "r0", "output": [MESSAGE]}},
    "the end of a transcription": {
        **TRANSCRIBED,
        "type": TRANSCRIBED["type"].replace("delta", "completed"),
        "transcript": "a sec",
    },
    "a response": {"type": "response.created", "response": {"id": "r", "output": [MESSAGE]}},
    "a part of no known kind": {
        "type": "response.content_part.added",
        "response_id": "r",
        "item_id": "i",
        "part": {"type": "dance", "text": "a sec"},
    },
}


@pytest.mark.parametrize("event", BEGUN.values(), ids=BEGUN.keys())
def test_no_text_goes_on_where_another_has_been_told(event):
    session = guarded(reply=BLOCKING)
    session.heard(written(event))
    session.decide()
    step = session.heard(written(text_delta("ret ")))
    assert [each["error"]["code"] for each in given_of(step)] == ["guardrail_unsupported"]
    assert "ret" not in json.dumps(given_of(step, session.heard(written(text_delta("ret "))), session.finish()))


def test_a_piece_of_nobodys_goes_to_no_responses_text():
    session = guarded(reply=BLOCKING)
    session.heard(written(text_delta("a sec")))
    session.decide()
    (told,) = given_of(session.heard(written(text_delta("ret ", response_id=None))))
    assert told["error"]["code"] == "guardrail_unsupported"
    assert given_of(session.heard(written(text_delta("ond ")))) == [text_delta("ond ")]


def test_a_transcription_goes_to_no_text_of_nobodys():
    session = guarded(reply=BLOCKING)
    session.heard(written(text_delta("a sec", response_id=None)))
    session.decide()
    (told,) = given_of(session.heard(written({**TRANSCRIBED, "delta": "ret "})))
    assert told["error"]["code"] == "guardrail_unsupported"


def test_segments_and_parts_follow_each_other():
    session = guarded(reply=BLOCKING)
    segment = {"type": "conversation.item.input_audio_transcription.segment", "item_id": "u", "text": "a b. "}
    item = {"type": "conversation.item.added", "item": {"id": "i", "type": "message", "content": []}}
    for event in (segment, segment, item, done_text(content_index=0), text_delta("a b. ", content_index=1)):
        assert given_of(session.heard(written(event))) == [event]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.output_text.delta", "response_id": "r", "item_id": "i", "Delta": "a"},
        {"Type": "response.output_text.delta", "response_id": "r", "item_id": "i", "delta": "a"},
        {"type": "response.output_text.delta", "re\u017fponse_id": "r", "item_id": "i", "delta": "a"},
        {"type": "conversation.item.added", "item": {"ID": "i", "content": [{"text": "a"}]}},
        {"type": "conversation.item.added", "item": {"id": "i", "content": [{"Text": "a"}]}},
    ],
)
def test_a_member_in_another_case_is_some_clients_own(event):
    assert [each["error"]["code"] for each in given_of(guarded().heard(written(event)))] == ["guardrail_unsupported"]


def test_numbers_are_put_to_a_text_too():
    session = guarded()
    events = given_of(*(session.heard(written(text_delta(each))) for each in ("12", 345, 67, " ")))
    assert "".join(each["delta"] for each in events) == redacted("1234567 ")


@pytest.mark.parametrize(
    "event",
    [
        text_delta("a", response_id="r" * 600),
        text_delta("a", item_id="i" * 600),
        text_delta("a", type="t" * 600 + ".delta"),
        {**TRANSCRIBED, "item_id": "i" * 600},
        {**TRANSCRIBED, "type": "conversation.item.input_audio_transcription.completed", "item_id": "i" * 600},
    ],
)
def test_names_that_are_too_long_are_not_remembered(event):
    session = guarded()
    assert "guardrail_unsupported" in json.dumps(given_of(session.heard(written(event))))
    assert not (session._where._items or session._owners._over or session._stream._channels.by_key)
    assert session._names.size <= names.ENTRY + 1  # of the response, of which nothing more goes on


def test_what_has_been_told_is_remembered_up_to_a_bound(monkeypatch):
    monkeypatch.setattr(whereabouts, "MAX_ITEMS", 3)
    session = guarded()
    done = [done_text(content_index=at) for at in range(4)]
    codes = [[each.get("error", {}).get("code") for each in given_of(session.heard(written(each)))] for each in done]
    assert codes == [[None], [None], [None], ["guardrail_unsupported"]]


def test_items_are_remembered_up_to_a_bound(monkeypatch):
    monkeypatch.setattr(whereabouts, "MAX_ITEMS", 3)
    session = guarded()
    for at in (0, 1, 2, 2):
        session.heard(written(text_delta("a ", item_id=f"i{at}")))
    step = session.heard(written(text_delta("a ", item_id="i3")))
    assert [each["error"]["code"] for each in given_of(step)] == ["guardrail_unsupported"]


def test_only_what_could_be_put_to_an_ended_text_is_dropped():
    session = guarded()
    session.heard(written(text_delta("12")))
    session.heard(written({"type": "response.done", "response": {"id": "r"}}))
    assert given_of(session.heard(written(text_delta(" and more. ")))) == []
    later = {"type": "output_audio_buffer.stopped", "response_id": "r"}
    assert given_of(session.heard(written(later))) == [later]


def test_a_response_that_blocks_at_its_end_is_not_called_off():
    session = guarded(reply=BLOCKING)
    step = session.heard(written({"type": "response.done", "response": {"id": "r", "output": ["secret"]}}))
    assert [each["type"] for each in given_of(step)] == ["error", "response.done"]
    assert step.to_backend == []


def test_the_last_event_of_a_blocked_response_says_nothing_but_numbers():
    usage = {
        "input_tokens": 3,
        "secret_tokens_x": 1,
        "output_tokens": "secret",
        "input_token_details": {"text_tokens": 3, "a": "secret"},
    }
    end = {
        "type": "response.done",
        "event_id": "e",
        "response": {"id": "r", "output": ["secret"], "usage": usage, "metadata": {"a": "b"}},
    }
    (_, last) = given_of(guarded(reply=BLOCKING).heard(written(end)))
    assert last["response"]["usage"] == {"input_tokens": 3, "input_token_details": {"text_tokens": 3}}
    assert last["response"].keys() == {"object", "id", "status", "status_details", "output", "usage"}


def test_a_name_that_may_not_pass_is_not_in_the_last_event_either():
    step = guarded(reply=BLOCKING).heard(
        written({"type": "response.done", "response": {"id": "a secret", "output": []}})
    )
    assert [each["type"] for each in given_of(step)] == ["error"]


@pytest.mark.parametrize("is_blocked", [True, False])
def test_responses_are_remembered_up_to_a_bound(monkeypatch, is_blocked):
    monkeypatch.setattr(names, "MAX_OWNERS", 3)
    session = guarded(reply=BLOCKING)
    made = [text_delta("secret", response_id=f"r{at}") for at in range(4)]
    if not is_blocked:
        made = [{"type": "response.done", "response": {"id": f"r{at}"}} for at in range(4)]
    for event in made[:3]:
        session.heard(written(event))
    with pytest.raises(GatewayError) as ended:
        session.heard(written(made[3]))
    assert ended.value.code == "guardrail_unsupported"


def test_of_many_responses_nothing_is_kept():
    session = guarded()
    for at in range(1500):  # more than a stream may have texts
        session.heard(written(text_delta("12", response_id=f"r{at}", item_id=f"i{at}")))
        assert session.is_waiting
        session.heard(written({"type": "response.done", "response": {"id": f"r{at}"}}))
        assert not session.is_waiting
    assert not session._stream._channels.by_key
    assert not session._stream._channels._rows


def test_what_repeats_is_not_counted_again():
    notes = Notes()
    session = guarded(notes=notes)
    for event in response(0, KINDS[0], "call 12345 now", random.Random(1)):
        session.heard(written(event))
    assert list(notes.counts.values()) == [1]


def test_of_a_response_that_blocks_nothing_is_left_to_be_decided():
    session = guarded(reply=BLOCKING)
    steps = [session.heard(written(text_delta(text))) for text in ("12", " sec", "ret")]
    assert [each["type"] for each in given_of(*steps)][-1] == "error"
    assert not session.is_waiting
    assert session.decide() == session.finish() == Step()


@pytest.mark.parametrize("kind", ["response.function_call_arguments", "response.mcp_call_arguments"])
def test_escapes_in_arguments_hide_nothing(kind):
    session = guarded(reply=BLOCKING)
    steps = [
        session.heard(written({**text_delta(piece), "type": f"{kind}.delta"}))
        for piece in ('{"a": "\\u0073', "ecr", "\\u00", '65t"}')
    ]
    assert [each["type"] for each in given_of(*steps)][-1] == "error"
    assert "ecr" not in json.dumps(given_of(*steps))


def test_a_member_of_the_callers_that_comes_twice_goes_on_once():
    raw = b'{"type":"x","a":"b","a":"\\u0022\\u0022\\u0022\\u0022"}'
    assert guarded().said(raw).to_backend == [b'{"type":"x","a":"\\"\\"\\"\\""}']


def test_a_member_that_comes_twice_goes_on_once():
    raw = b'{"type":"response.output_text.delta","response_id":"r","item_id":"i","delta":"secret","delta":"\\u0022\\u0022\\u0022\\u0022"}'
    (passed,) = guarded(reply=BLOCKING).heard(raw).to_caller
    assert b"secret" not in passed


NAMES = ["type", "event_id", "response_id", "item_id", "content_index", "output_index", "delta", "text", "part", "item"]
MORE = ["content", "response", "output", "id", "audio", "transcript", "arguments", "logprobs", "usage", "x"]
WORDS = [
    "secret",
    "sec",
    "ret",
    "12345",
    "r",
    "i",
    "",
    "text",
    "output_text",
    "function_call",
    "output_audio",
    "/+8B" * 40,
]
TYPES = [
    *(f"{kind}.{end}" for kind in KINDS for end in ("delta", "done")),
    *(
        f"response.{kind}"
        for kind in ("done", "created", "content_part.added", "output_item.added", "output_item.done")
    ),
    *(f"conversation.item.{kind}" for kind in ("added", "input_audio_transcription.delta", "retrieved")),
    *("conversation.item.input_audio_transcription.segment", "response.output_audio.delta", "error", "session.updated"),
]
VALUES = st.recursive(
    st.sampled_from([*WORDS, 0, 1, 1.5, None, True]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES + MORE), inner, max_size=4),
    max_leaves=8,
)
EVENTS = st.builds(
    lambda kind, more: {**more, "type": kind},
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(NAMES + MORE), VALUES, max_size=7),
)


def without_ids(value):
    """All but what no guardrail looks at in a reply."""
    if isinstance(value, dict):
        return {name: without_ids(each) for name, each in value.items() if not name.endswith("id")}
    return [without_ids(each) for each in value] if isinstance(value, list) else value


@settings(max_examples=200)
@given(events=st.lists(EVENTS, max_size=6), passes_sound=st.booleans())
def test_whatever_the_events_nothing_forbidden_is_in_what_goes_on_and_nothing_breaks(events, passes_sound):
    session, steps = guarded(BLOCKING, BLOCKING, passes_sound=passes_sound), []
    try:
        for event in events:
            steps += [session.heard(written(event)), session.said(written(event)), session.decide()]
        steps.append(session.finish())
    except GatewayError as ended:
        assert ended.code in {"guardrail_blocked", "guardrail_unsupported"}
    for step in steps:
        for each in (*step.to_caller, *step.to_backend, *step.logged):
            assert "secret" not in json.dumps(without_ids(json.loads(each)))


# --- sound ---

SOUND = "/+8B" * 40


def test_sound_is_told_of_once_either_way():
    session = guarded()
    steps = [
        session.said(written({"type": "input_audio_buffer.append", "audio": SOUND})),
        session.said(written({"type": "input_audio_buffer.append", "audio": SOUND})),
        session.heard(written({"type": "response.output_audio.delta", "response_id": "r", "delta": SOUND})),
        session.heard(written({"type": "response.audio.delta", "response_id": "r", "delta": SOUND})),
    ]
    assert [each["error"]["code"] for each in given_of(*steps)] == ["guardrail_unsupported"]
    assert not any(step.to_backend for step in steps)


def test_sound_in_an_item_is_taken_out():
    item = {"type": "conversation.item.retrieved", "item": {"content": [{"type": "input_audio", "audio": SOUND}]}}
    (given_,) = given_of(guarded().heard(written(item)))
    assert given_["item"]["content"] == [{"type": "input_audio", "audio": ""}]


def test_sound_passes_in_a_direction_that_nobody_guards():
    append = written({"type": "input_audio_buffer.append", "audio": SOUND})
    assert guarded(request=Chain([])).said(append).to_backend == [append]
    spoken = written({"type": "response.output_audio.delta", "response_id": "r", "delta": SOUND})
    assert guarded(reply=Chain([])).heard(spoken).to_caller == [spoken]


def test_sound_passes_where_the_operator_lets_it_and_what_stands_beside_it_is_judged():
    session = guarded(passes_sound=True)
    append = {"type": "input_audio_buffer.append", "event_id": "12345", "audio": SOUND}
    (passed,) = session.said(written(append)).to_backend
    assert json.loads(passed) == {**append, "event_id": "[NUMBER]"}
    spoken = {"type": "response.output_audio.delta", "response_id": "r", "delta": SOUND}
    assert given_of(session.heard(written(spoken))) == [spoken]


def test_sound_that_can_not_be_put_back_is_refused():
    session = guarded(request=chain(word("12345")), passes_sound=True)
    event = {"12345": {"type": "input_audio", "audio": SOUND}}
    step = session.said(written(event))
    assert (step.to_backend, given_of(step)[0]["error"]["code"]) == ([], "guardrail_unsupported")


@pytest.mark.parametrize("is_over", [True, False])
def test_what_blocks_in_a_silence_stops_no_other_response(is_over):
    session = guarded(reply=chain(numbers(Action.BLOCK), word("secret")))
    for name, text in (("r1", "so 12"), ("r2", "so 12345"), ("r3", "so 34")):
        session.heard(written(text_delta(text, response_id=name, item_id=name)))
    step = session.finish() if is_over else session.decide()
    assert [each.get("delta", each["type"]) for each in given_of(step)] == ["12", "error", "34"]
    assert [json.loads(each)["response_id"] for each in step.to_backend] == ["r2"]


def test_a_text_is_told_whole_between_two_pieces():
    session = guarded(reply=BLOCKING)
    assert given_of(session.heard(written(text_delta("a ")))) == [text_delta("a ")]
    session.heard(written(done_text(text="a sec")))
    assert "ret" not in json.dumps(given_of(session.heard(written(text_delta("ret "))), session.finish()))


def test_parts_of_an_item_are_read_one_behind_the_other():
    events = [text_delta("a sec", content_index=0), done_text(text="a sec", content_index=0)]
    blocking, redacting = guarded(reply=BLOCKING), guarded()
    for event in events:
        blocking.heard(written(event))
        redacting.heard(written(event))
    step = blocking.heard(written(text_delta("ret ", content_index=1)))
    assert [each["error"]["code"] for each in given_of(step)] == ["guardrail_blocked"]
    assert "ret" not in json.dumps(given_of(redacting.heard(written(text_delta("ret ", content_index=1)))))
    begun = {"type": "response.content_part.added", "response_id": "r2", "item_id": "j", "content_index": 1}
    for event in (
        text_delta("a sec", response_id="r2", item_id="j"),
        {**done_text(), "response_id": "r2", "item_id": "j"},
    ):
        blocking.heard(written(event))
    step = blocking.heard(written({**begun, "part": {"type": "text", "text": "ret "}}))
    assert [each["error"]["code"] for each in given_of(step)] == ["guardrail_blocked"]


@pytest.mark.parametrize("text", ["a " * 10_000, "12345 " * 5_000])
def test_of_a_text_that_has_gone_on_nothing_is_kept(text):
    session = guarded()
    for at in range(10):
        session.heard(written(text_delta(text, item_id=f"i{at}")))
    kept = [channel.carrier for channel in session._stream._channels.by_key.values()]
    assert [each["delta"] for each in kept] == [""] * 10


# --- where a response waits for its judges ---


def owned(events: list[dict], number: int) -> list[dict]:
    return [each for each in events if f"r{number}" in (each.get("response_id"), each.get("response", {}).get("id"))]


@settings(max_examples=150)
@given(
    texts=st.lists(TEXTS.filter(bool), min_size=1, max_size=3),
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 10_000),
    refused=st.sets(st.integers(0, 2)),
)
def test_what_waits_goes_on_as_it_would_have_gone_or_not_at_all(texts, kind, seed, refused):
    rows = [response(at, kind, text, random.Random(seed)) for at, text in enumerate(texts)]
    events = mixed(rows, random.Random(seed))
    free, session = guarded(), guarded(holds=True, tells=True)
    through = given_of(*(free.heard(written(each)) for each in events))
    given: list[dict] = []
    for event in events:
        step = session.heard(written(event))
        assert not any(each["type"].endswith((".delta", ".done")) for each in given_of(step))
        given += given_of(step)
        for held in step.ready:
            is_refused = int(held.owner[1:]) in refused
            given += given_of(
                session.refused(held, GatewayError("guardrail_blocked")) if is_refused else session.released(held, [])
            )
    for number in range(len(texts)):
        own = owned(given, number)
        if number not in refused:
            assert own == owned(through, number)
        else:
            assert [each["type"] for each in own] == ["response.created", "response.done"]
            assert own[-1]["response"]["output"] == []
    assert sum(each["type"] == "error" for each in given) == len(refused & set(range(len(texts))))
    assert session._holding.size == 0
    assert session._holding._waits == {}


def test_what_blocks_by_itself_blocks_what_waits_too():
    session = guarded(reply=BLOCKING, holds=True, tells=True)
    given = given_of(*(session.heard(written(text_delta(each))) for each in ("so. ", "a secret.")))
    assert [each["type"] for each in given] == ["error"]
    step = session.heard(written({"type": "response.done", "response": {"id": "r"}}))
    assert ([each["type"] for each in given_of(step)], list(step.ready)) == (["response.done"], [])


def test_what_a_text_held_back_for_too_long_waits_as_well():
    session = guarded(holds=True, tells=True)
    steps = [
        session.heard(written(text_delta("call 12"))),
        session.decide(),
        session.heard(written(text_delta(" now"))),
    ]
    assert given_of(*steps) == []
    (held,) = session.finish().ready
    given = given_of(session.released(held, []))
    assert "".join(each["delta"] for each in given) == "call 12 now"
    assert session.finish().ready == []


@pytest.mark.parametrize(
    "begun",
    [
        text_delta("12"),
        text_delta("12", note="x"),
        {"type": "response.content_part.added", "response_id": "r", "part": {"type": "output_text", "text": "12"}},
        {
            "type": "response.output_item.added",
            "response_id": "r",
            "item": {"id": "i", "content": [{"type": "output_text", "text": "12"}]},
        },
    ],
)
@pytest.mark.parametrize("give", [GuardedSession.decide, GuardedSession.finish])
def test_what_is_left_of_a_text_is_judged_whatever_it_began_with(begun, give):
    session = guarded(holds=True, tells=True)
    step = session.heard(written(begun))
    assert step.is_text
    assert "12" not in str(given_of(step, give(session)))
    session.finish()
    assert session._holding.size > 0


@pytest.mark.parametrize("more", [{}, {"note": "x"}, {"response_id": 3}])
def test_a_piece_that_is_a_part_of_nothing_is_never_whole(more):
    session = guarded(holds=True, tells=True)
    for said in ("a sec", "ret "):
        step = session.heard(written({"type": "session.output_transcript.delta", "delta": said, **more}))
        assert [each["error"]["code"] for each in given_of(step)] == ["guardrail_unsupported"]
    assert given_of(session.decide(), session.finish()) == []


# --- where a response waits for its judges, and does not end ---


class Waits:
    """A session whose judges wait for the ends of responses, with a clock that a test turns on."""

    def __init__(self, *, passes: bool = False) -> None:
        self.now, self.whys = 0.0, []

        def may_pass(why) -> bool:
            self.whys.append(why)
            return passes

        self.session = guarded(holds=True, tells=True, now=lambda: self.now, may_pass=may_pass)

    def hear(self, *events) -> list[Step]:
        return [self.session.heard(written(event)) for event in events]


DONE = {
    "type": "response.done",
    "response": {"id": "r", "status": "completed", "output": [], "usage": {"output_tokens": 7}},
}
FULL = GatewayError("overloaded")


@pytest.mark.parametrize(
    ("give_up", "code", "why"),
    [
        (lambda waits: waits.session.overdue(), "guardrail_unavailable", Why.TIMEOUT),
        (lambda waits: waits.session.relieved(FULL), "overloaded", Why.OVERLOADED),
    ],
)
def test_a_response_that_is_given_up_has_failed_and_the_session_goes_on(give_up, code, why):
    waits = Waits()
    waits.hear({"type": "response.created", "response": {"id": "r"}}, text_delta("a", item_id="i"))
    waits.now = waits.session.due_at
    step = give_up(waits)
    error, done = given_of(step)
    assert (error["type"], error["error"]["code"]) == ("error", code)
    assert (done["type"], done["response"]["id"], done["response"]["status"]) == ("response.done", "r", "failed")
    assert done["response"]["status_details"]["error"]["code"] == code
    assert done["response"]["output"] == []
    assert [json.loads(each) for each in step.to_backend] == [{"type": "response.cancel", "response_id": "r"}]
    assert (waits.whys, waits.session.due_at, waits.session._holding.size) == ([why], None, 0)

    late, last = waits.hear(text_delta("b", item_id="i"), DONE)
    assert given_of(late, last) == []  # it has been told that it is over
    assert json.loads(last.logged[0])["response"]["usage"] == {"output_tokens": 7}  # which is recorded all the same
    (following,) = waits.hear(text_delta("c", response_id="s", item_id="j"))
    assert (given_of(following), waits.session.due_at) == ([], waits.now + MAX_WAIT_S)
    late = waits.hear({"type": "conversation.item.done", "item": {"id": "i", "content": [{"text": "a"}]}})
    assert given_of(*late) == []


def test_where_judges_may_be_passed_over_it_goes_on_as_it_comes():
    waits = Waits(passes=True)
    rows = [text_delta("a", item_id="i"), text_delta(" 12345 ", item_id="i"), DONE]
    waits.hear(*rows[:2])
    waits.now = waits.session.due_at
    step = waits.session.overdue()
    steps = [step, *waits.hear(DONE)]
    assert [each["type"] for each in given_of(*steps)] == [each["type"] for each in rows]
    assert "12345" not in json.dumps(given_of(*steps))  # of other guardrails nothing is let through
    assert step.to_backend == []
    assert waits.whys == [Why.TIMEOUT]


def test_only_what_is_late_is_given_up():
    waits = Waits()
    waits.hear(text_delta("a"))
    waits.now = 1.0
    waits.hear(text_delta("b", response_id="s", item_id="j"))
    waits.now = MAX_WAIT_S
    assert [each["response"]["id"] for each in given_of(waits.session.overdue()) if "response" in each] == ["r"]
    assert waits.session.due_at == MAX_WAIT_S + 1
    assert given_of(waits.session.overdue()) == []


def test_where_nothing_waits_there_is_nothing_to_give_up():
    with pytest.raises(GatewayError) as error:
        Waits().session.relieved(FULL)
    assert error.value is FULL
    assert guarded().due_at is None
    assert given_of(guarded().overdue()) == []


def test_a_name_that_may_not_be_told_is_not_told_where_a_response_fails():
    waits = Waits()
    waits.hear(text_delta("a", response_id="resp 123456789"))
    waits.now = waits.session.due_at
    assert "123456789" not in json.dumps(given_of(waits.session.overdue()))


@pytest.mark.parametrize("passes", [True, False])
def test_what_has_ended_and_is_being_judged_is_given_up_too(passes):
    waits = Waits(passes=passes)
    waits.hear(text_delta("small", response_id="s", item_id="j"))
    *_, last = waits.hear(text_delta("large" * 100, item_id="i"), DONE)
    (held,) = last.ready
    step = waits.session.relieved(FULL)
    found = [each["type"] for each in given_of(step)]
    assert found == ([text_delta("")["type"], "response.done"] if passes else ["error", "response.done"])
    assert waits.whys == [Why.OVERLOADED]
    size = waits.session._holding.size
    assert 0 < size < 1_000
    for late in (waits.session.released(held, []), waits.session.refused(held, FULL)):
        assert given_of(late) == []
    assert waits.session._holding.size == size
    if passes:
        assert [each["type"] for each in given_of(waits.session.relieved(FULL))] == [text_delta("")["type"]]
    else:
        assert given_of(waits.session.relieved(FULL))[-1]["response"]["id"] == "s"
    assert waits.session._holding.size == 0
    with pytest.raises(GatewayError):
        waits.session.relieved(FULL)
