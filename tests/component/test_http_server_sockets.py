"""The caller-side server on real sockets: both event loops, TLS, slow readers, resets, many connections."""

import asyncio
import random
import socket
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest
import trustme
import uvloop
from tests.fixtures.http.hostile import HOSTILE, SMUGGLED
from tests.fixtures.http.valid import GET, POST, VALID
from tests.support.caller_wire import listening, replies, until

from llmgateway.domain.errors import GatewayError
from llmgateway.http.limits import Limits
from llmgateway.http.server import Incoming

LIMITS = Limits()
Scenario = Callable[[], Coroutine[Any, Any, None]]


def on(loop: str, scenario: Scenario) -> None:
    """Run a scenario on one of the two event loops."""
    factory = uvloop.new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(asyncio.wait_for(scenario(), 30))


both = pytest.mark.parametrize("loop", ["uvloop", "asyncio"])


async def echo(incoming: Incoming) -> None:
    try:
        body = await incoming.read(1_000_000)
    except GatewayError as error:
        incoming.respond(error.status, b"", error.code.encode())
    else:
        incoming.respond(200, b"", incoming.target + b" " + body)


async def ask(port: int, pieces: list[bytes], *, tls: ssl.SSLContext | None = None) -> bytes:
    """Send, and read until the server closes."""
    options: dict[str, Any] = {"ssl": tls, "server_hostname": "localhost"} if tls else {}
    reader, writer = await asyncio.open_connection("127.0.0.1", port, **options)
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


def closing(sent: bytes) -> bytes:
    return sent + b"GET /last HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n"


@both
def test_every_valid_message_is_answered_however_it_is_cut(loop: str) -> None:
    async def scenario() -> None:
        draw = random.Random(7)
        async with listening(echo) as (_, port):
            for name, sent in VALID.items():
                if "close" in name or "1.0" in name:
                    continue
                whole = closing(sent)
                marks = sorted(draw.sample(range(len(whole)), min(9, len(whole) - 1)))
                pieces = [whole[a:b] for a, b in zip([0, *marks], [*marks, len(whole)], strict=True)]
                got = (await ask(port, pieces)).replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
                found = replies(got, "H" if name == "head" else "")
                assert {status for status, _, _ in found} == {200}, name
                assert found[-1][2] == b"/last "

    on(loop, scenario)


@both
def test_every_hostile_message_is_refused_and_the_reply_arrives(loop: str) -> None:
    async def scenario() -> None:
        async with listening(echo) as (_, port):
            for name, sent in HOSTILE.items():
                got = await ask(port, [sent + SMUGGLED, SMUGGLED])
                [(status, headers, _)] = replies(got)
                assert 400 <= status < 600, name
                assert headers[b"connection"] == b"close"
                assert b"/smuggled" not in got

    on(loop, scenario)


@both
def test_a_caller_that_resets_or_half_closes_is_noticed_at_once(loop: str) -> None:
    async def scenario() -> None:
        left: list[str] = []

        async def handler(incoming: Incoming) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                assert incoming.left is not None
                left.append(incoming.left.code)

        async with listening(handler) as (server, port):
            for reset in (True, False):
                for sent in (GET, POST + GET * 20, POST[:-2]):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.write(sent)
                    await until(lambda: server.running == 1)
                    if reset:
                        raw = writer.get_extra_info("socket")
                        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                        writer.transport.abort()
                    else:
                        writer.write_eof()
                    await until(lambda: server.running == 0 and server.connections == 0)
                    writer.close()
        assert left == ["client_closed"] * 6

    on(loop, scenario)


@both
def test_a_stalled_reader_is_cut_and_holds_little(loop: str) -> None:
    async def scenario() -> None:
        written = 0
        left: list[str] = []

        async def handler(incoming: Incoming) -> None:
            nonlocal written
            incoming.begin(200, b"", None)
            try:
                while True:
                    while incoming.is_writable:
                        incoming.write(b"x" * 4_096)
                        written += 4_096
                        await asyncio.sleep(0)
                    await asyncio.sleep(0.01)
            finally:
                left.append(incoming.left.code if incoming.left else "")

        limits = replace(LIMITS, write_stall_s=0.4)
        async with listening(handler, limits) as (server, port):
            raw = socket.socket()
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            raw.setblocking(False)
            await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
            await asyncio.get_running_loop().sock_sendall(raw, GET)
            await until(lambda: left and server.connections == 0)
            raw.close()
        assert left == ["client_stalled"]
        assert written < 8_000_000  # the kernel's buffers, and 4 KiB of ours

    on(loop, scenario)


