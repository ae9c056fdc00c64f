"""Requests in, replies out, over a fake transport: keep-alive, pipelining, framing, faults of the handler, drain."""

import asyncio
from dataclasses import replace

import pytest
from tests.fixtures.http.hostile import HOSTILE, SMUGGLED
from tests.fixtures.http.valid import CHUNKED, GET, POST
from tests.support.caller_wire import JSON, bench, replies, turns

from llmgateway.http.limits import Limits
from llmgateway.http.server import Incoming

LIMITS = Limits()


async def echo(incoming: Incoming) -> None:
    body = await incoming.read(1_000_000)
    incoming.respond(200, JSON, incoming.target + b" " + body)


async def test_answers_a_request_that_comes_in_one_read() -> None:
    async with bench(echo) as b:
        protocol, transport = b.connect()
        protocol.data_received(POST)
        await turns()
        [(status, headers, body)] = replies(transport.sent)
        assert (status, body) == (200, b'/v1/chat/completions {"model":"m"}')
        assert headers[b"content-type"] == b"application/json"
        assert headers[b"date"] == b"Tue, 14 Nov 2023 22:13:20 GMT"
        assert b"server" not in headers and b"connection" not in headers
        assert not transport.is_closed


async def test_says_what_was_asked() -> None:
    async with bench(echo) as b:
        protocol, _ = b.connect(peer="198.51.100.7", is_tls=True)
        protocol.data_received(
            b"POST /v1/%2e%2e/a//b?x=%20&y HTTP/1.1\r\nHost: g\r\nX-One: 1\r\nx-one: 2\r\nContent-Length: 2\r\n\r\nhi"
        )
        [seen] = b.seen or (await turns(), b.seen)[1]
        assert (seen.method, seen.path, seen.query) == ("POST", "/v1/%2e%2e/a//b", b"?x=%20&y")
        assert (seen.peer, seen.is_tls, seen.content_length, seen.has_body) == ("198.51.100.7", True, 2, True)
        assert seen.header(b"x-one") == b"1"
        assert seen.header(b"x-two") is None
        assert repr(seen) == "<Incoming POST '/v1/%2e%2e/a//b' over>"


async def test_pipelined_requests_are_answered_in_order_one_at_a_time() -> None:
    gates = [asyncio.Event() for _ in range(3)]

    async def handler(incoming: Incoming) -> None:
        await gates[len(b.seen) - 1].wait()
        await echo(incoming)

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(GET + POST + CHUNKED)
        gates[2].set()
        gates[1].set()
        await turns()
        assert len(b.seen) == 1 and transport.sent == b""
        gates[0].set()
        await turns(20)
        assert [body.split()[0] for _, _, body in replies(transport.sent, "GPP")] == [
            b"/v1/models?limit=2",
            b"/v1/chat/completions",
            b"/v1/files",
        ]


async def test_a_thousand_pipelined_requests_wait_as_bytes_and_reading_stops() -> None:
    gate = asyncio.Event()

    async def handler(incoming: Incoming) -> None:
        await gate.wait()
        incoming.respond(200, b"", b"")

    async with bench(handler, replace(LIMITS, max_pipelined=4)) as b:
        protocol, transport = b.connect()
        protocol.data_received(GET * 200)
        await turns()
        assert transport.is_reading
        protocol.data_received(GET * 200)
        assert not transport.is_reading  # more than 4 × 4 KiB lie here
        assert (len(b.seen), b.server.running) == (1, 1)
        gate.set()
        for _ in range(100):
            await turns(50)
        assert len(b.seen) == 400
        assert transport.sent.count(b"HTTP/1.1 200 OK") == 400
        assert transport.is_reading


async def test_the_next_request_waits_for_the_handler_not_just_for_its_reply() -> None:
    gate = asyncio.Event()

    async def handler(incoming: Incoming) -> None:
        incoming.respond(200, b"", b"")
        await gate.wait()

    async with bench(handler) as b:
        protocol, _ = b.connect()
        protocol.data_received(GET + GET)
        await turns()
        assert len(b.seen) == 1
        gate.set()
        await turns()
        assert len(b.seen) == 2


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_request_is_refused_and_the_connection_ends(name: str) -> None:
    async with bench(echo) as b:
        protocol, transport = b.connect()
        protocol.data_received(HOSTILE[name] + SMUGGLED)
        await turns()
        protocol.data_received(SMUGGLED)
        await turns()
        # what breaks inside a body is the handler's to answer: it raises, so here that is a 500
        assert all(seen.target == b"/v1/a" for seen in b.seen)
        [(status, headers, _)] = replies(transport.sent)
        assert status in {400, 405, 414, 417, 431, 505} if not b.seen else status == 500
        assert headers[b"connection"] == b"close"
        assert transport.is_half_closed or transport.is_closed
        await b.after(2.0)
        assert b.server.connections == 0


async def test_a_request_before_a_hostile_one_is_still_answered() -> None:
    async with bench(echo) as b:
        protocol, transport = b.connect()
        protocol.data_received(POST + HOSTILE["CL then TE"] + SMUGGLED)
        await turns(10)
        assert [status for status, _, _ in replies(transport.sent)] == [200, 400]
        assert len(b.seen) == 1


