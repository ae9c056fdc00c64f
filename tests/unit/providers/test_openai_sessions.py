"""Where the texts are in a realtime session's events, and what belongs together."""

import json

import pytest

from llmgateway.domain.errors import GatewayError
from llmgateway.providers.openai.sessions import RealtimeShape

SHAPE = RealtimeShape()
AT = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 1}
TRANSCRIPTION = "conversation.item.input_audio_transcription"


def delta(kind, **more):
    return {"type": f"{kind}.delta", "event_id": "e", **AT, "delta": "a", **more}


def channels(event):
    return [slot.channel for slot in SHAPE.pieces(event).slots]


@pytest.mark.parametrize(
    ("kind", "name", "is_json"),
    [
        ("response.output_text", "text", False),
        ("response.text", "text", False),
        ("response.output_audio_transcript", "audio_transcript", False),
        ("response.audio_transcript", "audio_transcript", False),
        ("response.function_call_arguments", "function_call_arguments", True),
        ("response.mcp_call_arguments", "mcp_call_arguments", True),
        ("response.new", "new", False),
    ],
)
def test_a_delta_is_a_piece_of_a_text(kind, name, is_json):
    event = delta(kind)
    pieces = SHAPE.pieces(event)
    (slot,) = pieces.slots
    assert (slot.channel, slot.holder, slot.key, slot.is_json) == ((("r", "i", 1), name), event, "delta", is_json)
    assert (pieces.is_known, pieces.is_bare, pieces.ended) == (True, True, frozenset())


def test_what_stands_beside_a_delta_is_not_known():
    assert not SHAPE.pieces(delta("response.text", note="x")).is_known


def test_probabilities_are_taken_out():
    pieces = SHAPE.pieces(event := delta(TRANSCRIPTION, logprobs=[{"token": "a"}]))
    assert (event["logprobs"], pieces.is_altered) == ([], True)


def test_a_delta_that_is_an_object_has_texts():
    event = delta("response.text", delta={"text": "a", "type": "t", "n": 1})
    (slot,) = SHAPE.pieces(event).slots
    assert (slot.holder, slot.key, slot.channel[-1]) == (event["delta"], "text", "text")


@pytest.mark.parametrize("kind", ["response.output_audio", "response.audio"])
def test_sound_is_no_text(kind):
    assert SHAPE.pieces(delta(kind)).slots == []
    assert SHAPE.is_sound(delta(kind))
    assert not SHAPE.is_sound(delta(f"{kind}_transcript"))


@pytest.mark.parametrize("kind", ["response.output_text.done", "response.content_part.done", "response.text.done"])
def test_what_repeats_a_text_ends_it(kind):
    (slot,) = SHAPE.pieces(delta("response.text")).slots
    pieces = SHAPE.pieces({"type": kind, **AT, "text": "a"})
    assert (pieces.slots, pieces.ended) == ([], frozenset({slot.channel[0]}))


STARTS = {
    "a part": ({"type": "response.content_part.added", **AT, "part": {"type": "text", "text": "x"}}, "response.text"),
    "a part of sound": (
        {"type": "response.content_part.added", **AT, "part": {"type": "output_audio", "transcript": "x"}},
        "response.output_audio_transcript",
    ),
    "an item": (
        {
            "type": "response.output_item.added",
            **AT,
            "item": {"id": "i", "content": [{}, {"type": "output_text", "text": "x"}]},
        },
        "response.output_text",
    ),
}


@pytest.mark.parametrize(("event", "kind"), STARTS.values(), ids=STARTS.keys())
def test_what_begins_with_a_text_goes_on_with_deltas(event, kind):
    assert channels(
        {name: value for name, value in event.items() if name != "content_index"} | {"content_index": 1}
    ) == channels(delta(kind))
    carried, slot = SHAPE.carrier(event, SHAPE.pieces(event).slots[0])
    assert carried == {"type": f"{kind}.delta", **AT, "delta": ""}
    assert (slot.holder, slot.key) == (carried, "delta")
    assert channels(carried) == channels(delta(kind))


