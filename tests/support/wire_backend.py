"""A backend that plays a script of raw bytes on each connection, and notes what it was sent and when it was left.

    async with WireBackend([expect(), send(reply(b"hi")), until_closed()]) as backend:
        ...  # backend.port, backend.url, backend.requests, backend.connections

One script a connection: the first script for the first, and so on, the last one for all that follow. A script is a list of
steps, a step an async function of the `Wire` it plays on, so a test can add its own. When a script is over the
backend closes the connection (FIN). Runs in the test's own event loop, or beside it for a gateway in other processes.
"""

import asyncio
import socket
import ssl
import struct
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

BOUND_S = 10.0  # no wait in here is longer

Step = Callable[["Wire"], Awaitable[None]]


@dataclass(frozen=True)
class WireRequest:
    """One request as it came. `headers` has names in lower case; `body` without chunked framing, `raw` with everything."""

    method: str
    target: str
    version: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    raw: bytes
    connection: int

    def header(self, name: bytes) -> bytes | None:
        return next((value for known, value in self.headers if known == name), None)


class Watched:
    """Something that changes, and lets tests and steps wait for a condition on it."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is looked at whenever something happens here."""
        async with asyncio.timeout(BOUND_S):
            while not condition():
                waiter = asyncio.get_running_loop().create_future()
                self._waiters.add(waiter)
                try:
                    await waiter
                finally:
                    self._waiters.discard(waiter)

    def note(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)


class Wire(Watched, asyncio.Protocol):
    """One connection, seen from the backend. `ended_at`, `lost_at`: monotonic seconds of the peer's FIN and of the end."""

    def __init__(self, backend: "WireBackend") -> None:
        super().__init__()
        self.backend = backend
        self.index = -1
        self.received = bytearray()  # everything, ever
        self.ended_at: float | None = None
        self.lost_at: float | None = None
        self.error: Exception | None = None  # what ended it, if not a FIN: a reset
        self.script_error: BaseException | None = None
        self._taken = 0
        self.transport: Any = None
        self.player: asyncio.Task[None] | None = None

    @property
    def left_at(self) -> float | None:
        """When the peer went, by FIN or reset."""
        return self.ended_at or self.lost_at

    @property
    def unread(self) -> bytes:
        """What has come and no `expect` has taken."""
        return bytes(self.received[self._taken :])

    def take(self, size: int) -> bytes:
        taken = bytes(self.received[self._taken : self._taken + size])
        self._taken += size
        return taken

    async def _play(self, script: Sequence[Step]) -> None:
        try:
            for step in script:
                await step(self)
        except (asyncio.CancelledError, PeerLeftError):
            pass
        except BaseException as error:
            self.script_error = error
        finally:
            self.transport.close()

    def note(self) -> None:
        super().note()
        self.backend.note()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.index = len(self.backend.connections)
        self.backend.connections.append(self)
        scripts = self.backend.scripts
        script = scripts[min(self.index, len(scripts) - 1)]
        self.player = asyncio.get_running_loop().create_task(self._play(script))
        self.note()

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.note()

    def eof_received(self) -> bool:
        self.ended_at = time.monotonic()
        self.note()
        return not self.backend.is_tls  # stay half open, as far as TLS allows

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost_at = time.monotonic()
        self.error = exc
        self.note()


class PeerLeftError(Exception):
    """The peer went away while a step waited for its bytes: the script is over."""


