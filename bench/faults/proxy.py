"""A TCP proxy that breaks connections on purpose, between a gateway and a backend or between a caller and a gateway.

    async with FaultProxy(backend_port) as proxy:
        proxy.answers = Fault(slice=1)        # what the target sends comes byte by byte
        proxy.requests = Fault(rate=1000)     # what is sent to the target is slow
        await proxy.close_door(REFUSED)       # nobody is let in any more
        await proxy.flap(3.0)                 # refuses and serves in turn, until another door is set

`answers` and `requests` may be changed at any time and count for running connections from their next piece. In the
event loop of whoever uses it; loopback only. tests/faults/test_proxy.py proves each mode from both ends.
"""

import asyncio
import random
import socket
import struct
from contextlib import suppress
from typing import Any, Final, Self

from bench.faults.fault import NONE, REFUSED, Act, Door, Fault, shape

_PIECE: Final = 65_536
_BACKLOG: Final = 1024
_HOST: Final = "127.0.0.1"
_LINGER_NOT: Final = struct.pack("ii", 1, 0)


class FaultProxy:
    """Listens on `port` and passes bytes to and from `target`, a port of the loopback interface that may be changed."""

    def __init__(self, target: int, *, seed: int = 0) -> None:
        self.target = target
        self.port = 0
        self.answers = NONE
        self.requests = NONE
        self.accepted = 0
        self.links: set[Link] = set()
        self._draw = random.Random(seed).random
        self._server: asyncio.Server | None = None
        self._shut: list[socket.socket] = []
        self._flapping: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://{_HOST}:{self.port}"

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._calm()
        self._close()
        await self.cut()

    async def mend(self) -> None:
        """Take every fault away; connections that stalled or broke stay as they are."""
        self.answers = self.requests = NONE
        await self.open_door()

    async def open_door(self) -> None:
        await self._calm()
        await self._set(Door.OPEN)

    async def close_door(self, fault: Fault = REFUSED, *, cut: bool = True) -> None:
        """Let nobody in, as `fault.door` says; `cut`: reset who is in already, as if the target had died."""
        await self._calm()
        await self._set(fault.door)
        if cut:
            await self.cut()

    async def flap(self, period: float) -> None:
        """Refuse and serve in turn, each for `period` seconds, beginning with refusing."""
        await self._calm()
        self._flapping = asyncio.get_running_loop().create_task(self._flap(period))

    async def cut(self) -> None:
        """Reset every connection there is."""
        links = tuple(self.links)
        for link in links:
            link.reset()
        await asyncio.gather(*(link.over() for link in links))

    async def _flap(self, period: float) -> None:
        while True:
            await self._set(Door.REFUSED)
            await self.cut()
            await asyncio.sleep(period)
            await self._set(Door.OPEN)
            await asyncio.sleep(period)

    async def _calm(self) -> None:
        if self._flapping is not None:
            self._flapping.cancel()
            await asyncio.wait([self._flapping])
            self._flapping = None

    async def _set(self, door: Door) -> None:
        self._close()
        if door is Door.OPEN:
            await self._open()
        elif door is Door.BLACKHOLE:
            self._shut = _full(self.port)
        elif door is Door.SILENT:
            self._shut = [_listening(self.port, _BACKLOG)]

    async def _open(self) -> None:
        listener = _listening(self.port, _BACKLOG)
        self.port = listener.getsockname()[1]
        self._server = await asyncio.start_server(self._serve, sock=listener, limit=_PIECE)

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for each in self._shut:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            each.close()
        self._shut = []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        link = Link(self, reader, writer)
        self.links.add(link)
        try:
            await link.run()
        finally:
            self.links.discard(link)

    def draw(self) -> float:
        return self._draw()


class Link:
    """One connection and its other half."""

    def __init__(self, proxy: FaultProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._near = (reader, writer)
        self._far: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._is_reset = asyncio.Event()
        self._is_over = asyncio.Event()

    async def run(self) -> None:
        """Pass bytes both ways until both sides have ended, or one is reset."""
        try:
            self._far = await asyncio.open_connection(_HOST, self._proxy.target, limit=_PIECE)
            await self._pass_on(self._far)
        except OSError:
            self.reset()  # the target is not there: who came must not take it for a polite end
        finally:
            self._drop()
            self._is_over.set()

    async def _pass_on(self, far: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        tasks = {
            asyncio.ensure_future(self._pump(self._near[0], far[1], "requests")),
            asyncio.ensure_future(self._pump(far[0], self._near[1], "answers")),
        }
        cut = asyncio.ensure_future(self._is_reset.wait())
        left = set(tasks)
        try:
            while left and not cut.done():
                done, _ = await asyncio.wait({*left, cut}, return_when=asyncio.FIRST_COMPLETED)
                left -= done
                if any(each is not cut and not each.cancelled() and each.exception() for each in done):
                    self.reset()
        finally:
            for each in (*tasks, cut):
                each.cancel()
            await asyncio.gather(*tasks, cut, return_exceptions=True)

    async def over(self) -> None:
        await self._is_over.wait()

    def reset(self) -> None:
        """Let both sides get a RST, also those that have gone half way."""
        self._is_reset.set()
        for pair in (self._near, self._far):
            sock: Any = pair[1].get_extra_info("socket") if pair else None
            if sock is not None:
                with suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)

    def _drop(self) -> None:
        """Let go of both sides; what is written already still arrives, unless they were reset."""
        for pair in (self._near, self._far):
            if pair is not None and self._is_reset.is_set():
                pair[1].transport.abort()
            elif pair is not None:
                pair[1].close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str) -> None:
        """Pass one direction on; its end with it. Raises OSError where a side broke."""
        fault, passed = NONE, 0
        while piece := await reader.read(_PIECE):
            now: Fault = getattr(self._proxy, way)
            if now is not fault:
                fault, passed = now, 0
            for step in shape(piece, passed, fault, self._proxy.draw):
                if step.wait:
                    await asyncio.sleep(step.wait)
                await self._write(writer, step.piece, is_sliced=bool(fault.slice))
                if step.act is not None and await self._act(step.act, reader, writer):
                    return
            passed += len(piece)
        if writer.can_write_eof():
            writer.write_eof()

    async def _write(self, writer: asyncio.StreamWriter, piece: bytes, *, is_sliced: bool) -> None:
        if piece:
            writer.write(piece)
            await writer.drain()
        if is_sliced:
            await asyncio.sleep(0)  # a write by itself, which the other side reads by itself when it has the time

    async def _act(self, act: Act, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Do it; whether this direction is over with it."""
        if act is Act.RESET:
            self.reset()
            return True
        if act is Act.HALF_CLOSE:
            writer.write_eof()
        while await reader.read(_PIECE):  # stalled, or half closed: what still comes goes nowhere
            pass
        return True


def _listening(port: int, backlog: int) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.bind((_HOST, port))
    sock.listen(backlog)
    sock.setblocking(False)
    return sock


def _full(port: int) -> list[socket.socket]:
    """A listener whose queue is full, and who fills it."""
    listener = _listening(port, 0)
    callers = []
    for _ in range(3):
        caller = socket.socket()
        caller.setblocking(False)
        caller.connect_ex((_HOST, listener.getsockname()[1]))
        callers.append(caller)
    return [listener, *callers]
