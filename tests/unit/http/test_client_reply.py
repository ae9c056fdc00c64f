"""Replies from bytes to facts, whole, byte by byte and cut anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.http.client_reply import MAX_BARREN_BYTES, MAX_HEAD_BYTES, MAX_HEADERS, MAX_INTERIM, ReplyParser
from llmgateway.http.messages import block, lines

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def read(*pieces: bytes, is_head: bool = False, parser: ReplyParser | None = None) -> ReplyParser:
    parser = parser or ReplyParser()
    parser.begin(is_head=is_head)
    for piece in pieces:
        if not parser.is_complete and parser.fault is None:
            parser.feed(piece)
    return parser


def facts(parser: ReplyParser) -> tuple:
    fault = parser.fault.code if parser.fault else None
    head = (parser.status, parser.headers, parser.is_delimited) if parser.is_head_complete else None
    return head, b"".join(parser.body), parser.is_complete, fault


def test_a_reply_with_a_length_is_read():
    parser = read(OK + b"Content-Type:  a/b \t\r\nX-Empty:\r\nCONTENT-LENGTH: 2\r\n\r\nhi")
    headers = [(b"content-type", b"a/b"), (b"x-empty", b""), (b"content-length", b"2")]
    assert facts(parser) == ((200, headers, True), b"hi", True, None)
    assert parser.is_reusable


def test_a_chunked_reply_is_read_without_extensions_and_trailers():
    parser = read(CHUNKED + b"2;x=y\r\nhi\r\n1\r\n!\r\n0\r\nX-Trailer: v\r\n\r\n")
    assert facts(parser) == ((200, [(b"transfer-encoding", b"chunked")], True), b"hi!", True, None)
    assert parser.is_reusable


def test_a_reply_that_only_the_connections_end_delimits_never_completes_by_itself():
    parser = read(OK + b"\r\nhi")
    assert facts(parser) == ((200, [], False), b"hi", False, None)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_a_status_without_body_ends_with_its_head(status):
    parser = read(b"HTTP/1.1 " + status + b"\r\nContent-Length: 5\r\n\r\n")
    assert parser.is_complete
    assert parser.is_delimited
    assert parser.is_reusable


def test_a_reply_to_head_ends_with_its_head_and_its_connection_is_not_used_again():
    parser = read(OK + b"Content-Length: 5\r\n\r\n", is_head=True)
    assert parser.is_complete
    assert parser.is_delimited
    assert not parser.is_reusable


def test_a_body_that_follows_a_reply_to_head_is_nobodys():
    parser = read(OK + b"Content-Length: 5\r\n\r\nhello", is_head=True)
    assert facts(parser) == ((200, [(b"content-length", b"5")], True), b"", True, None)
    assert not parser.is_reusable


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.0 200 OK\r\n",
        OK + b"Connection: close\r\n",
        OK + b"Connection: x, CLOSE\r\n",
        OK + b"Connection: keep-alive\r\nConnection: close\r\n",
    ],
)
def test_a_backend_that_wants_to_close_is_not_used_again(head):
    parser = read(head + b"Content-Length: 2\r\n\r\nhi")
    assert facts(parser)[1:] == (b"hi", True, None)
    assert not parser.is_reusable


@pytest.mark.parametrize("extra", [b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad", b"\0", b"H"])
@pytest.mark.parametrize(
    "whole", [OK + b"Content-Length: 2\r\n\r\nhi", CHUNKED + b"2\r\nhi\r\n0\r\n\r\n", b"HTTP/1.1 204 N\r\n\r\n"]
)
def test_bytes_after_the_end_change_nothing_but_that_the_connection_is_not_used_again(whole, extra):
    parser = read(whole + extra)
    assert facts(parser) == facts(read(whole))
    assert parser.is_complete
    assert not parser.is_reusable


def test_interim_replies_are_swallowed_up_to_the_bound():
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\nContent-Length: 3\r\n\r\n"
    final = OK + b"Content-Length: 2\r\n\r\nhi"
    assert facts(read(interim * MAX_INTERIM + final)) == facts(read(final))
    assert facts(read(interim * (MAX_INTERIM + 1) + final)) == (None, b"", False, "upstream_protocol")


def test_what_an_interim_reply_says_of_its_length_says_nothing_of_the_final_one():
    parser = read(b"HTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\n\r\n" + OK + b"\r\nhi")
    assert facts(parser) == ((200, [], False), b"hi", False, None)


def test_each_head_may_have_its_number_of_headers():
    lines = b"X: y\r\n" * (MAX_HEADERS - 1)
    assert read(b"HTTP/1.1 103 E\r\n" + lines + b"\r\n" + OK + lines + b"Content-Length: 0\r\n\r\n").is_complete


def test_interim_replies_are_no_beginning():
    parser = read(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert not parser.has_begun
    parser.feed(b"H")
    assert parser.has_begun


def test_a_parser_reads_one_reply_after_another():
    parser = read(OK + b"Content-Length: 2\r\n\r\nhi")
    again = read(CHUNKED + b"1\r\n!\r\n0\r\n\r\n", parser=parser)
    assert facts(again)[1:] == (b"!", True, None)


BAD = {
    "no HTTP": b"SSH-2.0-x\r\n",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "status 99": b"HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n",
    "status 101": b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
    "bare status 101": b"HTTP/1.1 101 Switching\r\n\r\n",
    "status 600": b"HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n",
    "status 999": b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n",
    "status of letters": b"HTTP/1.1 abc X\r\nContent-Length: 0\r\n\r\n",
    "NUL in a value": OK + b"X: a\0b\r\nContent-Length: 0\r\n\r\n",
    "CR in a value": OK + b"X: a\rb\r\nContent-Length: 0\r\n\r\n",
    "control in a value": OK + b"X: a\x01b\r\nContent-Length: 0\r\n\r\n",
    "DEL in a value": OK + b"X: a\x7fb\r\nContent-Length: 0\r\n\r\n",
    "folded line": OK + b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "empty name": OK + b": a\r\nContent-Length: 0\r\n\r\n",
    "space before the colon": OK + b"X : a\r\nContent-Length: 0\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "two equal lengths": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
    "list of lengths": OK + b"Content-Length: 2, 2\r\n\r\nhi",
    "signed length": OK + b"Content-Length: +2\r\n\r\nhi",
    "negative length": OK + b"Content-Length: -2\r\n\r\nhi",
    "empty length": OK + b"Content-Length: \r\n\r\n",
    "length too large": OK + b"Content-Length: 99999999999999999999\r\n\r\n",
    "length and chunked": OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    "other transfer encoding": OK + b"Transfer-Encoding: gzip\r\n\r\nx",
    "two transfer encodings": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "almost chunked": OK + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "hexadecimal prefix in a chunk's size": CHUNKED + b"0x2\r\nhi\r\n0\r\n\r\n",
    "negative chunk": CHUNKED + b"-2\r\nhi\r\n0\r\n\r\n",
    "huge chunk": CHUNKED + b"fffffffffffffffff\r\nhi",
    "bare LF after a chunk's size": CHUNKED + b"2\nhi\r\n0\r\n\r\n",
    "chunk longer than its size": CHUNKED + b"2\r\nhiho\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("wire", BAD.values(), ids=BAD)
def test_what_is_not_valid_http_is_a_fault_whole_and_byte_by_byte(wire):
    whole = read(wire)
    bytewise = read(*[wire[i : i + 1] for i in range(len(wire))])
    assert facts(whole)[2:] == (False, "upstream_protocol")
    assert facts(bytewise) == facts(whole)
    assert not whole.is_reusable


GOOD = {
    "length": OK + b"Content-Type: a/b\r\nContent-Length: 12\r\n\r\nHello, world",
    "chunked": CHUNKED + b"5\r\nHello\r\n7;ext=1\r\n, world\r\n0\r\nTrailer: x\r\n\r\n",
    "interim first": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\nLink: a\r\n\r\n"
    + OK
    + b"Content-Length: 1\r\n\r\n!",
    "until the end": OK + b"X: \xff\r\n\r\nHello",
    "no content": b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n",
    "old": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
}


@pytest.mark.parametrize("wire", GOOD.values(), ids=GOOD)
def test_a_reply_reads_the_same_split_at_every_offset(wire):
    whole = read(wire)
    assert whole.fault is None
    for offset in range(1, len(wire)):
        assert facts(read(wire[:offset], wire[offset:])) == facts(whole)
    assert facts(read(*[wire[i : i + 1] for i in range(len(wire))])) == facts(whole)


@given(st.sampled_from([*GOOD.values(), *BAD.values()]), st.lists(st.integers(0, 200), max_size=12))
def test_a_reply_reads_the_same_at_random_cuts(wire, cuts):
    offsets = [0, *sorted(cut for cut in cuts if cut < len(wire)), len(wire)]
    pieces = [wire[start:end] for start, end in zip(offsets, offsets[1:], strict=False)]
    assert facts(read(*pieces)) == facts(read(wire))


@given(st.lists(st.binary(max_size=20), max_size=4))
def test_whatever_a_backend_says_can_be_said_to_a_caller_unchecked(values):
    fields = [b"X-%d:" % number + value + b"\r\n" for number, value in enumerate(values)]
    parser = read(OK + b"".join(fields) + b"\r\n")
    if parser.is_head_complete:
        assert lines(parser.headers) == block(parser.headers)


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_make_the_parser_raise(junk, has_head):
    parser = read(CHUNKED + junk if has_head else junk)
    assert parser.fault is None or parser.fault.code == "upstream_protocol"


def head_of(size: int) -> bytes:
    start, end = OK + b"X: ", b"\r\nContent-Length: 0\r\n\r\n"
    return start + b"a" * (size - len(start) - len(end)) + end


@pytest.mark.parametrize("step", [1, 1000, MAX_HEAD_BYTES * 3])
def test_a_head_may_have_its_limit_and_not_a_byte_more_however_it_is_cut(step):
    for size, is_fine in [(MAX_HEAD_BYTES, True), (MAX_HEAD_BYTES + 1, False)]:
        wire = head_of(size)
        assert len(wire) == size
        parser = read(*[wire[i : i + step] for i in range(0, size, step)])
        assert (parser.is_complete, parser.fault is None) == (is_fine, is_fine)


def test_interim_heads_count_against_the_same_limit():
    interim = b"HTTP/1.1 103 E\r\nX: " + b"a" * 20_000 + b"\r\n\r\n"
    assert read(interim + OK + b"Content-Length: 0\r\n\r\n").is_complete
    assert read(interim * 2 + OK + b"Content-Length: 0\r\n\r\n").fault is not None


def test_a_body_in_the_same_read_does_not_count_as_head():
    body = b"x" * (MAX_HEAD_BYTES * 2)
    parser = read(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert facts(parser)[1:] == (body, True, None)


@pytest.mark.parametrize(("count", "is_fine"), [(MAX_HEADERS - 1, True), (MAX_HEADERS, False)])
def test_headers_are_counted(count, is_fine):
    parser = read(OK + b"X: y\r\n" * count + b"Content-Length: 0\r\n\r\n")
    assert (parser.fault is None) is is_fine


def test_a_long_head_leaves_the_framing_after_it_its_own_room():
    head = OK + b"X: " + b"a" * (MAX_HEAD_BYTES - 1000) + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    parser = read(head[:-1], head[-1:], b"1;" + b"x" * 2000, b"\r\n!")
    assert facts(parser)[1:] == (b"!", False, None)


def test_trailers_are_counted_and_bounded_in_bytes():
    many = CHUNKED + b"0\r\n" + b"X: y\r\n" * (MAX_HEADERS + 1) + b"\r\n"
    assert read(many).fault is not None
    endless = read(CHUNKED + b"0\r\nX: ", *[b"y" * 1000] * (MAX_BARREN_BYTES // 1000 + 1))
    assert endless.fault is not None


def test_chunk_extensions_are_bounded():
    parser = read(CHUNKED + b"1;", *[b"y" * 1000] * (MAX_BARREN_BYTES // 1000 + 1))
    assert parser.fault is not None


def test_body_between_keeps_framing_from_adding_up():
    parser = ReplyParser()
    parser.begin(is_head=False)
    parser.feed(CHUNKED)
    for _ in range(MAX_BARREN_BYTES):
        for piece in (b"1\r\n", b"x", b"\r\n"):
            parser.feed(piece)
            parser.body.clear()
        assert parser.fault is None