async def test_a_refused_head_request_gets_no_body() -> None:
    async with bench(echo) as b:
        protocol, transport = b.connect()
        protocol.data_received(b"HEAD /v1/a HTTP/1.1\r\nHost: g\r\nHost: g\r\n\r\n")
        await turns()
        assert transport.sent.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert transport.sent.endswith(b"content-length: 11\r\nconnection: close\r\n\r\n")


async def test_head_gets_the_headers_alone() -> None:
    async with bench(echo) as b:
        protocol, transport = b.connect()
        protocol.data_received(b"HEAD /v1/a HTTP/1.1\r\nHost: g\r\n\r\n" + GET)
        await turns(10)
        first, second = replies(transport.sent, "HG")
        assert (first[1][b"content-length"], first[2]) == (b"6", b"")
        assert second[2] == b"/v1/models?limit=2 "


async def test_head_of_a_streamed_reply_sends_no_piece() -> None:
    async def handler(incoming: Incoming) -> None:
        incoming.begin(200, b"", None)
        incoming.write(b"abc")
        incoming.end(b"def")

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(b"HEAD /v1/a HTTP/1.1\r\nHost: g\r\n\r\n")
        await turns()
        assert transport.sent.endswith(b"transfer-encoding: chunked\r\n\r\n")
        assert not transport.is_closed


@pytest.mark.parametrize("status", [204, 304])
async def test_statuses_without_body_have_no_length(status: int) -> None:
    async def handler(incoming: Incoming) -> None:
        incoming.respond(status, b"", b"")

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(GET)
        await turns()
        assert b"content-length" not in transport.sent