def test_a_call_may_begin_with_arguments():
    item = {"id": "i", "type": "function_call", "arguments": "{"}
    event = {"type": "response.output_item.added", "response_id": "r", "output_index": 0, "item": item}
    assert channels(event) == channels(delta("response.function_call_arguments", content_index=None))


def test_a_carrier_has_nothing_but_its_text():
    event = delta("response.text", logprobs=[1], note="x")
    carried, slot = SHAPE.carrier(event, SHAPE.pieces(event).slots[0])
    assert carried == {**delta("response.text"), "note": "x", "delta": ""}
    assert slot.holder is carried
    event = delta("response.text", delta={"text": "a", "n": 1})
    carried, slot = SHAPE.carrier(event, SHAPE.pieces(event).slots[0])
    assert carried["delta"] == {"text": ""}
    assert slot.holder is carried["delta"]


def test_segments_of_a_transcription_are_pieces_of_a_text():
    event = {"type": f"{TRANSCRIPTION}.segment", "item_id": "u", "content_index": 0, "text": "a", "speaker": "s"}
    (slot,) = SHAPE.pieces(event).slots
    carried, again = SHAPE.carrier(event, slot)
    assert carried == {**event, "text": ""}
    assert (again.holder, again.key) == (carried, "text")


def test_who_owns_an_event():
    assert SHAPE.owner(delta("response.text")) == "r"
    assert SHAPE.owner({"type": "response.done", "response": {"id": "r"}}) == "r"
    assert SHAPE.owner({"type": "conversation.item.done", "item": {"id": "i"}}) is None
    one, other = ({"type": f"{TRANSCRIPTION}.delta", "item_id": "u", "content_index": at} for at in (0, 1))
    assert SHAPE.owner(one) == SHAPE.owner({**one, "type": f"{TRANSCRIPTION}.completed"}) != SHAPE.owner(other)
    for odd in ({}, {"type": 1}, {"type": "x", "response_id": ["r"]}, {"type": "response.done", "response": "r"}):
        assert SHAPE.owner(odd) is None


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ({"item_id": "i"}, "i"),
        ({"item": {"id": "i"}}, "i"),
        ({"item_id": "i", "item": {"id": "j"}}, "i"),
        ({"item_id": 7}, None),
        ({"item": "i"}, None),
        ({}, None),
    ],
)
def test_what_an_event_is_about(event, name):
    assert SHAPE.item(event) == name


@pytest.mark.parametrize(
    ("kind", "is_end"),
    [
        ("response.done", True),
        (f"{TRANSCRIPTION}.completed", True),
        (f"{TRANSCRIPTION}.failed", True),
        ("response.text.done", False),
        (["response.done"], False),
    ],
)
def test_what_ends_its_owner(kind, is_end):
    assert SHAPE.is_end({"type": kind}) is is_end


def test_only_responses_are_called_off():
    assert json.loads(SHAPE.cancel("r") or b"") == {"type": "response.cancel", "response_id": "r"}
    assert SHAPE.cancel(("item", "u", "0")) is None


def test_only_responses_have_a_last_event_of_their_own():
    assert SHAPE.cut({"type": f"{TRANSCRIPTION}.completed", "item_id": "u"}) is None
    assert SHAPE.cut({"type": "response.done", "response": "x"}) is None
    last = json.loads(SHAPE.cut({"type": "response.done", "response": {"id": "r", "output": ["a"]}}) or b"")
    assert (last["response"]["output"], last["response"]["usage"]) == ([], None)


