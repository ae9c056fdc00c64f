"""What all readers share: bounds on what is kept, very large replies, and faults inside a 200."""

import tracemalloc
from typing import Any

import pytest

from llmgateway.providers.openai.usage import read_usage
from llmgateway.wire.jsoncodec import encode
from llmgateway.wire.replies import MAX_PARSED, MAX_TEXT, BaseReader, GenericReader, OpaqueReader, Text, error_words


def test_text_is_kept_up_to_the_limit_and_then_flagged() -> None:
    reader, text = BaseReader(), Text()
    reader.keep(text, "x" * (MAX_TEXT - 1))
    assert not reader.is_truncated
    reader.keep(text, "yy")
    reader.keep(text, "z")  # would still fit, and leave a hole
    assert reader.is_truncated
    assert len(text.whole()) == MAX_TEXT - 1


def test_text_beyond_ascii_counts_by_its_bytes() -> None:
    reader, text = BaseReader(), Text()
    reader.keep(text, "\u3042" * (MAX_TEXT // 3))
    reader.keep(text, "\u3042")
    assert reader.is_truncated


def test_tokens_take_little_more_than_their_bytes() -> None:
    reader, text = BaseReader(), Text()
    tracemalloc.start()
    for number in range(10_000):
        reader.keep(text, f" {number:03}\u3042")
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1.5 * len(text.getvalue())
    assert text.whole().startswith(" 000\u3042 001\u3042")


def test_parts_use_up_room_as_well() -> None:
    reader = BaseReader()
    assert reader.has_room(MAX_TEXT)
    assert not reader.has_room(1)
    assert reader.is_truncated


class Stumbling(BaseReader):
    def take(self, name: bytes, value: Any) -> None:
        value["no"]["such"]["field"]

    take_whole = take  # type: ignore[assignment]


@pytest.mark.parametrize("data", [b"{}", b"[]", b"1", b"null", b'"x"', b"{", b"\xff"])
def test_what_a_reader_stumbles_over_is_counted(data: bytes) -> None:
    reader = Stumbling()
    reader.event(b"", data)
    assert reader.parse_errors == 1


def test_events_without_data_are_nothing() -> None:
    reader = Stumbling()
    reader.event(b"ping", b"")
    assert reader.parse_errors == 0


@pytest.mark.parametrize("data", [b"[DONE]", b"[DONE] and more"])
def test_a_reader_that_ends_otherwise_does_not_know_done(data: bytes) -> None:
    reader, ending = BaseReader(), GenericReader(read_usage)
    for each in (reader, ending):
        each.event(b"", data)
    assert (reader.is_finished, reader.parse_errors) == (False, 1)
    assert (ending.is_finished, ending.parse_errors) == (True, 0)


def test_a_reader_leaves_no_trace_in_the_next_one() -> None:
    one = Stumbling()
    one.event(b"", b"{}")
    one.error = one.response_id = "x"
    one.usage.input_tokens = 5
    assert one.is_truncated is one.is_complete is False
    fresh = Stumbling()
    assert (fresh.parse_errors, fresh.error, fresh.response_id, fresh.usage.input_tokens) == (0, None, None, None)


def test_a_very_large_reply_is_not_parsed_but_its_usage_is_found() -> None:
    big = encode({"data": ["x" * MAX_PARSED], "model": "m", "usage": {"prompt_tokens": 7, "total_tokens": 7}})
    reader = GenericReader(read_usage)
    reader.whole(big)
    assert (reader.usage.input_tokens, reader.is_complete, reader.parse_errors) == (7, True, 0)


def test_half_of_a_very_large_reply_is_not_complete() -> None:
    reader = GenericReader(read_usage)
    reader.whole(b'{"data":["' + b"x" * MAX_PARSED)
    assert not reader.is_complete
    assert reader.usage.is_empty


def test_usage_deep_inside_a_very_large_reply_is_not_taken() -> None:
    reader = GenericReader(read_usage)
    reader.whole(b'{"a":"' + b"x" * MAX_PARSED + b'","b":{"usage":{"prompt_tokens":7}}}')
    assert reader.usage.is_empty
    assert (reader.is_complete, reader.parse_errors) == (True, 1)


@pytest.mark.parametrize(
    "body", [b"WEBVTT\n", b"", b"{not json", b"\x00\x01", b'{"text":"x","usage":{"input_tokens":3}}']
)
def test_replies_that_need_not_be_json_are_complete_however_they_look(body: bytes) -> None:
    reader = GenericReader(read_usage, is_text=True)
    reader.whole(body)
    assert (reader.is_complete, reader.is_finished, reader.parse_errors) == (True, True, 0)
    assert reader.usage.input_tokens == (3 if b"usage" in body else None)


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b'{"a":1}}'])
def test_replies_that_must_be_json_are_not_complete_otherwise(body: bytes) -> None:
    reader = GenericReader(read_usage)
    reader.whole(body)
    assert not reader.is_complete
    assert reader.parse_errors == 1


def test_unread_replies_are_complete_and_cost_nothing() -> None:
    reader = OpaqueReader()
    reader.whole(b'{"error":{"code":null},"usage":{"prompt_tokens":5}}')
    reader.event(b"", b'{"usage":{"prompt_tokens":5}}')
    assert reader.usage.is_empty
    assert reader.error is None
    assert reader.is_complete


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({}, None),
        ({"error": None}, None),
        ({"error": {}}, None),
        ({"error": ""}, None),
        ({"error": "boom"}, "boom"),
        ({"error": {"message": "boom", "code": 5}}, "boom"),
        ({"error": {"message": "", "code": "E1"}}, "E1"),
        ({"error": {"type": "overloaded_error"}}, "overloaded_error"),
        ({"error": [1]}, "The backend reported a fault without words."),
        ({"error": True}, "The backend reported a fault without words."),
        ({"object": "error", "message": "boom"}, "boom"),
        ({"type": "error", "message": "boom", "code": None}, "boom"),
        ({"error": "x" * 10_000}, "x" * 4096),
    ],
)
def test_a_fault_is_told_in_the_backend_s_words(value: dict[str, Any], words: str | None) -> None:
    assert error_words(value) == words
