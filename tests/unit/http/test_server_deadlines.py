"""Slow and silent callers, callers that leave, and too many of them."""

import asyncio
from dataclasses import replace

import pytest
from tests.fixtures.http.valid import GET, POST
from tests.support.caller_wire import bench, replies, turns

from llmgateway.domain.errors import GatewayError
from llmgateway.http.limits import Limits
from llmgateway.http.server import Incoming

LIMITS = Limits()


async def ok(incoming: Incoming) -> None:
    incoming.respond(200, b"", b"ok")


async def never(incoming: Incoming) -> None:
    await asyncio.Event().wait()


async def test_a_silent_connection_closes_after_the_keep_alive_time() -> None:
    async with bench(ok) as b:
        _, transport = b.connect()
        await b.after(74.9)
        assert not transport.is_closed
        await b.after(0.2)
        assert transport.is_closed and transport.sent == b""


async def test_keep_alive_counts_from_the_last_reply() -> None:
    async with bench(ok) as b:
        protocol, transport = b.connect()
        await b.after(70)
        protocol.data_received(GET)
        await turns()
        await b.after(70)
        assert not transport.is_closed
        await b.after(5.1)
        assert transport.is_closed


async def test_a_head_that_trickles_gets_408_after_ten_seconds() -> None:
    async with bench(ok) as b:
        protocol, transport = b.connect()
        for at in range(10):
            protocol.data_received(GET[at : at + 1])
            await b.after(0.99)
        assert transport.sent == b""
        await b.after(0.2)
        [(status, headers, body)] = replies(transport.sent)
        assert (status, body, headers[b"connection"]) == (408, b"request_timeout", b"close")
        await b.after(2.0)
        assert transport.is_closed


async def test_empty_lines_do_not_start_the_header_deadline_nor_extend_the_idle_one() -> None:
    async with bench(ok) as b:
        protocol, transport = b.connect()
        protocol.data_received(b"\r\n")
        await b.after(40)
        protocol.data_received(b"\r\n")
        await b.after(34)
        assert not transport.is_closed
        await b.after(2)
        assert transport.is_closed and transport.sent == b""


async def read(incoming: Incoming) -> None:
    try:
        await incoming.read(1_000_000)
        incoming.respond(200, b"", b"ok")
    except GatewayError as error:
        incoming.respond(error.status, b"", error.code.encode())


UPLOAD = b"POST /v1/a HTTP/1.1\r\nHost: g\r\nContent-Length: 900000\r\n\r\n"


async def test_a_body_that_stops_gets_408_after_the_grace() -> None:
    async with bench(read) as b:
        protocol, transport = b.connect()
        protocol.data_received(UPLOAD + b"x")
        await turns()
        await b.after(29.9)
        assert transport.sent == b""
        await b.after(0.2)
        assert replies(transport.sent)[0][0] == 408


async def test_a_body_above_the_minimum_rate_may_take_its_time() -> None:
    async with bench(read) as b:
        protocol, transport = b.connect()
        protocol.data_received(UPLOAD)
        await turns()
        for _ in range(100):
            await b.after(1.0)
            protocol.data_received(b"x" * 1_100)
        assert transport.sent == b""
        for _ in range(60):
            await b.after(1.0)
            protocol.data_received(b"x" * 500)
            if transport.sent:
                break
        assert replies(transport.sent)[0][2] == b"request_timeout"


async def test_the_body_clock_runs_only_while_somebody_waits() -> None:
    gate = asyncio.Event()

    async def handler(incoming: Incoming) -> None:
        await gate.wait()
        await read(incoming)

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(UPLOAD)
        await b.after(100)
        assert transport.sent == b""
        gate.set()
        await turns()
        await b.after(29)
        assert transport.sent == b""
        await b.after(1.1)
        assert replies(transport.sent)[0][0] == 408


async def test_a_caller_that_stops_reading_a_stream_is_dropped() -> None:
    ended: list[str] = []

    async def handler(incoming: Incoming) -> None:
        incoming.begin(200, b"", None)
        incoming.write(b"x" * 40_000)
        try:
            await asyncio.Event().wait()
        finally:
            assert incoming.left is not None
            ended.append(incoming.left.code)

    async with bench(handler) as b:
        protocol, transport = b.connect(blocked=True)
        protocol.data_received(GET)
        await turns()
        for _ in range(59):
            await b.after(1.0)
        transport.flush(100)  # progress, if little
        for _ in range(59):
            await b.after(1.0)
        assert not ended
        for _ in range(5):
            await b.after(1.0)
        assert ended == ["client_stalled"]
        assert transport.is_aborted


