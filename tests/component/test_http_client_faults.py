"""The upstream client against backends that misbehave in every way of the fault catalogue (U1-U29), over real sockets."""

import asyncio
import socket
import time

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.http_client import RecordingReceiver, connect, exchange, make_pool, start
from tests.support.wire_backend import (
    WireBackend,
    chunk,
    chunked_head,
    expect,
    expect_head,
    finish,
    forever,
    half_close,
    reply,
    reset,
    send,
    send_bytewise,
    send_split,
    until_closed,
    wait_for,
)

from llmgateway.domain.clock import SystemClock
from llmgateway.domain.errors import GatewayError
from llmgateway.http.client import Timeouts
from llmgateway.http.deadlines import Sweeper

CANCEL_BOUND_S = 0.2
OK = reply(b"hi", headers=[("content-type", "text/plain")])


# --- the ordinary ---


async def test_a_request_arrives_as_written_and_its_connection_serves_the_next():
    async with WireBackend([forever(expect(), send(OK))]) as backend:
        pool = make_pool(backend.url)
        for _ in range(3):
            assert (await exchange(pool, body=b'{"a":1}')).body == b"hi"
        pool.close()
        assert len(backend.connections) == 1
        request = backend.requests[0]
        assert (request.method, request.target, request.body) == ("POST", "/v1/x", b'{"a":1}')
        assert request.header(b"host") == pool.origin.host_header
        assert request.header(b"accept-encoding") == b"identity"


@pytest.mark.parametrize("body", [b"x" * 5_000, b"y" * 3_000_000])
async def test_bodies_of_any_size_pass_in_both_directions(body):
    async with WireBackend([forever(expect(), send(reply(body)))]) as backend:
        pool = make_pool(backend.url)
        for _ in range(2):
            assert (await exchange(pool, body=body)).body == body
        assert [request.body == body for request in backend.requests] == [True, True]
        assert len(backend.connections) == 1
        pool.close()


