"""The request parser against h11, and against everything that must not get through."""

from dataclasses import replace

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.http.hostile import HOSTILE, SMUGGLED
from tests.fixtures.http.valid import CHUNKED, GET, POST, VALID

from llmgateway.domain.errors import GatewayError
from llmgateway.http.limits import Limits
from llmgateway.http.parsing import RequestParser

Seen = tuple[str, bytes, list[tuple[bytes, bytes]], bytes]
LIMITS = Limits()


def parsed(pieces: list[bytes], limits: Limits = LIMITS) -> tuple[list[Seen], str | None]:
    """Return the whole requests seen, and the code of the refusal that ended the connection."""
    parser = RequestParser(limits)
    seen: list[Seen] = []
    body = b""
    for piece in pieces:
        at = 0
        while at < len(piece):
            try:
                at = parser.feed(piece, at)
            except GatewayError as error:
                return seen, error.code
            body += parser.take()
            if parser.is_complete and parser.head is not None:
                head = parser.head
                seen.append((head.method, head.target, head.headers, body))
                body = b""
                if not head.is_persistent or parser.is_spoiled:
                    return seen, None
                parser.next_request()
    return seen, None


def seen_by_h11(sent: bytes) -> list[Seen]:
    server = h11.Connection(h11.SERVER, max_incomplete_event_size=65_536)
    server.receive_data(sent)
    seen: list[Seen] = []
    request, body = None, b""
    while True:
        event = server.next_event()
        if isinstance(event, h11.Request):
            request, body = event, b""
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            assert request is not None
            seen.append((request.method.decode(), request.target, list(request.headers), body))
            server.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
            server.send(h11.EndOfMessage())
            if server.our_state is h11.MUST_CLOSE:
                return seen
            server.start_next_cycle()
        else:
            return seen


def singly(sent: bytes) -> list[bytes]:
    return [sent[at : at + 1] for at in range(len(sent))]


def cut(sent: bytes, places: list[int]) -> list[bytes]:
    marks = [0, *sorted({place % (len(sent) + 1) for place in places}), len(sent)]
    return [sent[start:end] for start, end in zip(marks, marks[1:], strict=False)]


CUTS = st.lists(st.integers(min_value=0, max_value=100_000), max_size=12)


@pytest.mark.parametrize("name", VALID)
def test_sees_what_h11_sees_whole_and_byte_by_byte(name: str) -> None:
    sent = VALID[name]
    expected = seen_by_h11(sent)
    assert expected
    assert parsed([sent]) == (expected, None)
    assert parsed(singly(sent)) == (expected, None)


@given(name=st.sampled_from(sorted(VALID)), places=CUTS)
def test_sees_what_h11_sees_however_it_is_cut(name: str, places: list[int]) -> None:
    sent = VALID[name]
    assert parsed(cut(sent, places)) == (seen_by_h11(sent), None)


@given(names=st.lists(st.sampled_from(sorted(VALID)), min_size=2, max_size=6), places=CUTS)
def test_sees_what_h11_sees_in_any_order_of_requests(names: list[str], places: list[int]) -> None:
    sent = b"".join(VALID[name] for name in names)
    assert parsed(cut(sent, places)) == (seen_by_h11(sent), None)


@pytest.mark.parametrize("name", HOSTILE)
def test_refuses_what_is_hostile_and_reads_nothing_behind_it(name: str) -> None:
    sent = HOSTILE[name] + SMUGGLED
    for pieces in ([sent], singly(sent), [HOSTILE[name], SMUGGLED]):
        seen, code = parsed(pieces)
        assert not seen
        assert code is not None
    seen, code = parsed([POST + sent])
    assert [target for _, target, _, _ in seen] == [b"/v1/chat/completions"]
    assert code is not None


@given(name=st.sampled_from(sorted(HOSTILE)), places=CUTS)
def test_refuses_what_is_hostile_however_it_is_cut(name: str, places: list[int]) -> None:
    seen, code = parsed(cut(HOSTILE[name] + SMUGGLED, places))
    assert not seen
    assert code is not None


@given(st.binary(max_size=400))
def test_survives_any_bytes(sent: bytes) -> None:
    parsed([sent])
    parsed([POST[:-5], sent])
    parsed([CHUNKED[:-5], sent])


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("TRACE", "method_not_allowed"),
        ("CONNECT with a path", "method_not_allowed"),
        ("HTTP/0.9", "http_version"),
        ("HTTP/2.0", "http_version"),
        ("HTTP/1.2", "http_version"),
        ("h2 preface", "http_version"),
        ("expects the unknown", "expectation_failed"),
        ("long target", "uri_too_long"),
        ("target of 64 KiB", "uri_too_long"),
        ("200 headers", "headers_too_large"),
        ("long header line", "headers_too_large"),
        ("40 KiB of headers", "headers_too_large"),
        ("CL then TE", "bad_request"),
        ("absolute target", "bad_request"),
    ],
)
def test_names_the_fault(name: str, code: str) -> None:
    assert parsed([HOSTILE[name]]) == ([], code)


