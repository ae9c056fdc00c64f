"""Backends of the shadow benchmark: `python -m bench.shadow_backends KIND …`. Prints their ports as JSON.

    model     a chat answer after 50 ms: the primary, and the shadow that is well
    slow      the same after 10 s
    garbage   bytes that are no HTTP
    rst       closes with a reset once it was asked
    endless   a stream that pours for three seconds, as fast as it is read, and breaks off

Serves until its stdin closes.
"""

import asyncio
import json
import socket
import struct
import sys
from collections.abc import Callable
from functools import partial
from typing import Final

import uvloop

from bench import payload

MODEL_S: Final = 0.05
SLOW_S: Final = 10.0
POURS_S: Final = 3.0
SEND_BUFFER: Final = 32 * 1024  # of who pours: what it holds is still read when it has long stopped
_BODY: Final = payload.answer()
_ANSWER: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(_BODY),
    _BODY,
)
_STREAM: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_EVENTS: Final = payload.chunk(payload.stamp(0.0)) * 200
_POURED: Final = b"%x\r\n%b\r\n" % (len(_EVENTS), _EVENTS)


class Backend(asyncio.Protocol):
    """Answers each request with what its kind says. Requests come whole enough: a body is never larger than 1.2 KB."""

    def __init__(self, answer: Callable[["Backend"], None]) -> None:
        self._answer = answer
        self._got = b""
        self.transport: asyncio.Transport
        self.is_writable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # uvloop's transports are no subclasses

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            return
        self._got = b""
        self._answer(self)

    def pause_writing(self) -> None:
        self.is_writable = False

    def resume_writing(self) -> None:
        self.is_writable = True

    def later(self, seconds: float, answer: bytes) -> None:
        """Write, unless the other side has gone by then."""
        asyncio.get_running_loop().call_later(seconds, self._write, answer)

    def pour(self) -> None:
        """Write for a while, with as much in the buffers as they take."""
        loop = asyncio.get_running_loop()
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self.transport.write(_STREAM)
        ends = loop.time() + POURS_S

        def step() -> None:
            if self.transport.is_closing() or loop.time() > ends:
                self.transport.abort()
                return
            if self.is_writable:
                self.transport.write(_POURED)
            loop.call_later(0.001 if self.is_writable else 0.01, step)

        step()

    def reset(self) -> None:
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _write(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)


KINDS: Final[dict[str, Callable[[Backend], None]]] = {
    "model": lambda backend: backend.later(MODEL_S, _ANSWER),
    "slow": lambda backend: backend.later(SLOW_S, _ANSWER),
    "garbage": lambda backend: backend.transport.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n" * 50),
    "rst": lambda backend: backend.reset(),
    "endless": lambda backend: backend.pour(),
}


async def serve() -> None:
    """Listen on a free port of the loopback interface for each kind named, until stdin ends."""
    loop = asyncio.get_running_loop()
    ports = {}
    for kind in sys.argv[1:]:
        server = await loop.create_server(partial(Backend, KINDS[kind]), "127.0.0.1", 0, backlog=4096)
        ports[kind] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    over = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), over.set)
    await over.wait()


if __name__ == "__main__":
    uvloop.run(serve())
