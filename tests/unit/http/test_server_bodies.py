"""Request bodies: read whole or streamed, asked for, refused, paced, broken off."""

import asyncio
from dataclasses import replace

import pytest
from tests.fixtures.http.valid import CHUNKED, GET
from tests.support.caller_wire import bench, replies, turns

from llmgateway.domain.errors import GatewayError
from llmgateway.http.limits import READ_AHEAD_BYTES, Limits
from llmgateway.http.server import Incoming

LIMITS = Limits()
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def post(length: int, extra: bytes = b"") -> bytes:
    return b"POST /v1/a HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n%b\r\n" % (length, extra)


CHUNKED_HEAD = b"POST /v1/a HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"


async def answer(incoming: Incoming, limit: int = 100_000) -> None:
    """Answer with the body, or with the code of what was wrong with it."""
    try:
        incoming.respond(200, b"", await incoming.read(limit))
    except GatewayError as error:
        incoming.respond(error.status, b"", error.code.encode())


class Sink:
    def __init__(self) -> None:
        self.heard: list[str] = []
        self.body = b""

    def data(self, piece: bytes) -> None:
        self.body += piece
        self.heard.append("data")

    def end(self) -> None:
        self.heard.append("end")

    def fail(self, error: GatewayError) -> None:
        self.heard.append(error.code)


async def test_a_body_in_pieces_is_put_together() -> None:
    async with bench(answer) as b:
        protocol, transport = b.connect()
        protocol.data_received(post(10) + b"01")
        await turns()
        protocol.data_received(b"2345")
        await turns()
        assert transport.sent == b""
        protocol.data_received(b"6789" + CHUNKED)
        await turns(10)
        assert [body for _, _, body in replies(transport.sent, "PP")] == [b"0123456789", b"hello 0123456789"]


async def test_a_body_that_trickles_does_not_take_many_times_its_size() -> None:
    async with bench(answer) as b:
        protocol, transport = b.connect()
        protocol.data_received(post(40_000))
        await turns()
        for at in range(40_000):
            protocol.data_received(b"%d" % (at % 10))
        assert len(b.seen[0].body._pieces) <= 4
        await turns()
        assert replies(transport.sent)[0][2] == b"0123456789" * 4_000


async def test_a_request_without_body_reads_empty() -> None:
    async with bench(answer) as b:
        protocol, transport = b.connect()
        protocol.data_received(GET)
        await turns()
        assert replies(transport.sent)[0][::2] == (200, b"")


async def test_100_continue_is_sent_when_the_body_is_asked_for_and_not_before() -> None:
    gate = asyncio.Event()

    async def handler(incoming: Incoming) -> None:
        assert incoming.expects_continue
        await gate.wait()
        await answer(incoming)

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(post(2, b"Expect: 100-Continue\r\n"))
        await turns()
        assert transport.sent == b""
        gate.set()
        await turns()
        assert transport.sent == CONTINUE
        protocol.data_received(b"hi")
        await turns()
        assert replies(transport.sent[len(CONTINUE) :])[0][2] == b"hi"


async def test_no_100_continue_where_the_answer_is_already_no() -> None:
    async def too_large(incoming: Incoming) -> None:
        await answer(incoming, 1)

    async def unread(incoming: Incoming) -> None:
        incoming.respond(401, b"", b"no")

    for handler in (too_large, unread):
        async with bench(handler) as b:
            protocol, transport = b.connect()
            protocol.data_received(post(2, b"Expect: 100-continue\r\n"))
            await turns()
            [(status, headers, _)] = replies(transport.sent)
            assert status in {401, 413}
            assert headers[b"connection"] == b"close"
            assert CONTINUE not in transport.sent