class WireBackend(Watched):
    """Listens on a loopback port of the system's choosing. Leaving the `async with` closes everything.

    It then also fails if a script failed, so a test can't pass over a broken script.
    """

    def __init__(
        self,
        *scripts: Sequence[Step],
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        receive_buffer: int | None = None,
    ) -> None:
        super().__init__()
        self.scripts = scripts or ([],)
        self.connections: list[Wire] = []
        self.requests: list[WireRequest] = []
        self.is_tls = tls is not None
        self._tls = tls
        self._host = host
        self.port = port
        self._receive_buffer = receive_buffer
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.is_tls else 'http'}://{self._host}:{self.port}"

    async def __aenter__(self) -> Self:
        sock = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET)
        if self._receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((self._host, self.port))
        self.port = sock.getsockname()[1]
        self._server = await asyncio.get_running_loop().create_server(lambda: Wire(self), sock=sock, ssl=self._tls)
        return self

    async def __aexit__(self, exc_type: object, *_: object) -> None:
        await self.stop()
        if exc_type is None:
            for wire in self.connections:
                if wire.script_error is not None:
                    raise wire.script_error

    async def stop(self) -> None:
        """Refuse new connections and drop the others. Does no harm twice."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for wire in self.connections:
            if wire.player is not None and not wire.player.done():
                wire.player.cancel()
                await asyncio.wait([wire.player])
            if wire.lost_at is None:
                wire.transport.abort()
        for wire in self.connections:
            await wire.until(lambda wire=wire: wire.lost_at is not None)


# --- steps ---


def expect() -> Step:
    """Read one whole request and note it in `backend.requests`."""

    async def step(wire: Wire) -> None:
        head = await _until_found(wire, b"\r\n\r\n")
        lines = head[:-4].split(b"\r\n")
        method, target, version = lines[0].decode().split(" ")
        pairs = [line.split(b": ", 1) for line in lines[1:]]
        headers = [(name.lower(), value) for name, value in pairs]
        named = dict(headers)
        if b"transfer-encoding" in named:
            raw, body = await _chunked(wire)
        else:
            raw = body = await _exactly(wire, int(named.get(b"content-length", 0)))
        request = WireRequest(method, target, version, headers, body, head + raw, wire.index)
        wire.backend.requests.append(request)
        wire.note()

    return step


def expect_head() -> Step:
    """Read up to the empty line, no further; not noted. The body stays in `wire.unread`."""

    async def step(wire: Wire) -> None:
        await _until_found(wire, b"\r\n\r\n")

    return step


def send(data: bytes) -> Step:
    """Write `data` in one go."""

    async def step(wire: Wire) -> None:
        wire.transport.write(data)

    return step


def send_split(data: bytes, *offsets: int, gap_s: float = 0.0) -> Step:
    """Write `data` in pieces cut at `offsets`, each read by the other side on its own.

    A peer in this event loop needs no `gap_s`; one in another process needs a few milliseconds.
    """

    async def step(wire: Wire) -> None:
        cuts = [0, *sorted(offsets), len(data)]
        for start, end in zip(cuts, cuts[1:], strict=False):
            wire.transport.write(data[start:end])
            await _breathe(gap_s)

    return step


def send_bytewise(data: bytes, gap_s: float = 0.0) -> Step:
    """Write `data` one byte at a time."""
    return send_split(data, *range(1, len(data)), gap_s=gap_s)


def wait_for(event: asyncio.Event) -> Step:
    """Go on when the test says so."""

    async def step(wire: Wire) -> None:
        async with asyncio.timeout(BOUND_S):
            await event.wait()

    return step


def tell(event: asyncio.Event) -> Step:
    """Let the test know that the script has come here."""

    async def step(wire: Wire) -> None:
        event.set()

    return step


def pause_reading() -> Step:
    """Read no more, so that the peer's writes fill up the buffers (make them small: `receive_buffer`)."""

    async def step(wire: Wire) -> None:
        wire.transport.pause_reading()

    return step


def resume_reading() -> Step:
    async def step(wire: Wire) -> None:
        wire.transport.resume_reading()

    return step


def reset() -> Step:
    """Close with RST."""

    async def step(wire: Wire) -> None:
        sock = wire.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.transport.abort()

    return step


def finish() -> Step:
    """Close with FIN, after what was written has gone."""

    async def step(wire: Wire) -> None:
        wire.transport.close()

    return step


def half_close() -> Step:
    """Send FIN and go on reading."""

    async def step(wire: Wire) -> None:
        wire.transport.write_eof()

    return step


def until_closed() -> Step:
    """Wait, doing nothing, until the peer has gone (the script's end if it should stall for ever)."""

    async def step(wire: Wire) -> None:
        await wire.until(lambda: wire.left_at is not None)

    return step


def forever(*steps: Step) -> Step:
    """Repeat `steps` until the peer leaves: `forever(expect(), send(…))` is a keep-alive server."""

    async def step(wire: Wire) -> None:
        while wire.left_at is None:
            for inner in steps:
                await inner(wire)

    return step


# --- replies ---


def reply(body: bytes = b"", *, status: str = "200 OK", headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """A whole reply with content-length."""
    extra = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status}\r\n{extra}content-length: {len(body)}\r\n\r\n".encode() + body


def chunked_head(*headers: tuple[str, str], status: str = "200 OK") -> bytes:
    extra = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status}\r\n{extra}transfer-encoding: chunked\r\n\r\n".encode()


def chunk(piece: bytes) -> bytes:
    """One chunk; of b"" it is the last."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


# --- reading ---


async def _until_found(wire: Wire, mark: bytes) -> bytes:
    await wire.until(lambda: mark in wire.unread or wire.left_at is not None)
    unread = wire.unread
    if mark not in unread:
        raise PeerLeftError
    return wire.take(unread.index(mark) + len(mark))


async def _exactly(wire: Wire, size: int) -> bytes:
    await wire.until(lambda: len(wire.unread) >= size or wire.left_at is not None)
    if len(wire.unread) < size:
        raise PeerLeftError
    return wire.take(size)


async def _chunked(wire: Wire) -> tuple[bytes, bytes]:
    """One chunked body: as it came, and decoded."""
    raw = body = b""
    while True:
        line = await _until_found(wire, b"\r\n")
        piece = await _exactly(wire, int(line, 16) + 2)
        raw += line + piece
        body += piece[:-2]
        if piece == b"\r\n":
            return raw, body


async def _breathe(gap_s: float) -> None:
    """Let the other side read what was written: some turns of this loop, or a moment of time."""
    if gap_s:
        await asyncio.sleep(gap_s)
        return
    for _ in range(3):
        await asyncio.sleep(0)
