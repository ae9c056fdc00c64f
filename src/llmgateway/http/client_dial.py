"""Open a connection to a backend: resolve, connect, go through the proxy, shake hands. The one place that dials.

Every step runs within the one connect deadline, which the pool sets; whatever was opened is closed on failure.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from llmgateway.domain.clock import Clock
from llmgateway.domain.errors import GatewayError
from llmgateway.http.client import Origin
from llmgateway.http.client_resolve import Resolver, Target
from llmgateway.http.connection import Connection
from llmgateway.http.proxy import tunnel
from llmgateway.http.tls import client_context, tls_fault

STAGGER_S: Final = 0.25  # RFC 8305, section 5: the next address is tried beside a slow one
_NO_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE})
_KEEPALIVE_IDLE_S: Final = 30  # a model may think for minutes: keep address translators from forgetting us

Factory = Callable[[socket.socket | None], Connection]


class Dialer:
    """Opens connections to one origin."""

    __slots__ = ("_context", "_origin", "_resolver")

    def __init__(self, origin: Origin, clock: Clock) -> None:
        first = origin.proxy or origin
        self._origin = origin
        self._resolver = Resolver(first.host, first.port, clock)
        self._context: ssl.SSLContext | None = None

    async def dial(self, factory: Factory) -> Connection:
        """Return an open connection made by `factory`.

        Raises GatewayError `upstream_unreachable`, `upstream_timeout`, `upstream_tls`, `upstream_protocol` (the
        proxy's) or `overloaded` (no file descriptors left here); its cause names the address, for the log.
        """
        try:
            async with asyncio.timeout(self._origin.connect_timeout_s):
                return await self._dial(factory)
        except TimeoutError as error:
            raise GatewayError("upstream_timeout", "The backend did not accept a connection in time.") from error
        except OSError as error:
            raise GatewayError("overloaded" if error.errno in _NO_DESCRIPTORS else "upstream_unreachable") from error

    def close(self) -> None:
        self._resolver.close()

    async def _dial(self, factory: Factory) -> Connection:
        context = await self._tls_context() if self._origin.is_tls else None
        sock = await connect_any(await self._resolver.targets(), self._origin.receive_buffer_bytes)
        try:
            if self._origin.proxy is not None:
                await tunnel(sock, self._origin.proxy, self._origin.authority)
        except BaseException:
            sock.close()
            raise
        if context is None:
            return await self._attach(factory, sock, None)
        try:
            return await self._attach(factory, sock, context)
        except TimeoutError:
            raise
        except OSError as error:  # ssl.SSLError is one; so is a peer that hangs up in the handshake
            raise tls_fault(error) from error

    async def _attach(self, factory: Factory, sock: socket.socket, context: ssl.SSLContext | None) -> Connection:
        """Put a transport on the socket; the event loop closes both if that fails."""
        connection = factory(sock if context is None else None)
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: connection, sock=sock, ssl=context, server_hostname=self._origin.host if context else None
            )
        except BaseException:
            connection.cancel()
            raise
        if not connection.is_open:
            raise ConnectionResetError("closed as soon as it was open")
        return connection

    async def _tls_context(self) -> ssl.SSLContext:
        if self._context is None:
            loop = asyncio.get_running_loop()
            self._context = await loop.run_in_executor(None, client_context, self._origin.ca_file)
        return self._context


async def connect_any(targets: list[Target], receive_buffer_bytes: int) -> socket.socket:
    """Connect to the first address that answers, all of them tried, each given a head start over the next.

    Raises the last address's OSError. Cancelled, it leaves no socket behind.
    """
    if len(targets) == 1:
        return await _connect(targets[0], receive_buffer_bytes)
    started: list[asyncio.Task[socket.socket]] = []
    winner = None
    try:
        winner = await _race(targets, receive_buffer_bytes, started)
        return winner.result()
    finally:
        for task in started:
            if task is not winner:
                task.cancel()
                task.add_done_callback(_close_unused)


async def _race(
    targets: list[Target], receive_buffer_bytes: int, started: list[asyncio.Task[socket.socket]]
) -> asyncio.Task[socket.socket]:
    """Return the task that connected first. Every task is put into `started`, for the caller to clear up."""
    running: set[asyncio.Task[socket.socket]] = set()
    error: BaseException | None = None
    while running or len(started) < len(targets):
        if len(started) < len(targets):
            task = asyncio.create_task(_connect(targets[len(started)], receive_buffer_bytes))
            started.append(task)
            running.add(task)
        head_start = STAGGER_S if len(started) < len(targets) else None
        done, running = await asyncio.wait(running, timeout=head_start, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            error = task.exception()
            if error is None:
                return task
    raise error or OSError("there is no address")


def _close_unused(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _connect(target: Target, receive_buffer_bytes: int) -> socket.socket:
    sock = socket.socket(target.family, socket.SOCK_STREAM)
    try:
        sock.settimeout(0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)  # before the window is agreed on
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        with suppress(AttributeError):  # not on every system
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE_S)
        await asyncio.get_running_loop().sock_connect(sock, target.address)
    except BaseException:
        sock.close()
        raise
    return sock