async def test_no_100_continue_once_the_body_has_begun_or_for_http10() -> None:
    async with bench(answer) as b:
        protocol, transport = b.connect()
        protocol.data_received(post(2, b"Expect: 100-continue\r\n") + b"h")
        await turns()
        old, old_transport = b.connect()
        old.data_received(b"POST /a HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        await turns()
        assert transport.sent == b"" and old_transport.sent == b""


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (post(100_001), b"payload_too_large"),
        (CHUNKED_HEAD + b"186a1\r\n" + b"x" * 100_001, b"payload_too_large"),
        (post(5, b"Content-Encoding: gzip\r\n"), b"unsupported_encoding"),
        (post(5, b"Content-Encoding: identity, br\r\n"), b"unsupported_encoding"),
        (CHUNKED_HEAD + b"5x\r\n", b"bad_request"),
        (CHUNKED_HEAD + b"1\r\nx\r\n" * 3_000, b"chunk_flood"),
    ],
)
async def test_a_bad_body_is_told_to_whoever_reads_it(sent: bytes, code: bytes) -> None:
    async with bench(answer) as b:
        protocol, transport = b.connect()
        for start in range(0, len(sent), 30_000):
            protocol.data_received(sent[start : start + 30_000])
            await turns()
        protocol.data_received(GET)
        await turns()
        [(_, headers, body)] = replies(transport.sent)
        assert (body, headers[b"connection"]) == (code, b"close")
        assert transport.is_half_closed
        assert len(b.seen) == 1


async def test_an_identity_encoding_and_an_encoding_without_body_are_nothing() -> None:
    async with bench(answer) as b:
        protocol, transport = b.connect()
        protocol.data_received(
            post(2, b"Content-Encoding: Identity\r\n") + b"hi" + post(0, b"Content-Encoding: gzip\r\n")
        )
        await turns(10)
        assert [status for status, _, _ in replies(transport.sent)] == [200, 200]


async def test_a_body_nobody_asks_for_is_read_ahead_only_so_far() -> None:
    gate = asyncio.Event()

    async def handler(incoming: Incoming) -> None:
        await gate.wait()
        await answer(incoming, 1_000_000)

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(post(900_000))
        for _ in range(9):
            if transport.is_reading:
                protocol.data_received(b"x" * 50_000)
        await turns()
        assert not transport.is_reading
        assert b.seen[0].body.size <= READ_AHEAD_BYTES + 50_000
        gate.set()
        await turns()
        assert transport.is_reading


async def test_an_unread_body_is_thrown_away_for_a_while_and_the_connection_closes() -> None:
    async def handler(incoming: Incoming) -> None:
        incoming.respond(401, b"", b"no")

    async with bench(handler, replace(LIMITS, linger_bytes=100_000)) as b:
        protocol, transport = b.connect()
        protocol.data_received(post(900_000))
        await turns()
        assert transport.is_half_closed and not transport.is_closed
        protocol.data_received(b"x" * 90_000)
        assert not transport.is_closed
        protocol.data_received(b"x" * 20_000)
        assert transport.is_closed
        protocol, transport = b.connect()
        protocol.data_received(post(900_000))
        await turns()
        await b.after(2.0)
        assert transport.is_closed


async def test_a_streamed_body_reaches_its_sink_as_it_comes() -> None:
    sink = Sink()

    async def handler(incoming: Incoming) -> None:
        if incoming.method == "POST":
            incoming.stream(100, sink)
        while "end" not in sink.heard:
            await asyncio.sleep(0)
        incoming.respond(200, b"", b"")

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(post(10) + b"01")
        await turns()
        assert sink.heard == ["data"]
        protocol.data_received(b"23456789" + GET)
        await turns()
        assert (sink.body, sink.heard) == (b"0123456789", ["data", "data", "end"])
        assert len(b.seen) == 2


async def test_a_streamed_body_that_is_here_comes_at_once() -> None:
    sink = Sink()

    async def handler(incoming: Incoming) -> None:
        incoming.stream(100, sink)
        assert sink.heard == ["data", "end"]
        incoming.respond(200, b"", b"")

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(post(2) + b"hi")
        await turns()
        assert replies(transport.sent)[0][0] == 200


