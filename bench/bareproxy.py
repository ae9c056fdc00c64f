"""The least that a proxy in Python can be: `python -m bench.bareproxy PORT_OF_BACKEND`. Prints {"port": …}.

httptools and uvloop on both sides, heads passed on as they came, bytes pushed from one transport to the other. It
checks nothing, routes nothing, keeps nothing, and would be unsafe anywhere else. What it costs is the floor under every
gateway in this language, and the difference to it is what features cost. As many processes as the gateway has workers.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

import httptools
import uvloop

WORKERS: Final = int(os.environ.get("BENCH_WORKERS", "2"))


class _Side(asyncio.Protocol):
    """A connection and a parser that tells when a message on it is over."""

    parser_type: Callable[[Any], Any]

    def __init__(self) -> None:
        self.is_over = False
        self._parser = self.parser_type(self)
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # uvloop's transports are no subclasses

    def on_message_begin(self) -> None:
        self.is_over = False

    def on_message_complete(self) -> None:
        self.is_over = True


class Backend(_Side):
    """The connection to the backend."""

    parser_type = httptools.HttpResponseParser

    def __init__(self, idle: list["Backend"]) -> None:
        super().__init__()
        self._idle = idle
        self.caller: asyncio.Transport | None = None

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)
        caller = self.caller
        if self.is_over:
            self.caller = None
            self._idle.append(self)
        if caller is not None:
            self.answer(caller, data)

    def answer(self, caller: asyncio.Transport, data: bytes) -> None:
        """Pass on what the backend sent; `is_over` tells whether that was the last of it."""
        caller.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self in self._idle:
            self._idle.remove(self)
        if self.caller is not None:
            self.caller.abort()


class Caller(_Side):
    """The connection of a caller."""

    parser_type = httptools.HttpRequestParser

    def __init__(self, dial: Callable[[], Any], idle: list[Backend]) -> None:
        super().__init__()
        self._dial = dial
        self._idle = idle
        self._backend: Backend | None = None
        self._got = b""
        self._dialling: asyncio.Task[None] | None = None

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)
        self._got += data
        if not self.is_over:
            return
        got, self._got = self._got, b""
        if self._idle:
            self.ask(self._idle.pop(), got)
        else:
            self._dialling = asyncio.ensure_future(self._dialled(got))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._backend is not None and self._backend.caller is self.transport:
            self._backend.caller = None
            self._backend.transport.abort()

    def pause_writing(self) -> None:
        """The caller reads less than comes: have it wait where it is."""
        if self._backend is not None:
            self._backend.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._backend is not None:
            self._backend.transport.resume_reading()

    async def _dialled(self, got: bytes) -> None:
        self.ask(await self._dial(), got)

    def ask(self, backend: Backend, got: bytes) -> None:
        """Pass on a whole request."""
        self._backend = backend
        backend.caller = self.transport
        backend.transport.write(got)


async def serve(
    listener: socket.socket, port: int, caller: type[Caller] = Caller, backend: type[Backend] = Backend
) -> None:
    """Pass on what comes over `listener`, for ever."""
    loop = asyncio.get_running_loop()
    idle: list[Backend] = []

    async def dial() -> Backend:
        _, made = await loop.create_connection(lambda: backend(idle), "127.0.0.1", port)
        return made

    await loop.create_server(lambda: caller(dial, idle), sock=listener)
    await asyncio.Event().wait()


def main(caller: type[Caller] = Caller, backend: type[Backend] = Backend) -> None:
    """Listen, and pass on in two processes."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listener.setblocking(False)
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    children = []
    for _ in range(WORKERS):
        child = os.fork()
        if not child:
            uvloop.run(serve(listener, int(sys.argv[1]), caller, backend))
        children.append(child)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        signal.pause()
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main()
