"""What goes over the wire: of the announced size, and legible for those who measure."""

import json

import pytest
from bench import payload


def test_a_request_is_an_ordinary_chat_request():
    body = payload.request("user-7")
    document = json.loads(body)
    assert 1_000 < len(body) < 1_500
    assert document["user"] == "user-7"
    assert "stream" not in document
    assert payload.wanted(body) is None


def test_a_streams_request_tells_the_backend_what_to_send():
    body = payload.request("user-7", chunks=250, rate=50)
    assert json.loads(body)["stream"] is True
    assert payload.wanted(body) == (250, 50)


def test_an_answer_has_its_usage():
    assert json.loads(payload.answer())["usage"]["completion_tokens"] == 256
    assert 900 < len(payload.answer()) < 1_200


def test_every_event_of_a_stream_is_what_a_client_can_read():
    stream = payload.first_chunk() + payload.chunk(payload.stamp(7.5)) + payload.last_chunks(9)
    events = [event.removeprefix(b"data: ") for event in stream.split(b"\n\n") if event]
    assert events.pop() == b"[DONE]"
    documents = [json.loads(event) for event in events]
    assert [each["choices"][0]["delta"].get("content") for each in documents if each["choices"]] == [
        "",
        " bicycle",
        None,
    ]
    assert documents[-1]["usage"]["completion_tokens"] == 9


@pytest.mark.parametrize("now", [0.001, 7.5, 3600.25, 9_000_000.125])
def test_a_chunk_carries_the_time_at_which_it_was_sent(now):
    chunk = payload.chunk(payload.stamp(now))
    assert len(chunk) == len(payload.chunk(payload.stamp(1.0)))
    assert payload.first_stamp(chunk) == pytest.approx(now, abs=1e-8)


def test_of_several_chunks_the_first_and_the_last_time_are_found():
    piece = payload.chunk(payload.stamp(1.5)) + payload.chunk(payload.stamp(2.5)) + payload.chunk(payload.stamp(3.5))
    assert payload.first_stamp(piece) == 1.5
    assert payload.last_stamp(piece) == 3.5


def test_a_piece_without_a_whole_time_has_none():
    chunk = payload.chunk(payload.stamp(1.5))
    at = chunk.index(payload.STAMP) + len(payload.STAMP)
    assert payload.first_stamp(b"") is None
    assert payload.first_stamp(chunk[: at + 5]) is None
    assert payload.first_stamp(payload.first_chunk()) is None
