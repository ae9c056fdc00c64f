"""Guarded streams: of every provider's events, cut anyhow, a caller gets what redacting the whole texts gives."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.guardrails import chain, numbers, word

from llmgateway.domain.errors import GatewayError
from llmgateway.domain.operation import Operation
from llmgateway.domain.verdict import Action, Stage
from llmgateway.guarding.body import Sieve
from llmgateway.guarding.channels import MAX_CHANNELS
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guarding.stream import GuardedStream
from llmgateway.providers.anthropic.provider import AnthropicProvider
from llmgateway.providers.openai.provider import OpenAIProvider
from llmgateway.wire.view import View

LINKS = chain(numbers(), word("secret"))
PIECES = ["12", "34", "567", " ", "sec", "ret", "secret", "a", ". ", "日本", "\n", '"', "\\"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def cut(text: str, dice: random.Random) -> list[str]:
    pieces, at = [], 0
    while at < len(text):
        size = dice.choice([1, 1, 2, 3, 8])
        pieces.append(text[at : at + size])
        at += size
    return pieces


def redacted(text: str) -> str:
    return Sieve(LINKS, Stage.REPLY, Notes(), Placeholders()).text(text)


def chat(member):
    def make(texts, dice):
        events = []
        for index, text in enumerate(texts):
            events += [
                {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": index, "delta": {member: piece}}]}
                for piece in cut(text, dice)
            ]
        dice.shuffle([])
        ends = [{"choices": [{"index": index, "delta": {}, "finish_reason": "stop"}]} for index in range(len(texts))]
        return [*events, *ends, {"choices": [], "usage": {"prompt_tokens": 1}}, "[DONE]"]

    def read(events, count):
        texts = [""] * count
        for event in events:
            for choice in event.get("choices", ()) if event != "[DONE]" else ():
                texts[choice["index"]] += choice["delta"].get(member, "")
        return texts

    return OpenAIProvider(), "chat.completions", make, read


def completions():
    def make(texts, dice):
        return [
            *(
                {"choices": [{"index": at, "text": p, "logprobs": {"tokens": [p]}}]}
                for at, t in enumerate(texts)
                for p in cut(t, dice)
            ),
            *({"choices": [{"index": at, "text": "", "finish_reason": "stop"}]} for at in range(len(texts))),
            "[DONE]",
        ]

    def read(events, count):
        texts = [""] * count
        for event in events:
            for choice in event.get("choices", ()) if event != "[DONE]" else ():
                texts[choice["index"]] += choice.get("text", "")
        return texts

    return OpenAIProvider(), "completions", make, read


def calls():
    def make(texts, dice):
        events = []
        for at, text in enumerate(texts):
            first = {"index": at, "id": f"call_{at}", "type": "function", "function": {"name": "f", "arguments": ""}}
            events.append({"choices": [{"index": 0, "delta": {"role": "assistant", "tool_calls": [first]}}]})
            for piece in cut(json.dumps({"t": text}), dice):
                call = {"index": at, "function": {"arguments": piece}}
                events.append({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})
        return [*events, {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}, "[DONE]"]

    def read(events, count):
        texts = [""] * count
        for event in events:
            for choice in event.get("choices", ()) if event != "[DONE]" else ():
                for call in choice["delta"].get("tool_calls", ()):
                    texts[call["index"]] += call["function"].get("arguments", "")
        return [json.loads(text)["t"] for text in texts]

    return OpenAIProvider(), "chat.completions", make, read


def responses(kind):
    is_json = "arguments" in kind

    def make(texts, dice):
        events = [{"type": "response.created", "response": {"id": "r", "output": []}}]
        for at, text in enumerate(texts):
            said = json.dumps({"t": text}) if is_json else text
            where = {"item_id": f"i{at}", "output_index": at, "content_index": 0}
            events += [{"type": f"response.{kind}.delta", **where, "delta": piece} for piece in cut(said, dice)]
            events.append({"type": f"response.{kind}.done", **where, "text": said})
        whole = {"id": "r", "output": [{"content": [{"text": text}]} for text in texts]}
        return [*events, {"type": "response.completed", "response": whole}]

    def read(events, count):
        texts, done = [""] * count, [""] * count
        for event in events:
            if event["type"].endswith(".delta"):
                texts[event["output_index"]] += event["delta"]
            elif event["type"].endswith(".done"):
                done[event["output_index"]] = event["text"]
        if is_json:
            texts, done = ([json.loads(text)["t"] for text in each] for each in (texts, done))
        assert texts == done
        assert [each["content"][0]["text"] for each in events[-1]["response"]["output"]] == texts
        return texts

    return OpenAIProvider(), "responses", make, read


def messages(kind, member):
    is_json = member == "partial_json"

    def make(texts, dice):
        events = [{"type": "message_start", "message": {"id": "m", "content": []}}, {"type": "ping"}]
        for at, text in enumerate(texts):
            said = json.dumps({"t": text}) if is_json else text
            events.append({"type": "content_block_start", "index": at, "content_block": {"type": "text", "text": ""}})
            events += [
                {"type": "content_block_delta", "index": at, "delta": {"type": kind, member: piece}}
                for piece in cut(said, dice)
            ]
            events.append({"type": "content_block_stop", "index": at})
        end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}
        return [*events, end, {"type": "message_stop"}]

    def read(events, count):
        texts = [""] * count
        for event in events:
            if event["type"] == "content_block_delta":
                texts[event["index"]] += event["delta"][member]
        stops = [at for at, event in enumerate(events) if event["type"] == "content_block_stop"]
        deltas = [at for at, event in enumerate(events) if event["type"] == "content_block_delta"]
        assert all(events[at]["index"] >= sum(stop < at for stop in stops) for at in deltas), (
            "text behind its block's end"
        )
        return [json.loads(text)["t"] for text in texts] if is_json else texts

    return AnthropicProvider(), "messages", make, read


SHAPES = {
    "content": chat("content"),
    "reasoning": chat("reasoning_content"),
    "refusal": chat("refusal"),
    "calls": calls(),
    "completions": completions(),
    "responses": responses("output_text"),
    "responses' arguments": responses("function_call_arguments"),
    "responses' reasoning": responses("reasoning_text"),
    "messages": messages("text_delta", "text"),
    "messages' input": messages("input_json_delta", "partial_json"),
    "messages' thinking": messages("thinking_delta", "thinking"),
}


def guarded(provider, operation, links=LINKS, placeholders=None):
    shape = provider.shape(Operation(operation))
    return GuardedStream(links, shape, Notes(), placeholders or Placeholders())


def passed(stream, events):
    found = []
    for event in events:
        data = b"[DONE]" if event == "[DONE]" else json.dumps(event).encode()
        found += stream.event(b"", data)
    return found + stream.finish()


def given_events(found):
    return ["[DONE]" if each.given == b"[DONE]" else json.loads(each.given) for each in found]


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=3), seed=st.integers(0, 2**32))
def test_any_cut_of_any_text_gives_what_the_whole_gives(name, texts, seed):
    provider, operation, make, read = SHAPES[name]
    texts = [f".{text}." for text in texts]  # nothing lies in two of them
    events = make(texts, random.Random(seed))
    found = passed(guarded(provider, operation), events)
    assert read(given_events(found), len(texts)) == [redacted(text) for text in texts]
    assert b"1234" not in b"".join(each.given for each in found).replace(b'"', b"")
    assert found[-1].given == (b"[DONE]" if events[-1] == "[DONE]" else found[-1].given)


@pytest.mark.parametrize("name", SHAPES)
def test_a_block_gives_nothing_of_it(name):
    provider, operation, make, _ = SHAPES[name]
    stream = guarded(provider, operation, chain(word("secret", Action.BLOCK)))
    found = []
    with pytest.raises(Blocked):
        for event in make(["a secret b"], random.Random(3)):
            found += stream.event(b"", json.dumps(event).encode())
    assert b"secr" not in b"".join(each.given for each in found)


@pytest.mark.parametrize("name", SHAPES)
def test_events_without_findings_keep_their_bytes(name):
    provider, operation, make, _ = SHAPES[name]
    events = [json.dumps(event).encode() for event in make(["ab", "b. "], random.Random(1)) if event != "[DONE]"]
    stream = guarded(provider, operation, chain(numbers()))
    out = [each.given for event in events for each in stream.event(b"", event)]
    if name == "calls":  # events that begin a call have a name, which is judged by itself
        out, events = [json.loads(each) for each in out], [json.loads(each) for each in events]
    if name != "completions":  # whose probabilities are taken out
        assert out == events


@pytest.mark.parametrize(
    "event",
    [
        {"choices": [{"index": 0, "delta": {"content": "x", "new_member": "1234567"}}]},
        {"choices": [{"index": 0, "delta": {"content": "x"}, "note": "1234567"}]},
        {"choices": [{"index": 0, "delta": {"content": "x"}}], "note": ["1234567"]},
        {"choices": [{"index": 0, "delta": {"content": "x"}, "logprobs": {"content": [{"token": "1234567"}]}}]},
        {
            "choices": [
                {"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"name": "1234567", "arguments": ""}}]}}
            ]
        },
        {"choices": [{"index": 0, "delta": {"content": ["1234567"]}}]},
        {"choices": [{"index": 0, "delta": {"audio": {"transcript": "1234567"}}}]},
        {"choices": "1234567"},
        {"error": {"message": "1234567"}},
    ],
    ids=str,
)
def test_what_is_of_no_known_form_is_judged_by_itself(event):
    found = passed(guarded(OpenAIProvider(), "chat.completions"), [event])
    assert b"1234567" not in b"".join(each.given for each in found)
    assert found


@pytest.mark.parametrize("data", [b'["1234567"]', b'"1234567"', b"1234567", b'{"a": NaN}', b"[1", b"{"])
def test_what_is_no_object_does_not_pass(data):
    with pytest.raises(GatewayError) as caught:
        guarded(OpenAIProvider(), "chat.completions").event(b"", data)
    assert caught.value.code == "upstream_protocol"


def test_what_was_said_before_a_fault_goes_on_before_it():
    said = {"choices": [{"index": 0, "delta": {"content": "It is on its way to 55"}}]}
    found = passed(guarded(OpenAIProvider(), "chat.completions"), [said, {"error": {"message": "boom"}}, said])
    assert [b"boom" in each.given for each in found].index(True) > 0
    assert b"55" in b"".join(each.given for each in found[: [b"boom" in each.given for each in found].index(True)])


def test_of_members_that_come_twice_only_what_was_judged_passes():
    data = b'{"choices": [{"index": 0, "delta": {"content": "1234567", "content": "a "}}]}'
    (found,) = guarded(OpenAIProvider(), "chat.completions").event(b"", data)
    assert b"1234567" not in found.given


def test_the_name_that_events_without_one_have_tells_no_type():
    stream = guarded(OpenAIProvider(), "chat.completions")
    data = b'{"id":"c","choices":[{"index":0,"delta":{"content":"fine. "}}]}'
    assert [each.given for each in stream.event(b"message", data)] == [data]


def test_what_is_no_json_is_judged_as_a_text():
    stream = guarded(OpenAIProvider(), "chat.completions")
    assert [each.given for each in stream.event(b"", b"call 1234567")] == [b"call [NUMBER]"]


def test_values_come_back_and_the_log_has_the_placeholders():
    placeholders = Placeholders()
    Sieve(chain(numbers(restore=True)), Stage.REQUEST, Notes(), placeholders).text("1234567")
    for name, (provider, operation, make, read) in SHAPES.items():
        events = make(["I rang <NUMBER_1>!"], random.Random(5))
        found = passed(guarded(provider, operation, chain(), placeholders), events)
        assert read(given_events(found), 1) == ["I rang 1234567!"], name
        assert b"1234567" not in b"".join(each.logged for each in found), name


@pytest.mark.parametrize(
    ("events", "at"),
    [
        (['{"choices":[{"index":1,"delta":{"content":"a secret"}}]}'], (1, "content")),
        (
            [
                '{"choices":[{"index":0,"delta":{"content":"fine"}},{"index":1,"delta":{"reasoning":"sec"}}]}',
                '{"choices":[{"index":1,"delta":{"reasoning":"ret"}}]}',
            ],
            (1, "reasoning"),
        ),
        (['{"choices":[{"index":0,"delta":{"content":"fine"}}],"odd":"secret"}'], None),
        (['{"choices":[{"index":0,"delta":{"content":"12"}}]}', '{"odd":"secret"}'], None),
        (
            [
                '{"choices":[{"index":0,"delta":{"content":"12"}}]}',
                '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"odd":"secret"}',
            ],
            None,
        ),
        (
            [
                '{"choices":[{"index":0,"delta":{"content":"1234"}},{"index":1,"delta":{"content":"a"}}]}',
                '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
            ],
            (0, "content"),
        ),
        (
            [
                '{"choices":[{"index":0,"delta":{"content":"1234"}},{"index":1,"delta":{"content":"a"}}]}',
                None,
            ],
            (0, "content"),
        ),
    ],
)
def test_it_is_known_which_text_was_blocked(events, at):
    links = chain(numbers(Action.BLOCK), word("secret", Action.BLOCK))
    shape = OpenAIProvider().shape(Operation("chat.completions"))
    assert shape is not None
    stream = GuardedStream(links, shape, Notes(), Placeholders())
    with pytest.raises(Blocked):
        for each in events:
            if each is None:
                stream.decide()
            else:
                stream.event(b"", each.encode())
    assert stream.at == at


def responses(*events) -> Notes:
    """What is counted of these, and that all of them pass."""
    notes, shape = Notes(), OpenAIProvider().shape(Operation("responses"))
    assert shape is not None
    stream = GuardedStream(chain(numbers()), shape, notes, Placeholders())
    for event in events:
        stream.event(b"", json.dumps(event).encode())
    stream.finish()
    return notes


def test_what_is_found_beside_the_pieces_is_counted():
    note = {"type": "url_citation", "title": "call 1234"}
    notes = responses({"type": "response.output_text.annotation.added", "annotation": note})
    assert [(row["kind"], row["count"]) for row in notes.rows()] == [("number", 1)]


def test_what_repeats_the_pieces_is_not_counted_again():
    at = {"item_id": "m", "output_index": 0, "content_index": 0}
    said = [
        {"type": "response.output_text.delta", **at, "delta": "1234 and 5678"},
        {"type": "response.output_text.done", **at, "text": "1234 and 5678"},
        {"type": "response.completed", "response": {"output": [{"content": [{"text": "1234 and 5678"}]}]}},
    ]
    assert [row["count"] for row in responses(*said).rows()] == [2]
    more = {"type": "response.completed", "response": {"output": [{"name": "f9999", "text": "1234 and 5678"}]}}
    assert [row["count"] for row in responses(*said, more).rows()] == [3]


def test_what_is_blocked_beside_the_pieces_is_counted():
    notes, shape = Notes(), OpenAIProvider().shape(Operation("chat.completions"))
    assert shape is not None
    stream = GuardedStream(chain(word("secret", Action.BLOCK)), shape, notes, Placeholders())
    with pytest.raises(Blocked):
        stream.event(b"", b'{"choices":[{"index":0,"delta":{"content":"fine"}}],"odd":"secret"}')
    assert [(row["kind"], row["action"], row["count"]) for row in notes.rows()] == [("word", "block", 1)]


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(TEXTS, min_size=2, max_size=5), seed=st.integers(0, 2**32))
def test_neighbouring_blocks_give_nothing_that_lies_in_several_of_them(texts, seed):
    provider, operation, make, read = SHAPES["messages"]
    said = read(given_events(passed(guarded(provider, operation), make(texts, random.Random(seed)))), len(texts))
    assert LINKS.enforced_hits(View("".join(said))) == []
    if LINKS.enforced_hits(View("".join(texts))) == []:
        assert said == texts


def test_what_goes_over_a_border_is_replaced_from_there_on():
    provider, operation, make, read = SHAPES["messages"]
    texts = ["it is 12", "3", "", "45 and a se", "cret", "no secret", "123"]
    said = read(given_events(passed(guarded(provider, operation), make(texts, random.Random(1)))), len(texts))
    assert said == ["it is 12", "3", "", "[NUMBER] and a se", "[WORD]", "no [WORD]", "123"]


def item(number, piece, kind="response.output_text.delta"):
    return {"type": kind, "item_id": f"i{number}", "delta": piece}


def test_texts_that_have_ended_make_room_and_may_not_go_on_then():
    stream = guarded(OpenAIProvider(), "responses")
    for number in range(MAX_CHANNELS + 5):
        for event in (item(number, "12"), {"type": "response.output_text.done", "item_id": f"i{number}"}):
            stream.event(b"", json.dumps(event).encode())
    assert len(stream._channels.by_key) == MAX_CHANNELS
    assert joined_deltas(stream, item(MAX_CHANNELS, "34")) == "[NUMBER]"
    with pytest.raises(GatewayError):
        stream.event(b"", json.dumps(item(0, "34")).encode())


def test_texts_that_have_not_ended_are_so_many_and_no_more():
    stream = guarded(OpenAIProvider(), "responses")
    for number in range(MAX_CHANNELS):
        stream.event(b"", json.dumps(item(number, "12")).encode())
    with pytest.raises(GatewayError):
        stream.event(b"", json.dumps(item(MAX_CHANNELS, "34")).encode())


def joined_deltas(stream, event):
    found = [*stream.event(b"", json.dumps(event).encode()), *stream.finish()]
    return "".join(json.loads(each.given)["delta"] for each in found)