async def test_a_reply_to_head_has_no_body():
    async with WireBackend(
        [expect(), send(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n"), until_closed()]
    ) as backend:
        got = await exchange(make_pool(backend.url), method="HEAD")
        assert (got.body, got.is_delimited) == (b"", True)


# --- U1, U2: who can't be reached ---


async def test_a_refused_connection_is_unreachable():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        with pytest.raises(GatewayError) as failed:
            await make_pool(f"http://127.0.0.1:{taken.getsockname()[1]}").dial()
    assert failed.value.code == "upstream_unreachable"


async def test_a_backend_that_never_accepts_is_a_timeout():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        with socket.create_connection(address), socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(address)  # the queue is full now: the kernel drops further SYNs
            started = time.monotonic()
            with pytest.raises(GatewayError) as failed:
                await make_pool(f"http://127.0.0.1:{address[1]}", connect_timeout_s=0.2).dial()
    assert failed.value.code == "upstream_timeout"
    assert time.monotonic() - started < 10


async def test_a_name_that_does_not_resolve_is_unreachable(monkeypatch):
    async def fail(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", fail, raising=False)
    with pytest.raises(GatewayError) as failed:
        await make_pool("http://nowhere.test").dial()
    assert failed.value.code == "upstream_unreachable"


async def test_a_name_is_resolved_and_all_its_addresses_tried():
    async with WireBackend([forever(expect(), send(OK))]) as backend:
        pool = make_pool(f"http://localhost:{backend.port}")  # ::1 refuses where there is one
        assert (await exchange(pool)).body == b"hi"
        pool.close()


# --- U5, U6: stale and early ends ---


@pytest.mark.parametrize("leave", [finish(), reset(), half_close()], ids=["FIN", "RST", "half-close"])
async def test_a_fresh_connection_that_ends_without_an_answer_is_an_error_without_retry(leave):
    async with WireBackend([expect(), leave, until_closed()]) as backend:
        got = await exchange(make_pool(backend.url))
        assert (got.code, got.reusable_retry) == ("upstream_error", False)


@pytest.mark.parametrize("leave", [finish(), reset(), half_close()], ids=["FIN", "RST", "half-close"])
async def test_a_reused_connection_that_ends_without_an_answer_may_be_tried_again(leave):
    async with WireBackend(
        [expect(), send(OK), expect(), leave, until_closed()], [expect(), send(OK), until_closed()]
    ) as backend:
        pool = make_pool(backend.url)
        await exchange(pool)
        got = await exchange(pool)
        assert (got.code, got.reusable_retry) == ("upstream_error", True)
        assert pool.open == 0
        fresh = start(pool, await pool.dial())
        await fresh.until_over()
        assert fresh.body == b"hi"
        pool.close()


async def test_a_connection_the_backend_closed_while_idle_is_gone_from_the_pool():
    async with WireBackend([expect(), send(OK), finish()]) as backend:
        pool = make_pool(backend.url)
        await exchange(pool)
        await backend.connections[0].until(lambda: backend.connections[0].lost_at is not None)
        assert pool.idle() is None
        assert pool.open == 0


async def test_an_end_that_the_event_loop_has_not_seen_yet_is_seen_before_reuse():
    with socket.create_server(("127.0.0.1", 0)) as server:
        pool = make_pool(f"http://127.0.0.1:{server.getsockname()[1]}")
        connection = await pool.dial()
        peer, _ = server.accept()
        pool.release(connection)
        peer.close()  # no turn of the loop between this and the next line
        assert pool.idle() is None


async def test_bytes_that_the_event_loop_has_not_seen_yet_are_seen_before_reuse():
    with socket.create_server(("127.0.0.1", 0)) as server:
        pool = make_pool(f"http://127.0.0.1:{server.getsockname()[1]}")
        connection = await pool.dial()
        peer, _ = server.accept()
        pool.release(connection)
        peer.send(OK)
        assert pool.idle() is None
        peer.close()


async def test_idle_connections_close_before_common_servers_do():
    clock = SystemClock()
    sweeper = Sweeper(clock)
    async with WireBackend([forever(expect(), send(OK))]) as backend:
        pool = make_pool(backend.url, clock=clock, sweeper=sweeper, keepalive_s=0.05)
        await exchange(pool)
        await backend.until(lambda: backend.connections[0].left_at is not None)
        assert pool.open == 0
        assert len(sweeper) == 0
    sweeper.close()


# --- U7, U8: cut replies ---


@pytest.mark.parametrize("leave", [finish(), reset()], ids=["FIN", "RST"])
@pytest.mark.parametrize(
    "cut",
    [
        b"HTTP/1.1 200 OK\r\nconte",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n",
        OK[:-1],
        chunked_head() + chunk(b"hi"),
    ],
    ids=["head", "no body", "length", "chunked"],
)
async def test_a_reply_that_breaks_off_is_truncated(cut, leave):
    seen = asyncio.Event()
    async with WireBackend([expect(), send(cut), wait_for(seen), leave]) as backend:
        pool = make_pool(backend.url)
        receiver = start(pool, await pool.dial())
        if b"\r\n\r\n" in cut:
            await receiver.begun.wait()
        seen.set()
        await receiver.until_over()
        assert (receiver.code, receiver.reusable_retry) == ("upstream_truncated", False)
        assert pool.open == 0


async def test_a_reply_that_only_the_end_delimits_is_told_as_such():
    async with WireBackend([expect(), send(b"HTTP/1.1 200 OK\r\n\r\nhalf"), finish()]) as backend:
        got = await exchange(make_pool(backend.url))
        assert (got.body, got.is_delimited, got.code) == (b"half", False, None)


async def test_a_reply_that_only_the_end_delimits_is_truncated_by_a_reset():
    seen = asyncio.Event()
    async with WireBackend([expect(), send(b"HTTP/1.1 200 OK\r\n\r\nhalf"), wait_for(seen), reset()]) as backend:
        pool = make_pool(backend.url)
        receiver = start(pool, await pool.dial())
        await receiver.begun.wait()
        seen.set()
        await receiver.until_over()
        assert receiver.code == "upstream_truncated"


# --- U11, U25-U27: framing, whole and in pieces ---

REPLIES = {
    "length": OK,
    "chunked": chunked_head(("x", "y")) + chunk("é✓".encode()) + chunk(b"b") + chunk(b""),
    "interim": b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nhi",
    "NUL": b"HTTP/1.1 200 OK\r\nx: \0\r\n\r\n",
}


async def events_of(step):
    async with WireBackend([expect(), step, until_closed()]) as backend:
        pool = make_pool(backend.url)
        got = await exchange(pool)
        pool.close()
        return got.events


@pytest.mark.parametrize("wire", REPLIES.values(), ids=REPLIES)
async def test_a_reply_is_heard_the_same_byte_by_byte(wire):
    assert await events_of(send_bytewise(wire)) == await events_of(send(wire))


@pytest.mark.parametrize("name", ["chunked", "interim"])
async def test_a_reply_is_heard_the_same_split_at_every_offset(name):
    wire = REPLIES[name]
    whole = await events_of(send(wire))
    for offset in range(1, len(wire)):
        assert await events_of(send_split(wire, offset)) == whole


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([*REPLIES.values()]), st.lists(st.integers(1, 120), max_size=6))
def test_a_reply_is_heard_the_same_at_random_cuts(wire, cuts):
    async def both():
        offsets = [cut for cut in cuts if cut < len(wire)]
        return await events_of(send_split(wire, *offsets)), await events_of(send(wire))

    cut, whole = uvloop.run(both())
    assert cut == whole


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        b"HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 2000 + OK,
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 40_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 300 + b"\r\n",
        b"\x16\x03\x01 not http",
    ],
    ids=["101", "999", "2,000 interim", "40 KB header", "300 headers", "junk"],
)
async def test_a_reply_that_is_not_http_ends_the_connection(wire):
    async with WireBackend([expect(), send(wire), until_closed()]) as backend:
        pool = make_pool(backend.url)
        got = await exchange(pool)
        assert (got.code, got.reusable_retry, pool.open) == ("upstream_protocol", False, 0)
        await backend.until(lambda: backend.connections[0].left_at is not None)