def test_a_response_that_is_given_up_says_why():
    assert SHAPE.failed(("item", "u", "0"), GatewayError("overloaded")) is None
    said = json.loads(SHAPE.failed("r", GatewayError("overloaded")) or b"")["response"]
    assert (said["id"], said["status"], said["output"]) == ("r", "failed", [])
    assert said["status_details"] == {"type": "failed", "error": {"type": "overloaded_error", "code": "overloaded"}}


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"type": None},
        {"type": "response.text.delta"},
        {"type": "response.text.delta", "delta": [7]},
        {"type": "response.content_part.added", "response_id": "r", "part": []},
        {"type": "response.output_item.added", "response_id": "r", "item": {"content": 7}},
        {"type": "response.output_item.added", "response_id": "r", "item": {"content": [7]}},
        {"type": f"{TRANSCRIPTION}.segment"},
    ],
)
def test_events_of_another_form_have_no_pieces(event):
    pieces = SHAPE.pieces(event)
    assert (pieces.slots, pieces.is_known) == ([], False)


def test_the_words_of_a_response_stand_where_a_whole_reply_has_them():
    said = {"content": [{"type": "output_text", "text": "a"}]}
    event = {"type": "response.done", "event_id": "e", "response": {"id": "r", "status": "completed", "output": [said]}}
    assert SHAPE.words(event) == {"output": [said]}
    assert SHAPE.words({"type": "conversation.item.done", "item": {"id": "i", "role": "user", **said}}) == said
    assert SHAPE.words(delta("response.output_text")) == {"delta": "a"}
    assert SHAPE.words({"type": "x.new", "deep": {"er": 1}, "id": "i"}) == {"deep": {"er": 1}}


@pytest.mark.parametrize(
    "kind",
    [
        "session.updated",
        "rate_limits.updated",
        "error",
        "input_audio_buffer.committed",
        f"{TRANSCRIPTION}.completed",
        "response.output_audio.delta",
    ],
)
def test_what_no_model_has_said_has_no_words(kind):
    assert SHAPE.words({"type": kind, "transcript": "a", "session": {"instructions": "b"}, "delta": "c"}) == {}


@pytest.mark.parametrize(
    ("event", "standing", "is_echo"),
    [
        ({"type": "session.update", "session": {"instructions": "a"}}, "a", True),
        ({"type": "session.created", "session": {"instructions": "a"}}, "a", True),
        ({"type": "session.updated", "session": {"instructions": 1}}, None, True),
        ({"type": "session.updated"}, None, True),
        ({"type": "response.create", "response": {"instructions": "a"}}, None, False),
        ({"type": "conversation.item.added", "item": {"role": "system"}}, None, True),
        ({"type": "conversation.item.added", "item": {"role": "assistant"}}, None, False),
        ({"type": "response.output_item.done", "item": {"role": "system"}}, None, False),
        ({"type": ["session.update"], "session": {"instructions": "a"}}, None, False),
    ],
)
def test_instructions_and_what_repeats_them(event, standing, is_echo):
    assert (SHAPE.standing(event), SHAPE.is_echo(event)) == (standing, is_echo)


def test_what_stands_behind_what():
    assert SHAPE.behind({"type": "conversation.item.added", "previous_item_id": "i"}) == ["i"]
    assert SHAPE.behind({"type": "conversation.item.added", "previous_item_id": None}) == []
    assert SHAPE.is_answer({"type": "conversation.item.retrieved"})
    assert not SHAPE.is_answer({"type": "conversation.item.added"})
    assert SHAPE.is_called_off({"type": "response.done", "response": {"status": "cancelled"}})
    assert not SHAPE.is_called_off({"type": "response.done", "response": {"status": "completed"}})
    assert not SHAPE.is_called_off({"type": "response.done", "response": None})


@pytest.mark.parametrize("code", ["tell me", "日本", ["a"], {"a": "b"}])
@pytest.mark.parametrize("name", ["event_id", "item_id", "status", "type"])
def test_what_is_called_as_a_code_is_may_be_said_all_the_same(name, code):
    event = {"type": "response.new", "response_id": "r", "output_index": 0, "metadata": {"a": "b"}}
    assert SHAPE.words(event) == {}
    assert SHAPE.words({**event, name: code}) == {name: code}
    assert SHAPE.words({**event, "item": {"id": "i", name: code}}) == {name: code}
