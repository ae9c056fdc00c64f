"""What tests of the caller-side server share: a fake transport, a server around a handler, and readers of its replies."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import h11

from llmgateway.domain.clock import Clock, ManualClock, SystemClock
from llmgateway.domain.errors import GatewayError
from llmgateway.http.caller import CallerConnection
from llmgateway.http.deadlines import Sweeper
from llmgateway.http.limits import Limits
from llmgateway.http.server import HttpServer, Incoming

JSON = b"content-type: application/json\r\n"


def refuse(error: GatewayError, target: bytes) -> tuple[bytes, bytes]:
    """Answer with the error's code alone."""
    return JSON, error.code.encode()


async def turns(count: int = 5) -> None:
    """Let the event loop run what is ready."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], Any], seconds: float = 5.0) -> None:
    """Wait for `condition`, but not for ever."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)


class FakeTransport(asyncio.Transport):
    """Notes what the protocol does. `blocked` keeps written bytes in the buffer, as a caller that does not read."""

    def __init__(self, peer: str = "192.0.2.1", *, blocked: bool = False, is_tls: bool = False) -> None:
        super().__init__()
        self.peer = peer
        self.is_tls = is_tls
        self.blocked = blocked
        self.sent = b""
        self.buffered = 0
        self.high = 0
        self.is_reading = True
        self.is_half_closed = self.is_closed = self.is_aborted = False
        self.protocol: Any = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        known = {"peername": (self.peer, 1234) if self.peer else "", "sslcontext": object() if self.is_tls else None}
        return known.get(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high or 0

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def write(self, data: Any) -> None:
        assert not self.is_half_closed and not self.is_closed, "written after the end"
        self.sent += bytes(data)
        if self.blocked:
            was_full = self.buffered > self.high
            self.buffered += len(data)
            if not was_full and self.buffered > self.high:
                self.protocol.pause_writing()

    def flush(self, size: int) -> None:
        """The caller reads `size` bytes."""
        was_full = self.buffered > self.high
        self.buffered = max(0, self.buffered - size)
        if was_full and self.buffered <= self.high // 4:
            self.protocol.resume_writing()

    def can_write_eof(self) -> bool:
        return not self.is_tls

    def write_eof(self) -> None:
        self.is_half_closed = True

    def pause_reading(self) -> None:
        assert self.is_reading
        self.is_reading = False

    def resume_reading(self) -> None:
        assert not self.is_reading
        self.is_reading = True

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            if not self.buffered:
                asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        if not self.is_aborted and not (self.is_closed and not self.buffered):
            self.is_closed = self.is_aborted = True
            self.buffered = 0
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)


class Bench:
    """A server without sockets: `connect` makes a connection on a fake transport, `clock` moves its deadlines."""

    def __init__(self, handler: Callable[[Incoming], Awaitable[None]], limits: Limits | None = None) -> None:
        self.clock = ManualClock()
        self.sweeper = Sweeper(self.clock)
        self.seen: list[Incoming] = []
        self._handler = handler
        self.server = HttpServer(self._note, limits or Limits(), sweeper=self.sweeper, clock=self.clock, refuse=refuse)

    async def _note(self, incoming: Incoming) -> None:
        self.seen.append(incoming)
        await self._handler(incoming)

    def connect(self, **options: Any) -> tuple[CallerConnection, FakeTransport]:
        transport = FakeTransport(**options)
        protocol = self.server.protocol()
        assert isinstance(protocol, CallerConnection)
        transport.protocol = protocol
        protocol.connection_made(transport)
        return protocol, transport

    async def after(self, seconds: float) -> None:
        """Let time pass and deadlines fall due."""
        self.clock.advance(seconds)
        self.sweeper.sweep()
        await turns()


@contextlib.asynccontextmanager
async def bench(handler: Callable[[Incoming], Awaitable[None]], limits: Limits | None = None) -> AsyncIterator[Bench]:
    """A `Bench` that closes its connections at the end and sees that nothing is left."""
    made = Bench(handler, limits)
    try:
        yield made
    finally:
        made.server.close()
        async with asyncio.timeout(5):
            await made.server.wait_closed()
        made.sweeper.close()


@contextlib.asynccontextmanager
async def listening(
    handler: Callable[[Incoming], Awaitable[None]],
    limits: Limits | None = None,
    clock: Clock | None = None,
    **options: Any,
) -> AsyncIterator[tuple[HttpServer, int]]:
    """A server on a loopback port."""
    clock = clock or SystemClock()
    sweeper = Sweeper(clock)
    server = HttpServer(handler, limits or Limits(), sweeper=sweeper, clock=clock, refuse=refuse)  # type: ignore[arg-type]
    listener = await asyncio.get_running_loop().create_server(server.protocol, "127.0.0.1", 0, **options)
    try:
        yield server, listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        server.close()
        async with asyncio.timeout(5):
            await server.wait_closed()
        sweeper.close()


def replies(sent: bytes, methods: str = "") -> list[tuple[int, dict[bytes, bytes], bytes]]:
    """Read what a server sent with h11: status, headers and body of each final reply; `methods` by first letters."""
    found: list[tuple[int, dict[bytes, bytes], bytes]] = []
    rest = sent
    while rest:
        method = {"H": "HEAD", "P": "POST"}.get(methods[len(found) : len(found) + 1], "GET")
        client = h11.Connection(h11.CLIENT)
        client.send(h11.Request(method=method, target="/", headers=[("host", "g"), ("content-length", "0")]))
        client.send(h11.EndOfMessage())
        client.receive_data(rest)
        client.receive_data(b"")
        body = b""
        status, headers = 0, {}
        while not isinstance(event := client.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                status, headers = event.status_code, dict(event.headers)
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
        found.append((status, headers, body))
        rest = client.trailing_data[0]
    return found
