"""The caller-side HTTP/1.1 server of one worker: makes connections, counts them, drains them. No product logic."""

import asyncio

from llmgateway.domain.clock import Clock
from llmgateway.http.body import BodySink
from llmgateway.http.caller import CallerConnection
from llmgateway.http.census import Census
from llmgateway.http.deadlines import Sweeper
from llmgateway.http.incoming import Incoming
from llmgateway.http.limits import Limits
from llmgateway.http.replies import DateLine
from llmgateway.http.service import Guest, Handler, Refuse, Service

__all__ = ["BodySink", "Handler", "HttpServer", "Incoming", "Limits", "Refuse"]


class HttpServer:
    """Serves `handler` on whatever sockets it is given: `loop.create_server(server.protocol, sock=…)`.

    `handler` runs as one task a request. `refuse` renders what never reaches it (and what it failed to answer): from
    the error and the request's target, which may be b"" or nonsense, it makes header lines and a body. The sweeper
    and the listening sockets belong to the caller of this class.
    """

    def __init__(self, handler: Handler, limits: Limits, *, sweeper: Sweeper, clock: Clock, refuse: Refuse) -> None:
        census: Census[Guest] = Census(limits.max_connections, limits.max_connections_per_peer)
        self._waiters: list[asyncio.Future[None]] = []
        self._is_finishing = False
        self._service = Service(
            handler=handler,
            limits=limits,
            refuse=refuse,
            sweeper=sweeper,
            clock=clock,
            date_line=DateLine(clock),
            census=census,
            on_gone=self._gone,
        )

    def __repr__(self) -> str:
        state = " draining" if self._service.is_draining else ""
        return f"<HttpServer {self.connections} connections, {self.running} requests{state}>"

    def protocol(self) -> asyncio.Protocol:
        """Make the protocol of one accepted connection."""
        return CallerConnection(self._service)

    @property
    def connections(self) -> int:
        return len(self._service.census)

    @property
    def idle(self) -> int:
        """Connections on which nothing is under way."""
        return self._service.census.idle_count

    @property
    def running(self) -> int:
        """Requests whose handler has not ended, also those already answered."""
        return len(self._service.tasks)

    def keep_alive(self, is_kept: bool) -> None:  # noqa: FBT001 - a switch
        """Whether connections may carry another request after their reply; those being drained never do."""
        self._service.is_draining = self._is_finishing or not is_kept

    def finish(self) -> None:
        """Make every reply from now on its connection's last; idle ones stay, for requests that are on their way."""
        self._is_finishing = self._service.is_draining = True

    def drain(self) -> None:
        """Close idle connections; every reply from now on is its connection's last. Stop listening before or after."""
        self.finish()
        for connection in self._service.census:
            connection.drain()

    def close(self) -> None:
        """Close every connection at once; the requests' tasks are cancelled as if their callers had left."""
        self.finish()
        for connection in self._service.census:
            connection.abort()

    async def wait_closed(self) -> None:
        """Wait until no connection is open and no handler runs. Waits for ever unless `drain` or `close` was called."""
        while self.connections or self.running:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def _gone(self) -> None:
        if self._waiters and not (self.connections or self.running):
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiters.clear()
