"""What judges are shown of streams: all that has gone on, and what a reader knows only once."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.guardrails import chain, numbers
from tests.unit.guarding.test_stream import SHAPES, guarded

from llmgateway.domain.errors import GatewayError
from llmgateway.domain.operation import Operation
from llmgateway.guarding import gathered as module
from llmgateway.guarding.gathered import ENTRY, Gathered, beside
from llmgateway.guarding.pieces import Said, texts_of_reply
from llmgateway.ports.judge import Piece
from llmgateway.providers.anthropic.provider import AnthropicProvider
from llmgateway.providers.openai.provider import OpenAIProvider
from llmgateway.wire.jsoncodec import decode
from llmgateway.wire.replies import PART_COST

OPENAI, ANTHROPIC = OpenAIProvider(), AnthropicProvider()


def shown(provider, operation, events, links=None, *, rest: bool = True):
    """All texts that judges are asked about, those of the reader first."""
    stream = guarded(provider, operation, links or chain())
    stream._gathered = Gathered()
    reader = provider.reader(Operation(operation))
    for event in events:
        name, event = event if isinstance(event, tuple) else (b"", event)
        data = event.encode() if isinstance(event, str) else json.dumps(event).encode()
        for each in stream.event(name, data):
            reader.event(each.name, each.logged)
    for each in stream.finish() if rest else ():
        reader.event(each.name, each.logged)
    message = reader.message()
    said = texts_of_reply(decode(message)) if message else []
    assert not reader.parse_errors
    return [each.piece.text for each in (*said, *beside(said, stream._gathered.strings()))]


def chunk(delta=None, **members):
    return {"id": "c1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta or {}}], **members}


def block(number, **delta):
    return {"type": "content_block_delta", "index": number, "delta": delta}


START = {"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "content": []}}
BEGUN = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
ITEM = {"output_index": 0, "item_id": "i", "content_index": 0}


def done(text):
    item = {"id": "i", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
    return {"type": "response.output_item.done", "output_index": 0, "item": item}


ODD = {
    "a member of a delta": (OPENAI, "chat.completions", [chunk({"insight": "EV"}), chunk({"insight": "IL"})]),
    "one in a member": (
        OPENAI,
        "chat.completions",
        [chunk({"notes": [{"index": 0, "text": each}]}) for each in ("EV", "IL")],
    ),
    "one of a choice": (OPENAI, "chat.completions", [{"choices": [{"index": 0, "delta": {}, "note": "EVIL"}]}]),
    "one of a chunk": (OPENAI, "chat.completions", [chunk(), chunk(note={"text": ["EVIL"]})]),
    "a name that says more": (OPENAI, "chat.completions", [chunk({"content": "a"}), chunk(model="EVIL words")]),
    "a completion's text in a chat": (OPENAI, "chat.completions", [{"choices": [{"index": 0, "text": "EVIL"}]}]),
    "a chat's in a completion": (OPENAI, "completions", [chunk({"content": "EVIL"})]),
    "a call of two kinds": (
        OPENAI,
        "chat.completions",
        [
            chunk({"tool_calls": [{"index": 0, "type": "custom", "custom": {"name": "f"}}]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": "EVIL"}}]}),
        ],
    ),
    "a fault's words": (OPENAI, "chat.completions", [chunk({"content": "a"}), {"error": {"message": "x", "hint": "EVIL"}}]),
    "an event's name": (OPENAI, "chat.completions", [(b"so EVIL", chunk({"content": "a"}))]),
    "a delta of no known kind": (
        ANTHROPIC,
        "messages",
        [START, BEGUN, *(block(0, type="insight_delta", insight=each) for each in ("EV", "IL"))],
    ),
    "a member beside a delta": (ANTHROPIC, "messages", [START, BEGUN, {**block(0, type="text_delta", text="a"), "x": "EVIL"}]),
    "an event of no known kind": (ANTHROPIC, "messages", [START, {"type": "insight", "text": "EVIL"}]),
    "a block that another one follows at its place": (
        ANTHROPIC,
        "messages",
        [START, BEGUN, block(0, type="text_delta", text="EVIL"), {**BEGUN, "content_block": {"type": "thinking"}}],
    ),
    "a message that begins twice": (
        ANTHROPIC,
        "messages",
        [{"type": "message_start", "message": {"id": "m", "content": [{"type": "text", "text": "EVIL"}]}}, START],
    ),
    "deltas of no known kind": (
        OPENAI,
        "responses",
        [{"type": "response.insight.delta", **ITEM, "delta": each} for each in ("EV", "IL")],
    ),
    "pieces in an object": (
        OPENAI,
        "responses",
        [{"type": "response.insight.delta", **ITEM, "delta": {"text": each}} for each in ("EV", "IL")],
    ),
    "a text that is told otherwise": (
        OPENAI,
        "responses",
        [{"type": "response.output_text.delta", **ITEM, "delta": "EVIL"}, done("good")],
    ),
    "one that only its end tells": (
        OPENAI,
        "responses",
        [{"type": "response.output_text.done", **ITEM, "text": "EVIL"}, done("good")],
    ),
    "an item that the response forgets": (
        OPENAI,
        "responses",
        [done("EVIL"), {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("links", [None, chain(numbers())], ids=["alone", "with others"])
def test_judges_are_shown_whatever_a_stream_says(odd, links):
    assert "EVIL" in "|".join(shown(*ODD[odd], links))


@pytest.mark.parametrize("name", SHAPES)
def test_what_a_reader_knows_is_shown_once(name):
    provider, operation, make, _ = SHAPES[name]
    texts = ["one thing. ", "another, in words. "]
    events = make(texts, random.Random(5))
    if operation == "messages":
        known = {"text": ("text", "text"), "thinking": ("thinking", "thinking"), "partial_json": ("tool_use", "input")}
        kind = next(key for each in events for key in known if key in each.get("delta", {}))
        for each in events:
            if each["type"] == "content_block_start":
                each["content_block"] = {
                    "type": known[kind][0],
                    "id": "t",
                    known[kind][1]: {} if kind[0] == "p" else "",
                }
    found = shown(provider, operation, events)
    for text in texts:
        assert [text in each for each in found].count(True) == 1, found
    assert not any(each in {"[DONE]", "message", "chat.completion.chunk", "stop"} for each in found)


def test_what_is_taken_out_is_not_shown():
    found = shown(
        OPENAI, "chat.completions", [chunk({"insight": "call 12"}), chunk({"insight": "34 now"})], chain(numbers())
    )
    assert "call [NUMBER] now" in found
    assert "1234" not in "".join(found)


def test_what_waits_is_not_shown_before_it_goes_on():
    events = [chunk({"insight": "call 12"})]
    assert "12" not in "".join(shown(OPENAI, "chat.completions", events, chain(numbers()), rest=False))
    assert "call 12" in shown(OPENAI, "chat.completions", events, chain(numbers()))


def test_sound_is_not_shown():
    sound = {"id": "a", "data": "QUJD" * 400}
    found = shown(OPENAI, "chat.completions", [chunk({"audio": {**sound, "transcript": "so"}})])
    assert found == ["so"]


def test_each_place_keeps_its_path_while_a_stream_goes_on():
    kept = Gathered()
    kept.grow("a", "one")
    kept.take(b'{"note": "first"}')
    before = {each.piece.text: each.path for each in beside([], kept.strings())}
    kept.take(b'{"note": "second"}')
    kept.grow("b", "two")
    kept.grow("a", " more")
    after = {each.piece.text: each.path for each in beside([], kept.strings())}
    assert before == {"one": after["one more"], "first": after["first\nsecond"]}
    assert len(set(after.values())) == 3


def test_what_comes_again_and_again_is_kept_once():
    kept = Gathered()
    for _ in range(10):
        kept.take(b'{"note": "the same", "other": ["x y"]}')
        kept.take(b'{"note": "the same"}')
    assert [each.piece.text for each in beside([], kept.strings())] == ["the same", "x y"]


@pytest.mark.parametrize("say", [
    lambda kept, at: kept.grow("one", "x" * 100),
    lambda kept, at: kept.grow(at, "x"),
    lambda kept, at: kept.take(json.dumps({"note": f"{at} times"}).encode()),
    lambda kept, at: kept.take(json.dumps({f"note{at}": "same text"}).encode()),
])  # fmt: skip
def test_it_is_full_within_its_bound_and_says_so(monkeypatch, say):
    monkeypatch.setattr(module, "MAX_TEXT", 4 * PART_COST)
    kept = Gathered()
    for at in range(1_000):
        say(kept, at)
    assert kept.is_full
    cost = sum(len(each) + ENTRY for _, strings in kept.strings() for each in strings)
    assert cost <= 4 * PART_COST + ENTRY
    before = kept.strings()
    kept.grow("late", "x")
    assert kept.strings() == before  # no later, smaller one slips in: what has holes would pass for whole


def test_arguments_that_a_reader_has_taken_apart_are_known():
    said = [Said((), Piece("Kyoto", "assistant"))]
    kept = Gathered()
    kept.grow("call", '{"place": "Kyoto", "days": 3}')
    assert beside(said, kept.strings()) == []
    kept.grow("other", '{"place": "Kyoto", "note": "EVIL"}')
    assert [each.piece.text for each in beside(said, kept.strings())] == ['{"place": "Kyoto", "note": "EVIL"}']


@pytest.mark.parametrize(
    "written",
    [
        '{"place": "EVIL", "place": "Kyoto"}',
        '{"so EVIL": "Kyoto"}',
        '{"place": {"so EVIL": ["Kyoto"]}}',
        '{"悪": "Kyoto"}',
    ],
)
def test_what_taking_arguments_apart_loses_is_shown(written):
    kept = Gathered()
    kept.grow("call", written)
    assert [each.piece.text for each in beside([Said((), Piece("Kyoto", "assistant"))], kept.strings())] == [written]


NAMES = [
    "content",
    "text",
    "delta",
    "insight",
    "role",
    "name",
    "id",
    "type",
    "arguments",
    "input",
    "custom",
    "function",
    "reasoning",
    "refusal",
    "audio",
    "data",
    "result",
    "citations",
    "message",
    "index",
    "output",
    "item",
    "part",
    "model",
    "object",
    "finish_reason",
    "error",
    "usage",
    "partial_json",
    "content_block",
    "choices",
]


def somewhere(dice: random.Random, text: str):
    """Something that says this text, in one of the forms in which servers say things."""
    plain = json.dumps({"a": 1, "b": text})
    forms = [text, [text], {"text": text}, {"content": [{"type": "text", "text": text}]}, {"arguments": plain}, plain]
    return dice.choice([*forms, [{"index": 0, "text": text}]])


def objects(value):
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(each)


@settings(max_examples=400, deadline=None)
@given(name=st.sampled_from(sorted(SHAPES)), seed=st.integers(0, 2**32))
def test_wherever_a_sentence_stands_in_a_stream_judges_are_shown_it_or_told_that_it_makes_no_sense(name, seed):
    provider, operation, make, _ = SHAPES[name]
    dice = random.Random(seed)
    events = [each for each in make(["one. ", "two. "], dice) if each != "[DONE]"]
    dice.choice([*objects(dice.choice(events))])[dice.choice(NAMES)] = somewhere(dice, "so EVIL")
    stream, reader, kept = guarded(provider, operation, chain()), provider.reader(Operation(operation)), Gathered()
    stream._gathered, sent = kept, b""
    try:
        passed = [each for event in events for each in stream.event(b"", json.dumps(event).encode())]
        for each in [*passed, *stream.finish()]:
            if not reader.is_finished:
                reader.event(each.name, each.logged)
                sent += each.given
    except GatewayError:
        return
    message = reader.message()
    said = texts_of_reply(decode(message)) if message else []
    shown = "|".join(each.piece.text for each in (*said, *beside(said, kept.strings())))
    makes_sense = not reader.parse_errors and (message is not None or not reader.has_content)
    assert not (makes_sense and b"EVIL" in sent and "EVIL" not in shown), sent