def test_no_refusal_quotes_the_request() -> None:
    parser = RequestParser(LIMITS)
    with pytest.raises(GatewayError) as caught:
        parser.feed(HOSTILE["NUL in value"], 0)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_stops_at_the_end_of_each_request() -> None:
    parser = RequestParser(LIMITS)
    sent = POST + GET
    at = parser.feed(sent, 0)
    assert parser.head is not None
    assert parser.is_complete
    assert sent[at:] == GET


@pytest.mark.parametrize("offer", [b"h2c", b"websocket"])  # behind the latter no request is looked for
@pytest.mark.parametrize(
    "framed",
    [b"Content-Length: 5\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
)
def test_ignores_an_offer_to_upgrade_and_still_reads_the_body(offer: bytes, framed: bytes) -> None:
    head = b"POST /v1/a HTTP/1.1\r\nHost: g\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: " + offer + b"\r\n"
    sent = head + framed + GET
    for pieces in ([sent], singly(sent)):
        seen, code = parsed(pieces)
        assert code is None
        followed = [("GET", b"/v1/models?limit=2", b"")] if offer == b"h2c" else []
        assert [(method, target, body) for method, target, _, body in seen] == [
            ("POST", b"/v1/a", b"hello"),
            *followed,
        ]


def test_ignores_an_offer_to_upgrade_without_a_body() -> None:
    sent = b"GET /v1/a HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + GET
    seen, code = parsed([sent])
    assert (len(seen), code) == (2, None)


def test_empty_lines_before_a_request_are_ignored() -> None:
    sent = b"\r\n\r\n\r\n" + GET + b"\r\n" + POST + b"\r\n\r\n" + GET
    for pieces in ([sent], singly(sent)):
        seen, code = parsed(pieces)
        assert ([method for method, *_ in seen], code) == (["GET", "POST", "GET"], None)


def test_empty_lines_before_a_request_are_bounded() -> None:
    parser = RequestParser(LIMITS)
    at, steps = 0, 0
    with pytest.raises(GatewayError, match="bad_request"):
        while True:
            at = parser.feed(b"\r\n" * 10_000, at)
            steps += 1
    assert steps < 40


def test_header_bytes_are_counted_while_they_trickle_in() -> None:
    limits = replace(LIMITS, max_header_bytes=1_000)
    parser = RequestParser(limits)
    parser.feed(b"GET / HTTP/1.1\r\nX: ", 0)
    fed = 19
    with pytest.raises(GatewayError, match="headers_too_large"):
        for fed in range(20, 2_000):
            parser.feed(b"y", 0)
    assert fed == 1_001


def test_tiny_chunks_are_a_flood_after_the_first_two_thousand() -> None:
    head = b"POST /v1/a HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert parsed([head + b"1\r\nx\r\n" * 2_000 + b"0\r\n\r\n"])[1] == "chunk_flood"  # the last chunk counts
    assert parsed([head + b"1\r\nx\r\n" * 1_999 + b"0\r\n\r\n"])[1] is None
    assert parsed([head + b"10\r\n" + b"x" * 16 + b"\r\n" + b"1\r\nx\r\n" * 3_000])[1] == "chunk_flood"
    sixteen = head + (b"10\r\n" + b"x" * 16 + b"\r\n") * 5_000 + b"0\r\n\r\n"
    for size in (len(sixteen), 997):
        seen, code = parsed([sixteen[at : at + size] for at in range(0, len(sixteen), size)])
        assert (len(seen), code) == (1, None)


def test_a_flood_is_noticed_within_one_slice() -> None:
    parser = RequestParser(LIMITS)
    sent = b"POST /v1/a HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 40_000
    at = parser.feed(sent, 0)
    taken = 0
    with pytest.raises(GatewayError, match="chunk_flood"):
        while True:
            at = parser.feed(sent, at)
            taken += len(parser.take())
    assert taken < 3_000


def test_many_empty_lines_in_chunks_cost_the_request_behind_not_this_one() -> None:
    head = b"POST /v1/a HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"\r\n\r\n" * 1_000
    seen, code = parsed([head + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n" + GET])
    assert code is None
    assert [found[3] for found in seen] == [body]


def test_a_large_body_comes_in_slices() -> None:
    parser = RequestParser(LIMITS)
    sent = b"POST /v1/a HTTP/1.1\r\nHost: g\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000
    at = parser.feed(sent, 0)
    assert len(parser.take()) == 64 * 1024
    assert parser.feed(sent, at) - at == 64 * 1024