@both
def test_a_large_upload_survives_a_slow_sink(loop: str) -> None:
    async def scenario() -> None:
        body = random.Random(3).randbytes(2_000_000)
        got: list[bytes] = []

        async def handler(incoming: Incoming) -> None:
            done = asyncio.Event()

            class Sink:
                def data(self, piece: bytes) -> None:
                    got.append(piece)
                    incoming.pause()
                    asyncio.get_running_loop().call_soon(incoming.resume)

                def end(self) -> None:
                    done.set()

                def fail(self, error: GatewayError) -> None:
                    raise AssertionError(error)

            incoming.stream(3_000_000, Sink())
            await done.wait()
            incoming.respond(200, b"", b"")

        async with listening(handler) as (_, port):
            head = b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
            assert replies(await ask(port, [head, body]))[0][0] == 200
        assert b"".join(got) == body
        assert max(map(len, got)) <= 64 * 1024

    on(loop, scenario)


@both
def test_an_oversized_upload_gets_its_413_although_it_is_still_being_sent(loop: str) -> None:
    async def scenario() -> None:
        async with listening(echo) as (_, port):
            head = b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 5000000\r\n\r\n"
            [(status, _, body)] = replies(await ask(port, [head, b"x" * 600_000]))
            assert (status, body) == (413, b"payload_too_large")

    on(loop, scenario)


@both
def test_slow_heads_and_bodies_get_408(loop: str) -> None:
    async def scenario() -> None:
        limits = replace(LIMITS, header_timeout_s=0.2, body_grace_s=0.2)
        async with listening(echo, limits) as (_, port):
            for sent in (GET[:20], POST[:-3]):
                [(status, _, body)] = replies(await ask(port, [sent]))
                assert (status, body) == (408, b"request_timeout")

    on(loop, scenario)


@both
def test_tls_callers_are_served_and_known_as_such(loop: str) -> None:
    async def scenario() -> None:
        authority = trustme.CA()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost").configure_cert(context)
        trust = ssl.create_default_context()
        authority.configure_trust(trust)

        async def handler(incoming: Incoming) -> None:
            body = await incoming.read(1_000)
            incoming.respond(200, b"", b"%d " % incoming.is_tls + body)

        async with listening(handler, ssl=context) as (_, port):
            assert replies(await ask(port, [closing(POST)], tls=trust))[0][2] == b'1 {"model":"m"}'
            [(status, headers, _)] = replies(await ask(port, [HOSTILE["CL then TE"]], tls=trust))
            assert (status, headers[b"connection"]) == (400, b"close")

    on(loop, scenario)


@both
def test_one_peers_idle_connections_are_capped_and_others_still_served(loop: str) -> None:
    async def scenario() -> None:
        async with listening(echo, replace(LIMITS, max_connections_per_peer=50)) as (server, port):
            opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(120)]
            await until(lambda: server.connections == 50)
            assert await asyncio.wait_for(opened[0][0].read(), 5) == b""
            reader, writer = opened[-1]
            writer.write(POST)
            assert (await asyncio.wait_for(reader.readline(), 5)) == b"HTTP/1.1 200 OK\r\n"
            for _, each in opened:
                each.close()
            await until(lambda: server.connections == 0)

    on(loop, scenario)


@both
def test_drain_loses_no_request_that_has_begun(loop: str) -> None:
    async def scenario() -> None:
        gate = asyncio.Event()

        async def handler(incoming: Incoming) -> None:
            await gate.wait()
            await echo(incoming)

        async with listening(handler) as (server, port):
            asked = [asyncio.ensure_future(ask(port, [POST])) for _ in range(20)]
            _, idle = await asyncio.open_connection("127.0.0.1", port)
            await until(lambda: server.running == 20 and server.connections == 21)
            server.drain()
            gate.set()
            await asyncio.wait_for(server.wait_closed(), 5)
            for got in await asyncio.gather(*asked):
                [(status, headers, _)] = replies(got)
                assert (status, headers[b"connection"]) == (200, b"close")
            idle.close()

    on(loop, scenario)


def test_unix_sockets_are_served(tmp_path: Any) -> None:
    async def scenario() -> None:
        async def handler(incoming: Incoming) -> None:
            incoming.respond(200, b"", repr(incoming.peer).encode())

        async with listening(handler) as (server, _):
            path = str(tmp_path / "s")
            listener = await asyncio.get_running_loop().create_unix_server(server.protocol, path)
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(closing(b""))
            assert replies(await reader.read())[0][2] == b"''"
            writer.close()
            listener.close()

    on("uvloop", scenario)