@pytest.mark.parametrize(
    ("first", "later", "code"),
    [
        (post(101), b"", "payload_too_large"),
        (CHUNKED_HEAD, b"70\r\n" + b"x" * 112, "payload_too_large"),
        (post(1, b"Content-Encoding: zstd\r\n"), b"", "unsupported_encoding"),
        (CHUNKED_HEAD, b"zz\r\n", "bad_request"),
    ],
)
async def test_a_sink_hears_of_a_fault_once(first: bytes, later: bytes, code: str) -> None:
    sink = Sink()

    async def handler(incoming: Incoming) -> None:
        incoming.stream(100, sink)
        await asyncio.Event().wait()

    async with bench(handler) as b:
        protocol, _ = b.connect()
        protocol.data_received(first)
        await turns()
        if later:
            protocol.data_received(later)
            protocol.data_received(later)
        assert sink.heard == [code]


async def test_a_paused_body_stops_the_socket_and_resumes_where_it_was() -> None:
    class Slow(Sink):
        def data(self, piece: bytes) -> None:
            super().data(piece)
            if len(self.heard) == 1:
                b.seen[0].pause()

    sink = Slow()

    async def handler(incoming: Incoming) -> None:
        incoming.stream(1_000_000, sink)
        await asyncio.Event().wait()

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(post(300_000))
        await turns()
        protocol.data_received(b"x" * 200_000)
        assert len(sink.body) == 64 * 1024  # one slice: the rest waits
        assert not transport.is_reading
        await b.after(600)  # the caller's clock stands still
        assert sink.heard == ["data"]
        b.seen[0].resume()
        assert len(sink.body) == 200_000
        assert transport.is_reading
        protocol.data_received(b"x" * 100_000)
        assert len(sink.body) == 300_000
        assert sink.heard[-1] == "end"


async def test_resuming_inside_the_sink_keeps_the_order() -> None:
    class Fickle(Sink):
        def data(self, piece: bytes) -> None:
            b.seen[0].pause()
            b.seen[0].resume()
            super().data(piece)

    sink = Fickle()

    async def handler(incoming: Incoming) -> None:
        incoming.stream(1_000_000, sink)
        await asyncio.Event().wait()

    async with bench(handler) as b:
        protocol, transport = b.connect()
        body = b"".join(b"%06d" % n for n in range(40_000))
        protocol.data_received(post(240_000) + body)
        await turns()
        assert sink.body == body
        assert transport.is_reading


async def test_a_body_can_be_asked_for_once() -> None:
    async def handler(incoming: Incoming) -> None:
        body = await incoming.read(10)
        with pytest.raises(RuntimeError, match="once"):
            await incoming.read(10)
        incoming.respond(200, b"", body)

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(post(2) + b"hi")
        await turns()
        assert replies(transport.sent)[0][2] == b"hi"


async def test_a_request_lost_behind_a_chunked_body_ends_the_connection() -> None:
    async with bench(answer) as b:
        protocol, transport = b.connect()
        body = b"\r\n\r\n" * 1_000
        protocol.data_received(CHUNKED_HEAD + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n" + GET)
        await turns()
        [(status, headers, got)] = replies(transport.sent)
        assert (status, headers[b"connection"], got) == (200, b"close", body)
        assert transport.is_closed


async def test_a_reply_before_the_body_is_whole_ends_the_connection() -> None:
    sink = Sink()

    async def handler(incoming: Incoming) -> None:
        incoming.stream(100, sink)
        incoming.respond(500, b"", b"")

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(post(10) + b"01")
        await turns()
        protocol.data_received(b"23456789" + GET)
        await turns()
        assert replies(transport.sent)[0][1][b"connection"] == b"close"
        assert (sink.heard, len(b.seen)) == (["data"], 1)


@pytest.mark.parametrize("half_close", [True, False])
async def test_a_caller_that_leaves_in_the_middle_of_its_body_cancels_the_request(half_close: bool) -> None:
    ended: list[str] = []

    async def handler(incoming: Incoming) -> None:
        try:
            await incoming.read(100)
        except asyncio.CancelledError:
            assert incoming.left is not None
            ended.append(incoming.left.code)
            incoming.respond(499, b"", b"dropped")
            raise

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(post(10) + b"01")
        await turns()
        if half_close:
            protocol.eof_received()
        else:
            protocol.connection_lost(ConnectionResetError())
        await turns()
        assert ended == ["client_closed"]
        assert transport.sent == b""
        assert b.server.running == 0
