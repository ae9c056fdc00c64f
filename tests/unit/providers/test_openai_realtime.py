"""Usage of a realtime session, from the events that report it."""

import json

import pytest

from llmgateway.domain.operation import Operation
from llmgateway.providers.openai.provider import OpenAIProvider
from llmgateway.wire.replies import MAX_TEXT


def read(*events):
    reader = OpenAIProvider().reader(Operation("realtime", is_tunnel=True))
    for event in events:
        reader.event(b"", event if isinstance(event, bytes) else json.dumps(event).encode())
    return reader


def done(input_tokens=5, output_tokens=7, **more):
    usage = {"input_tokens": input_tokens, "output_tokens": output_tokens, "input_token_details": {"cached_tokens": 2}}
    return {"type": "response.done", "response": {"id": "resp_1", "status": "completed", "usage": usage, **more}}


CREATED = {"type": "session.created", "session": {"id": "sess_1", "model": "gpt-realtime"}}


def test_the_usage_of_all_responses_is_added_up():
    reader = read(CREATED, done(), {"type": "response.output_text.delta", "delta": "x"}, done(50, 1))
    assert (reader.usage.input_tokens, reader.usage.output_tokens, reader.usage.cached_tokens) == (55, 8, 4)
    assert reader.usage.reasoning_tokens is None
    assert (reader.response_model, reader.response_id, reader.finish_reason) == ("gpt-realtime", "sess_1", "completed")
    assert [each["id"] for each in json.loads(reader.message())] == ["resp_1", "resp_1"]


def test_why_a_response_stopped_is_told():
    details = {"type": "cancelled", "reason": "turn_detected"}
    assert read(done(status="cancelled", status_details=details)).finish_reason == "turn_detected"
    assert read(done(status="failed", status_details=None)).finish_reason == "failed"


def test_a_session_without_responses_used_nothing_that_is_known():
    reader = read(CREATED)
    assert reader.usage.is_empty
    assert reader.message() is None


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.done"},
        {"type": "response.done", "response": 3},
        {"type": ["response.done"], "response": {}},
        {"type": "session.created", "session": None},
        [1, "response.done"],
        b'"response.done',
        b'{"x":"response.done"}',
    ],
)
def test_an_event_of_no_known_shape_is_counted_and_ignored(event):
    reader = read(event if isinstance(event, bytes) else event, done())
    assert reader.usage.output_tokens == 7
    assert reader.parse_errors <= 1


def test_words_that_only_look_like_an_event_are_no_event():
    reader = read({"type": "response.output_text.delta", "delta": '"response.done"'})
    assert reader.usage.is_empty
    assert reader.parse_errors == 0


def test_only_so_many_responses_are_kept_but_all_are_counted():
    long = done(padding="x" * (MAX_TEXT // 3))
    reader = read(long, long, long, long)
    assert reader.usage.output_tokens == 28
    assert len(json.loads(reader.message())) == 2
