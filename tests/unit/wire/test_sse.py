"""The decoder against a slow, plain reading of the WHATWG rules, fed whole, byte by byte and at random cuts."""

import re
import time
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgateway.wire.sse import MAX_EVENT_BYTES, SseDecoder

Plain = list[tuple[bytes, bytes]]


def reference(stream: bytes) -> Plain:
    """The standard, read literally and over the whole stream at once."""
    if stream.startswith(b"\xef\xbb\xbf"):
        stream = stream[3:]
    events: Plain = []
    name, values = b"", []
    lines = re.split(rb"\r\n|\r|\n", stream)
    for line in lines[:-1]:  # what follows the last line end is no line yet
        if not line:
            if values:
                events.append((name, b"\n".join(values)))
            name, values = b"", []
            continue
        field, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if field == b"data":
            values.append(value)
        elif field == b"event":
            name = value
    return events


def fed(decoder: SseDecoder, chunks: Iterable[bytes]) -> Plain:
    return [(name, value) for chunk in chunks for name, value, _ in decoder.feed(chunk)]


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[a:b] for a, b in zip(edges, edges[1:], strict=False)]


def singles(stream: bytes) -> list[bytes]:
    return [stream[i : i + 1] for i in range(len(stream))]


CASES = {
    "usual": (b'data: {"a":1}\n\ndata: {"b":2}\n\n', [(b"", b'{"a":1}'), (b"", b'{"b":2}')]),
    "named": (b"event: ping\ndata: {}\n\n", [(b"ping", b"{}")]),
    "crlf": (b"event: e\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n", [(b"e", b"1"), (b"", b"2")]),
    "cr": (b"data: 1\r\rdata: 2\r\r", [(b"", b"1"), (b"", b"2")]),
    "mixed": (b"data: 1\r\n\ndata: 2\n\r\ndata: 3\r\n\r", [(b"", b"1"), (b"", b"2"), (b"", b"3")]),
    "no_space": (b"data:1\n\n", [(b"", b"1")]),
    "two_spaces": (b"data:  1\n\n", [(b"", b" 1")]),
    "many_lines": (b"data: a\ndata:\ndata: b\n\n", [(b"", b"a\n\nb")]),
    "bare_field": (b"data\n\n", [(b"", b"")]),
    "comments": (b": hi\n\n:\n: ping\ndata: 1\n: in\n\n", [(b"", b"1")]),
    "id_retry_unknown": (b"id: 7\nretry: 10\nfoo: bar\nfoo\ndata: 1\n\n", [(b"", b"1")]),
    "case_matters": (b"Data: 1\n\ndata : 2\n\n", []),
    "name_without_data": (b"event: a\n\ndata: 1\n\n", [(b"", b"1")]),
    "last_name_wins": (b"event: a\nevent: b\ndata: 1\nevent: c\n\n", [(b"c", b"1")]),
    "empty_name": (b"event: \r\ndata: 1\r\n\r\n", [(b"", b"1")]),
    "bom": (b"\xef\xbb\xbfdata: 1\n\n", [(b"", b"1")]),
    "bom_later": (b"data: 1\n\n\xef\xbb\xbfdata: 2\n\n", [(b"", b"1")]),
    "half_bom": (b"\xef\xbbdata: 1\n\ndata: 2\n\n", [(b"", b"2")]),
    "blank_lines": (b"\n\n\n\ndata: 1\n\n\n\n", [(b"", b"1")]),
    "unfinished": (b"data: 1\n\ndata: 2\n", [(b"", b"1")]),
    "cut_name": (b"data: 1\n\nevent: x", [(b"", b"1")]),
    "unicode_is_no_line_end": (
        "data: a\u2028b\u2029c\x85d\x0be\x0cf\u00e9\U0001f600\n\n".encode(),
        [(b"", "a\u2028b\u2029c\x85d\x0be\x0cf\u00e9\U0001f600".encode())],
    ),
    "crlf_around_a_lone_lf": (b"data: 1\ndata: 2\r\n\r\n", [(b"", b"1\n2")]),
    "crlf_around_a_lone_cr": (b"data: 1\rdata: 2\r\n\r\n", [(b"", b"1\n2")]),
}


@pytest.mark.parametrize("case", CASES)
def test_every_form_of_stream_gives_the_same_events_however_it_arrives(case: str) -> None:
    stream, expected = CASES[case]
    assert reference(stream) == expected
    assert fed(SseDecoder(), [stream]) == expected
    assert fed(SseDecoder(), singles(stream)) == expected
    for at in range(len(stream) + 1):
        assert fed(SseDecoder(), [stream[:at], stream[at:]]) == expected