async def test_http10_closes_unless_asked_to_keep() -> None:
    async with bench(echo) as b:
        protocol, transport = b.connect()
        protocol.data_received(b"GET /v1/a HTTP/1.0\r\n\r\n")
        await turns()
        assert replies(transport.sent)[0][1][b"connection"] == b"close"
        assert transport.is_closed
        protocol, transport = b.connect()
        protocol.data_received(b"GET /v1/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        await turns()
        assert replies(transport.sent)[0][1][b"connection"] == b"keep-alive"
        assert not transport.is_closed


async def test_a_stream_is_chunked_and_http10_gets_it_until_the_close() -> None:
    async def handler(incoming: Incoming) -> None:
        incoming.begin(200, JSON, None)
        incoming.write(b"one")
        incoming.write(b"")
        incoming.end(b"two")

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(GET)
        await turns()
        assert transport.sent.endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
        assert not transport.is_closed
        protocol, transport = b.connect()
        protocol.data_received(b"GET /v1/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        await turns()
        assert transport.sent.endswith(b"connection: close\r\n\r\nonetwo")
        assert transport.is_closed


async def test_an_aborted_stream_ends_without_the_last_chunk_but_with_what_was_written() -> None:
    async def handler(incoming: Incoming) -> None:
        incoming.begin(200, b"", None)
        incoming.write(b"data: {}\n\n")
        incoming.abort()
        incoming.write(b"never")

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(GET + GET)
        await turns()
        assert transport.sent.endswith(b"a\r\ndata: {}\n\n\r\n")
        assert not transport.is_aborted
        await b.after(2.0)
        assert transport.is_closed and len(b.seen) == 1


async def test_a_reply_of_announced_length_is_held_to_it() -> None:
    async def short(incoming: Incoming) -> None:
        incoming.begin(200, b"", 5)
        incoming.end(b"abc")

    async def long(incoming: Incoming) -> None:
        incoming.begin(200, b"", 2)
        with pytest.raises(ValueError, match="longer than announced"):
            incoming.write(b"abc")
        incoming.end(b"ab")

    async with bench(short) as b:
        protocol, transport = b.connect()
        protocol.data_received(GET)
        await turns()
        assert transport.is_closed
    async with bench(long) as b:
        protocol, transport = b.connect()
        protocol.data_received(GET)
        await turns()
        assert replies(transport.sent)[0][2] == b"ab"
        assert not transport.is_closed


@pytest.mark.parametrize(
    "head",
    [
        b"x: a",
        b"x: a\n",
        b"x: a\r\n\r\n",
        b"\r\nx: a\r\n",
        b"x: a\rb\r\n",
        b"x: a\nb: c\r\n",
        b"x: \0\r\n",
        b"a\r\n\r\nb\r\n",
    ],
)
async def test_a_broken_reply_head_never_leaves(head: bytes) -> None:
    async def handler(incoming: Incoming) -> None:
        with pytest.raises(ValueError, match="whole header lines"):
            incoming.respond(200, head, b"")
        with pytest.raises(ValueError, match="final reply"):
            incoming.respond(100, b"", b"")
        incoming.respond(200, b"", b"ok")

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(GET)
        await turns()
        assert replies(transport.sent)[0][2] == b"ok"


async def test_a_request_gets_one_reply() -> None:
    async def handler(incoming: Incoming) -> None:
        with pytest.raises(RuntimeError, match="after begin"):
            incoming.write(b"x")
        incoming.respond(200, b"", b"ok")
        with pytest.raises(RuntimeError, match="one reply"):
            incoming.respond(200, b"", b"again")
        incoming.end(b"more")

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(GET)
        await turns()
        assert replies(transport.sent)[0][2] == b"ok"


async def test_a_handler_that_fails_or_forgets_is_answered_for(caplog: pytest.LogCaptureFixture) -> None:
    async def fails(incoming: Incoming) -> None:
        raise ValueError("sk-secret")

    async def forgets(incoming: Incoming) -> None:
        return

    for handler in (fails, forgets):
        async with bench(handler) as b:
            protocol, transport = b.connect()
            protocol.data_received(GET)
            await turns()
            [(status, headers, body)] = replies(transport.sent)
            assert (status, body, headers[b"connection"]) == (500, b"internal_error", b"close")
    assert "ValueError" in caplog.text
    assert "sk-secret" not in caplog.text


async def test_a_handler_that_fails_after_it_began_leaves_the_reply_visibly_broken() -> None:
    async def handler(incoming: Incoming) -> None:
        incoming.begin(200, b"", None)
        incoming.write(b"part")
        raise ValueError

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(GET)
        await turns()
        assert transport.sent.endswith(b"4\r\npart\r\n")
        assert transport.is_closed


async def test_drain_closes_the_idle_and_lets_the_busy_finish() -> None:
    gate = asyncio.Event()

    async def handler(incoming: Incoming) -> None:
        await gate.wait()
        await echo(incoming)

    async with bench(handler) as b:
        _, idle = b.connect()
        half, half_sent = b.connect()
        half.data_received(POST[:30])
        busy, busy_sent = b.connect()
        busy.data_received(GET)
        begun, begun_sent = b.connect()
        begun.data_received(GET + GET)
        await turns()
        b.server.drain()
        waiting = asyncio.ensure_future(b.server.wait_closed())
        await turns()
        assert idle.is_closed
        assert not half_sent.is_closed and not busy_sent.is_closed
        gate.set()
        half.data_received(POST[30:])
        await turns(10)
        for transport in (half_sent, busy_sent, begun_sent):
            [(status, headers, _)] = replies(transport.sent)
            assert (status, headers[b"connection"]) == (200, b"close")
        await b.after(2.0)  # the one with a second request behind lingers
        await asyncio.wait_for(waiting, 1)
        assert b.server.connections == 0
        assert repr(b.server) == "<HttpServer 0 connections, 0 requests draining>"


async def test_without_keep_alive_a_reply_is_its_connections_last_and_afterwards_it_is_not() -> None:
    async with bench(echo) as b:
        b.server.keep_alive(False)
        protocol, transport = b.connect()
        protocol.data_received(GET)
        await turns()
        assert b"\r\nconnection: close\r\n" in transport.sent
        assert transport.is_closed
        b.server.keep_alive(True)
        protocol, transport = b.connect()
        for _ in range(2):
            protocol.data_received(GET)
            await turns()
        assert b"connection: close" not in transport.sent
        assert not transport.is_closed


async def test_a_server_that_drains_keeps_nothing_whatever_it_is_told() -> None:
    async with bench(echo) as b:
        _, idle = b.connect()
        b.server.drain()
        b.server.keep_alive(True)
        assert idle.is_closed
        protocol, transport = b.connect()
        protocol.data_received(GET)
        await turns()
        assert transport.is_closed


async def test_drain_during_the_end_of_a_request_closes_after_it() -> None:
    gate = asyncio.Event()

    async def handler(incoming: Incoming) -> None:
        incoming.respond(200, b"", b"")
        await gate.wait()

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(GET)
        await turns()
        b.server.drain()
        assert not transport.is_closed
        gate.set()
        await turns()
        assert transport.is_closed


async def test_close_cancels_what_runs() -> None:
    async def handler(incoming: Incoming) -> None:
        await asyncio.Event().wait()

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(GET)
        await turns()
        b.server.close()
        await asyncio.wait_for(b.server.wait_closed(), 1)
        assert transport.is_aborted
        left = b.seen[0].left
        assert left is not None and left.code == "client_closed"


async def test_back_pressure_is_passed_on() -> None:
    heard: list[bool] = []
    gate = asyncio.Event()

    async def handler(incoming: Incoming) -> None:
        incoming.on_writable = heard.append
        incoming.begin(200, b"", None)
        incoming.write(b"x" * 20_000)
        assert not incoming.is_writable
        await gate.wait()
        assert incoming.is_writable
        incoming.end()

    async with bench(handler) as b:
        protocol, transport = b.connect(blocked=True)
        assert transport.high == 4 * 1024
        protocol.data_received(GET)
        await turns()
        assert heard == [False]
        transport.flush(20_500)
        assert heard == [False, True]
        gate.set()
        await turns()
        assert b.seen[0].is_over
