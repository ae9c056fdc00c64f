"""Heads that come again: what is recognised means what it meant, and nothing else is recognised."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.http.valid import CHUNKED, GET, POST

from llmgateway.domain.errors import GatewayError
from llmgateway.http.heads import RequestHead
from llmgateway.http.limits import Limits
from llmgateway.http.parsing import RequestParser
from llmgateway.http.repeat import MAX_BYTES, RepeatedHead

LIMITS = Limits()
BEFORE = b"POST /v1/chat?x=1 HTTP/1.1\r\nHost: g\r\nX-Five: 5\r\nContent-Length:\t "
AFTER = b" \r\nAuthorization: Bearer k\r\nX-Five: 6\r\n\r\n"


def head_of(raw: bytes) -> RequestHead:
    parser = RequestParser(LIMITS)
    parser.feed(raw, 0)
    assert parser.head is not None
    return parser.head


def kept(raw: bytes) -> RepeatedHead | None:
    return RepeatedHead.of(raw, head_of(raw))


def read(pieces: list[bytes], limits: Limits = LIMITS) -> list[tuple[RequestHead, bytes] | str]:
    """Return the requests that one connection sees in `pieces`, and the code of the refusal that ended it."""
    parser = RequestParser(limits)
    seen: list[tuple[RequestHead, bytes] | str] = []
    body = b""
    for piece in pieces:
        at = 0
        while at < len(piece):
            try:
                at = parser.feed(piece, at)
            except GatewayError as error:
                return [*seen, error.code]
            body += parser.take()
            if parser.is_complete and parser.head is not None:
                seen.append((parser.head, body))
                body = b""
                parser.next_request()
    return seen


@pytest.mark.parametrize("digits", [b"5", b"0", b"7", b"123456", b"0005", b"9" * 18])
def test_a_head_is_recognised_whatever_its_length_says(digits: bytes) -> None:
    repeated = kept(BEFORE + b"5" + AFTER)
    assert repeated is not None
    assert repeated.match(BEFORE + digits + AFTER) == head_of(BEFORE + digits + AFTER)


@pytest.mark.parametrize(
    "digits", [b"", b"-1", b"+1", b"1 1", b"1,1", b"0x1", b"1_0", b"9" * 19, b"\xb2", b"1\r\nHost: h", b"5\r\n\r\n"]
)
def test_what_is_no_plain_number_is_left_to_the_parser(digits: bytes) -> None:
    repeated = kept(BEFORE + b"5" + AFTER)
    assert repeated is not None
    assert repeated.match(BEFORE + digits + AFTER) is None


@given(st.integers(min_value=0), st.integers(0, 255))
def test_a_head_that_differs_in_any_other_byte_is_not_recognised(at: int, byte: int) -> None:
    raw = BEFORE + b"5" + AFTER
    repeated = kept(raw)
    assert repeated is not None
    at %= len(raw)
    other = raw[:at] + bytes([byte]) + raw[at + 1 :]
    if at == len(BEFORE) and bytes([byte]).isdigit():
        assert repeated.match(other) is not None
    else:
        assert (repeated.match(other) is not None) == (other == raw)
    assert repeated.match(raw[:at]) is None


def test_a_head_without_length_is_recognised_as_a_whole() -> None:
    repeated = kept(GET)
    assert repeated is not None
    assert repeated.match(GET) == head_of(GET)
    assert repeated.match(GET[:-2] + b"Content-Length: 5\r\n\r\n") is None


def test_the_overlap_of_a_heads_parts_is_no_head() -> None:
    raw = b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 1\r\nX: \r\nContent-Length-2: \r\n\r\n"
    repeated = kept(raw)
    assert repeated is not None
    assert repeated.match(raw.replace(b" 1\r\nX: \r\nContent-Length-2:", b"")) is None


@pytest.mark.parametrize(
    "raw",
    [
        CHUNKED[: CHUNKED.index(b"\r\n\r\n") + 4],
        GET[:-2] + b"Connection: close\r\n\r\n",
        GET[:-2] + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        GET[:-2] + b"X: " + b"y" * MAX_BYTES + b"\r\n\r\n",
    ],
)
def test_only_small_ordinary_heads_are_kept(raw: bytes) -> None:
    assert kept(raw) is None


LENGTHS = st.sampled_from([b"0", b"1", b"3", b"003", b"20", b"+3", b"3, 3", b"", b"99999999999999999999"])
NAMES = st.sampled_from([b"Content-Length", b"content-length", b"X-Length"])


@given(st.lists(st.tuples(NAMES, LENGTHS), max_size=8), st.lists(st.integers(0, 2_000), max_size=8))
def test_a_connection_with_a_past_reads_as_one_without(requests: list[tuple[bytes, bytes]], places: list[int]) -> None:
    sent: list[bytes] = []
    expected: list[tuple[RequestHead, bytes] | str] = []
    for name, digits in requests:
        body = b"x" * int(digits) if name != b"X-Length" and digits in {b"0", b"1", b"3", b"003", b"20"} else b""
        sent.append(b"POST /v1/a HTTP/1.1\r\nHost: g\r\n" + name + b": " + digits + b"\r\n\r\n" + body)
        expected += read(sent[-1:])
        if isinstance(expected[-1], str):
            break
    wire = b"".join(sent)
    marks = [0, *sorted({place % (len(wire) + 1) for place in places}), len(wire)]
    assert read([wire[start:end] for start, end in zip(marks, marks[1:], strict=False)]) == expected


def test_a_body_behind_a_recognised_head_may_come_in_pieces_and_is_sliced() -> None:
    raw = POST[: POST.index(b"\r\n\r\n") + 4].replace(b"13", b"300000")
    body = bytes(range(256)) * 1_171 + b"x" * 224
    assert len(body) == 300_000
    wire = POST + raw + body + GET
    for cut in (len(POST) + 3, len(POST) + len(raw), len(POST) + len(raw) + 1, len(wire) - 10):
        assert [found[1] for found in read([wire[:cut], wire[cut:]]) if not isinstance(found, str)] == [
            POST[-13:],
            body,
            b"",
        ]
    parser = RequestParser(LIMITS)
    parser.feed(POST, 0)
    parser.take()
    parser.next_request()
    parser.feed(raw + body, 0)
    assert len(parser.take()) == 64 * 1024


def test_a_recognised_head_is_held_to_the_size_limit() -> None:
    raw = BEFORE + b"5" + AFTER
    limits = replace(LIMITS, max_header_bytes=len(raw) + 1)
    body = b"x" * 5
    assert len(read([raw + body, BEFORE + b"05" + AFTER + body], limits)) == 2
    assert read([raw + body, BEFORE + b"005" + AFTER + body], limits)[1] == "headers_too_large"


def test_a_caller_whose_heads_never_repeat_is_not_compared_for_ever() -> None:
    parser = RequestParser(LIMITS)
    for number in range(20):
        parser.feed(GET[:-2] + b"Traceparent: %d\r\n\r\n" % number, 0)
        parser.next_request()
    repeated = parser._repeated
    assert repeated is not None
    assert repeated.head.fields[b"traceparent"] == b"7"
    parser.feed(GET[:-2] + b"Traceparent: 7\r\n\r\n", 0)
    assert parser.head is repeated.head