@pytest.mark.parametrize(
    "wire",
    [
        OK + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
        b"HTTP/1.1 204 No Content\r\n\r\nbody",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi",
        reply(b"hi", headers=[("connection", "close")]),
    ],
    ids=["extra reply", "204 with body", "HTTP/1.0", "connection: close"],
)
async def test_a_connection_in_doubt_is_not_used_again(wire):
    async with WireBackend([expect(), send(wire), until_closed()]) as backend:
        pool = make_pool(backend.url)
        got = await exchange(pool)
        assert got.is_delimited is True
        assert b"evil" not in got.body
        assert pool.open == 0


async def test_extra_bytes_that_come_later_poison_nobody():
    later = asyncio.Event()
    async with WireBackend([expect(), send(OK), wait_for(later), send(reply(b"evil")), until_closed()]) as backend:
        pool = make_pool(backend.url)
        await exchange(pool)
        assert pool.open == 1
        later.set()
        await backend.until(lambda: backend.connections[0].left_at is not None)
        assert pool.idle() is None


async def test_a_redirect_is_relayed_not_followed():
    wire = b"HTTP/1.1 302 Found\r\nlocation: http://elsewhere.test/\r\ncontent-length: 0\r\n\r\n"
    async with WireBackend([expect(), send(wire), until_closed()]) as backend:
        pool = make_pool(backend.url)
        assert (await exchange(pool)).status == 302
        assert len(backend.requests) == 1
        pool.close()


async def test_a_compressed_body_is_passed_on_untouched():
    wire = reply(b"\x1f\x8b cut", headers=[("content-encoding", "gzip")])
    async with WireBackend([expect(), send(wire), until_closed()]) as backend:
        pool = make_pool(backend.url)
        got = await exchange(pool)
        assert got.body == b"\x1f\x8b cut"
        assert (b"content-encoding", b"gzip") in got.headers
        pool.close()


# --- U19: stalls ---


@pytest.mark.parametrize("begun", [b"", OK[:-1]], ids=["before the first byte", "in the middle"])
async def test_a_stall_is_a_timeout_and_closes_the_connection(begun):
    clock = SystemClock()
    sweeper = Sweeper(clock)
    async with WireBackend([expect(), send(begun), until_closed()]) as backend:
        pool = make_pool(
            backend.url, clock=clock, sweeper=sweeper, first_byte_timeout_s=0.1, idle_timeout_s=0.1, total_timeout_s=5
        )
        got = await exchange(pool)
        assert (got.code, got.reusable_retry) == ("upstream_timeout", False)
        await backend.until(lambda: backend.connections[0].left_at is not None)
    sweeper.close()


# --- cancelling ---