async def test_a_caller_that_never_takes_its_whole_reply_is_dropped() -> None:
    async def handler(incoming: Incoming) -> None:
        incoming.respond(200, b"", b"x" * 100_000)

    for request in (GET, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")):
        async with bench(handler) as b:
            protocol, transport = b.connect(blocked=True)
            protocol.data_received(request)
            await turns()
            for _ in range(150):
                await b.after(1.0)
            assert transport.is_aborted
            assert b.server.connections == 0


async def test_a_slow_but_steady_reader_gets_all_of_a_large_reply() -> None:
    async def handler(incoming: Incoming) -> None:
        incoming.respond(200, b"", b"x" * 100_000)

    async with bench(handler) as b:
        protocol, transport = b.connect(blocked=True)
        protocol.data_received(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        await turns()
        for _ in range(20):
            await b.after(30)
            transport.flush(1_000)
        assert transport.is_closed and not transport.is_aborted


@pytest.mark.parametrize("how", ["eof", "lost"])
async def test_a_caller_that_leaves_cancels_its_request_and_those_behind_it_never_run(how: str) -> None:
    async with bench(never) as b:
        protocol, transport = b.connect()
        protocol.data_received(POST + GET + GET)
        await turns()
        if how == "eof":
            assert protocol.eof_received() is None
        else:
            protocol.connection_lost(None)
        await turns()
        assert len(b.seen) == 1
        assert b.seen[0].left is not None and b.seen[0].left.code == "client_closed"
        assert (b.server.running, b.server.connections) == (0, 0)


async def test_leaving_after_the_reply_does_not_disturb_the_handler() -> None:
    gate = asyncio.Event()
    settled: list[bool] = []

    async def handler(incoming: Incoming) -> None:
        incoming.respond(200, b"", b"")
        await gate.wait()
        settled.append(incoming.left is None)

    async with bench(handler) as b:
        protocol, _ = b.connect()
        protocol.data_received(GET)
        await turns()
        protocol.connection_lost(None)
        await turns()
        assert (b.server.connections, b.server.running) == (0, 1)
        gate.set()
        await asyncio.wait_for(b.server.wait_closed(), 1)
        assert settled == [True]


async def test_above_the_peers_cap_its_oldest_idle_connection_gives_way() -> None:
    async with bench(never, replace(LIMITS, max_connections_per_peer=3)) as b:
        busy, _ = b.connect()
        _, oldest = b.connect()
        _, younger = b.connect()
        busy.data_received(GET)
        _, other = b.connect(peer="192.0.2.2")
        _, fourth = b.connect()
        await turns()
        assert oldest.is_closed
        assert not younger.is_closed and not other.is_closed and not fourth.is_closed
        assert b.server.connections == 4


async def test_above_the_peers_cap_with_all_busy_the_newcomer_is_refused() -> None:
    async with bench(never, replace(LIMITS, max_connections_per_peer=2)) as b:
        for _ in range(2):
            protocol, _ = b.connect()
            protocol.data_received(GET)
        _, third = b.connect()
        await turns()
        [(status, _, body)] = replies(third.sent)
        assert (status, body) == (429, b"too_many_connections")
        assert third.is_closed
        assert b.server.connections == 2


async def test_above_the_total_cap_the_oldest_idle_of_all_gives_way_then_503() -> None:
    async with bench(never, replace(LIMITS, max_connections=2)) as b:
        _, first = b.connect(peer="192.0.2.1")
        second, _ = b.connect(peer="192.0.2.2")
        second.data_received(GET)
        third, _ = b.connect(peer="192.0.2.3")
        third.data_received(GET[:4])  # half a head is not idle
        await turns()
        assert first.is_closed
        _, fourth = b.connect(peer="192.0.2.4")
        assert replies(fourth.sent)[0][::2] == (503, b"overloaded")


async def test_a_unix_socket_has_no_cap_by_peer() -> None:
    async with bench(never, replace(LIMITS, max_connections_per_peer=1)) as b:
        for _ in range(3):
            b.connect(peer="")
        assert b.server.connections == 3
