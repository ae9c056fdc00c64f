"""The fake backend: `python -m bench.backend`. Prints {"port": …} when it listens, and serves until its stdin closes.

`python -m bench.backend 65536` bounds what the kernel takes from it for whoever doesn't read: else 4 MB a stream.

Answers POST with a chat answer, or with a stream as the prompt asks for (see `payload`): at a rate, or one chunk a turn
of the event loop. As cheap as Python allows, because on a small machine it shares the cores with what is measured.
"""

import asyncio
import json
import re
import socket
import sys
from collections import deque
from time import monotonic
from typing import Final

import uvloop

from bench import payload
from bench.pacing import Wheel
from bench.ticks import Ticks

TICK_S: Final = 0.001
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_BODY: Final = payload.answer()
_ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\nconnection: keep-alive\r\n\r\n%b" % (len(_BODY), _BODY)
)
_STREAM: Final = (
    b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\nconnection: keep-alive\r\n\r\n"
)


def _framed(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


AT_ONCE: Final = 128  # streams that send in one turn of the event loop, which takes in one new connection each
_FIRST: Final = _framed(payload.first_chunk())
_SIZE: Final = b"%x\r\n" % len(payload.chunk(payload.stamp(0.0)))


class Pacer:
    """Sends to all streams of one rate, on one timer."""

    def __init__(self, rate: int) -> None:
        period = 1.0 / rate
        start = monotonic()
        self.wheel: Wheel[Backend] = Wheel(period, max(1, round(period / TICK_S)), start)
        self._ticks = Ticks(start + TICK_S, TICK_S, self._tick)

    def _tick(self) -> None:
        for stream in self.wheel.turn(monotonic()):
            stream.step()


class Rush:
    """The streams that send as fast as they are let: a chunk of each a turn of the event loop, or of some of them where
    they are many, so that whoever else asks is answered meanwhile.
    """

    def __init__(self) -> None:
        self._streams: deque[Backend] = deque()

    def add(self, stream: "Backend") -> None:
        if not self._streams:
            asyncio.get_running_loop().call_soon(self._turn)
        self._streams.append(stream)

    def _turn(self) -> None:
        for _ in range(min(AT_ONCE, len(self._streams))):
            stream = self._streams.popleft()
            if stream.hurry():
                self._streams.append(stream)
        if self._streams:
            asyncio.get_running_loop().call_soon(self._turn)


class Backend(asyncio.Protocol):
    """One connection: a request at a time, as every client of a pool sends them."""

    __slots__ = ("_got", "_is_hurrying", "_is_writable", "_left", "_pacers", "_rush", "_slot", "_total", "_transport")

    def __init__(self, pacers: dict[int, Pacer], rush: Rush) -> None:
        self._pacers = pacers
        self._rush = rush
        self._is_hurrying = False
        self._got = b""
        self._left = self._total = 0
        self._slot: list[Backend] | None = None
        self._is_writable = True
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's transports are no subclasses

    def connection_lost(self, exc: Exception | None) -> None:
        self._left = 0
        self._leave()

    def pause_writing(self) -> None:
        self._is_writable = False

    def resume_writing(self) -> None:
        self._is_writable = True
        if self._left and self._slot is None:
            self._begin_to_hurry()

    def data_received(self, data: bytes) -> None:
        got = self._got = self._got + data if self._got else data
        end = got.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(got, 0, end)
        if length is not None and len(got) < end + 4 + int(length[1]):
            return
        self._got = b""
        wanted = payload.wanted(got)
        if wanted is None:
            self._transport.write(_ANSWER)
        else:
            self._begin(*wanted)

    def _begin(self, chunks: int, rate: int) -> None:
        self._left = self._total = chunks
        self._transport.write(_STREAM + _FIRST)
        if rate == payload.FULL_SPEED:
            self._begin_to_hurry()
            return
        if rate not in self._pacers:
            self._pacers[rate] = Pacer(rate)
        self._slot = self._pacers[rate].wheel.add(self)

    def _begin_to_hurry(self) -> None:
        if not self._is_hurrying:
            self._is_hurrying = True
            self._rush.add(self)

    def hurry(self) -> bool:
        """Send a chunk; whether another may follow at once."""
        if self._is_writable:
            self.step()
        self._is_hurrying = self._is_writable and self._left > 0
        return self._is_hurrying

    def step(self) -> None:
        """Send the next chunk; with the last one the end. A stream that nobody reads waits."""
        if not self._left or not self._is_writable:
            return
        self._left -= 1
        event = payload.chunk(payload.stamp(monotonic()), is_first=self._left == self._total - 1)
        chunk = _SIZE + event + b"\r\n"
        if self._left:
            self._transport.write(chunk)
        else:
            self._leave()
            self._transport.write(chunk + _framed(payload.last_chunks(self._total)) + b"0\r\n\r\n")

    def _leave(self) -> None:
        if self._slot is not None:
            self._slot.remove(self)
            self._slot = None


async def serve(send_buffer: int = 0) -> None:
    """Listen on a free port of the loopback interface, until stdin ends."""
    loop = asyncio.get_running_loop()
    pacers: dict[int, Pacer] = {}
    rush = Rush()
    listener = socket.socket()
    if send_buffer:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)  # inherited by what it accepts
    listener.bind(("127.0.0.1", 0))
    server = await loop.create_server(lambda: Backend(pacers, rush), sock=listener, backlog=4096)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    over = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), over.set)
    await over.wait()


if __name__ == "__main__":
    uvloop.run(serve(*map(int, sys.argv[1:])))