@pytest.mark.parametrize(
    ("method", "begun"), [("POST", b""), ("POST", chunked_head() + chunk(b"a")), ("POST", OK[:-1])],
    ids=["before the first byte", "mid-stream", "mid-body"],
)  # fmt: skip
async def test_the_backend_sees_a_cancelled_exchange_at_once(method, begun):
    async with WireBackend([expect(), send(begun), until_closed()]) as backend:
        pool = make_pool(backend.url)
        connection = await pool.dial()
        receiver = start(pool, connection, method=method)
        await backend.until(lambda: bool(backend.requests))
        if begun:
            await receiver.begun.wait()
        cancelled = time.monotonic()
        connection.cancel()
        await backend.until(lambda: backend.connections[0].left_at is not None)
        assert backend.connections[0].left_at - cancelled < CANCEL_BOUND_S
        assert not receiver.over.is_set()
        assert pool.open == 0


async def test_a_cancelled_exchange_with_unsent_body_is_seen_at_once_too():
    async with WireBackend([expect_head(), until_closed()]) as backend:
        pool = make_pool(backend.url)
        connection = await pool.dial()
        start(pool, connection, body=b"x" * 50_000_000)
        await backend.until(lambda: bool(backend.connections and backend.connections[0].received))
        cancelled = time.monotonic()
        connection.cancel()
        await backend.until(lambda: backend.connections[0].left_at is not None)
        assert backend.connections[0].left_at - cancelled < CANCEL_BOUND_S


async def test_a_cancelled_dial_closes_its_socket():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        with socket.create_connection(address), socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(address)
            pool = make_pool(f"http://127.0.0.1:{address[1]}")
            dial = asyncio.create_task(pool.dial())
            while not pool.open:
                await asyncio.sleep(0)
            dial.cancel()
            await asyncio.wait([dial])
            assert dial.cancelled()
            assert pool.open == 0


# --- C11: a reader that stalls ---


async def test_a_paused_reply_stops_the_backend_within_the_receive_buffer():
    total = 8 * 1024 * 1024
    async with WireBackend([expect(), send(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * total), finish()]) as backend:
        pool = make_pool(backend.url)
        connection = await pool.dial()

        class Stalled(RecordingReceiver):
            def on_head(self, status, headers):
                super().on_head(status, headers)
                connection.pause()

        receiver = start(pool, connection, receiver=Stalled())
        await receiver.begun.wait()
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(receiver.body) <= 128 * 1024
        assert backend.connections[0].transport.get_write_buffer_size() > total // 4
        connection.cancel()


async def test_a_resumed_reply_comes_whole():
    body = b"".join(b"%d," % i for i in range(200_000))
    async with WireBackend([expect(), send(reply(body)), until_closed()]) as backend:
        pool = make_pool(backend.url)
        connection = await pool.dial()

        class Halting(RecordingReceiver):
            def on_data(self, piece):
                super().on_data(piece)
                connection.pause()
                asyncio.get_running_loop().call_soon(connection.resume)

        receiver = start(pool, connection, receiver=Halting())
        await receiver.until_over()
        assert receiver.body == body
        assert len(receiver.pieces) > 3
        pool.close()


async def test_the_timeouts_of_one_exchange_may_differ_from_the_backends():
    clock = SystemClock()
    sweeper = Sweeper(clock)
    async with WireBackend([expect(), until_closed()]) as backend:
        pool = make_pool(backend.url, clock=clock, sweeper=sweeper)
        receiver = RecordingReceiver()
        (await pool.dial()).send(b"GET / HTTP/1.1\r\n\r\n", None, receiver, Timeouts(9, 9, total_s=0.05))
        await receiver.until_over()
        assert receiver.code == "upstream_timeout"
    sweeper.close()


async def test_no_exchange_leaves_a_connection_behind():
    answer = asyncio.Event()
    async with WireBackend([forever(expect(), wait_for(answer), send(OK))]) as backend:
        pool = make_pool(backend.url, max_connections=5)
        receivers = [start(pool, await connect(pool)) for _ in range(5)]
        with pytest.raises(GatewayError, match="overloaded"):
            await pool.dial()
        answer.set()
        for receiver in receivers:
            await receiver.until_over()
        assert pool.open == 5
        pool.close()
        assert pool.open == 0
        await backend.until(lambda: all(wire.left_at for wire in backend.connections))