FRAGMENTS = [b"data: x", b"data:", b"data", b"event: n", b"event: ", b": c", b"id: 1", b"a", b" ", b":"]
FRAGMENTS += [b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\xef", b"data: {}\n\n"]
streams = st.lists(st.sampled_from(FRAGMENTS), max_size=30).map(b"".join)


@settings(max_examples=500, deadline=None)
@given(streams, st.lists(st.integers(0, 200), max_size=8))
def test_random_streams_at_random_cuts_agree_with_the_standard(stream: bytes, places: list[int]) -> None:
    expected = reference(stream)
    assert fed(SseDecoder(), [stream]) == expected
    assert fed(SseDecoder(), singles(stream)) == expected
    assert fed(SseDecoder(), cut(stream, places)) == expected


@settings(max_examples=300, deadline=None)
@given(streams, st.lists(st.integers(0, 200), max_size=8))
def test_a_stream_may_be_cut_at_the_end_of_any_event(stream: bytes, places: list[int]) -> None:
    decoder, sofar = SseDecoder(), b""
    seen = 0
    for chunk in cut(stream, places):
        for _, _, end in decoder.feed(chunk):
            seen += 1
            assert 0 <= end <= len(chunk)
            assert len(reference(sofar + chunk[:end])) == seen
        sofar += chunk
        assert (decoder.pending is None) == (decoder.closing == b"")


@settings(max_examples=300, deadline=None)
@given(streams, st.lists(st.integers(0, 200), max_size=8))
def test_finish_gives_what_the_closing_bytes_would_have_given(stream: bytes, places: list[int]) -> None:
    decoder = SseDecoder()
    whole = fed(decoder, cut(stream, places))
    pending, closing = decoder.pending, decoder.closing
    last = decoder.finish()
    assert reference(stream + closing) == whole + ([] if last is None else [last[:2]])
    if last is not None:
        assert pending == last[1]
    assert decoder.pending is None
    assert decoder.finish() is None


def test_done_without_its_blank_line_is_found_at_the_end() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: [DONE]") == []
    assert (decoder.pending, decoder.closing) == (b"[DONE]", b"\n\n")
    assert decoder.finish() == (b"", b"[DONE]", 0)


def test_closing_asks_for_one_line_end_where_the_line_has_ended() -> None:
    decoder = SseDecoder()
    decoder.feed(b"data: 1\n")
    assert decoder.closing == b"\n"
    decoder.feed(b"data: 2\r")
    assert decoder.closing == b"\n\n"  # the first LF belongs to the CR


def test_offsets_point_behind_the_blank_line() -> None:
    decoder = SseDecoder()
    decoder.feed(b"data: ")
    first, second = decoder.feed(b"1\n\n: c\n\ndata: 2\r\n\r\nrest")
    assert first == (b"", b"1", 3)
    assert second == (b"", b"2", 19)


def test_ids_are_noticed() -> None:
    decoder = SseDecoder()
    decoder.feed(b"data: id: 3\n\n: id: 3\n\n")
    assert not decoder.has_ids
    decoder.feed(b"id: 3\ndata: x\n\n")
    assert decoder.has_ids


@pytest.mark.parametrize("size", [1_000, 65_536, 64 * 1024 * 1024])
def test_an_overlong_event_is_dropped_and_counted_and_the_next_one_is_read(size: int) -> None:
    decoder = SseDecoder()
    body = b"event: big\ndata: " + b"x" * (20 * 1024 * 1024) + b"\n\ndata: 1\n\n"
    chunks = (body[i : i + size] for i in range(0, len(body), size))
    assert fed(decoder, chunks) == [(b"big", b""), (b"", b"1")]
    assert decoder.overlong == 1
    assert decoder.pending is None


def test_memory_of_an_endless_line_stays_below_the_limit() -> None:
    decoder = SseDecoder(limit=1_000)
    for _ in range(100):
        decoder.feed(b"data: " + b"x" * 100)
    assert len(decoder.pending or b"") < 1_000
    assert fed(decoder, [b"\n", b"\n", b"data: 1\n\n"]) == [(b"", b""), (b"", b"1")]


def test_memory_of_endless_short_lines_stays_below_the_limit() -> None:
    decoder = SseDecoder(limit=10_000)
    for _ in range(1_000):
        decoder.feed(b"data\n" * 10)
    assert len(decoder._data) < 300
    assert fed(decoder, [b"\n"]) == [(b"", b"")]
    assert decoder.overlong == 1


def test_an_event_just_below_the_limit_is_kept() -> None:
    value = b"x" * (MAX_EVENT_BYTES - 100)
    assert fed(SseDecoder(), [b"data: ", value, b"\n\n"]) == [(b"", value)]


@pytest.mark.parametrize("unit", [b"\r", b"\r\n", b"\r\r", b"data: x\r\r", b"data:\r\n\r\n", b"data: x\n\n\r", b"d\n"])
def test_time_grows_with_the_stream_and_not_with_its_square(unit: bytes) -> None:
    stream = unit * (256 * 1024 // len(unit))
    started = time.process_time()
    SseDecoder().feed(stream)
    assert time.process_time() - started < 2.0


def test_one_early_cr_does_not_make_a_large_chunk_slow() -> None:
    events = b"data: x\n\n" * (2 * 1024 * 1024 // 9)
    started = time.process_time()
    assert len(SseDecoder().feed(b": c\r\n" + events)) == len(events) // 9
    assert time.process_time() - started < 4.0
