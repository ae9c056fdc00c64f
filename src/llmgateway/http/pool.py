"""The connections of one worker to one backend: dialled when needed, kept for a moment, never more than allowed.

Last in, first out, so that a quiet backend's surplus goes stale and is closed. No queue: at the bound a caller is
refused at once (`overloaded`), and the plan goes to another backend; waiting would only hide the backlog.
"""

from functools import partial
from typing import Final

from llmgateway.domain.clock import Clock
from llmgateway.domain.errors import GatewayError
from llmgateway.http.client import Origin
from llmgateway.http.client_dial import Dialer
from llmgateway.http.connection import Connection
from llmgateway.http.deadlines import Sweeper

_CLOSED: Final = "This backend has been taken out of the configuration."


class Pool:
    """Connections to one origin. Everything on the event loop's thread; the owner calls `close`."""

    __slots__ = ("_clock", "_connections", "_dialer", "_dialing", "_idle", "_is_closed", "_make", "origin")

    def __init__(self, origin: Origin, *, clock: Clock, sweeper: Sweeper) -> None:
        self.origin = origin
        self._clock = clock
        self._dialer = Dialer(origin, clock)
        self._dialing = 0
        self._connections: set[Connection] = set()
        self._idle: dict[Connection, None] = {}  # in the order they came back; popitem takes the latest
        self._is_closed = False
        self._make = partial(Connection, self, clock, sweeper)

    def __repr__(self) -> str:
        origin = self.origin
        state = "closed" if self._is_closed else f"{self.open}/{origin.max_connections} open"
        return (
            f"<Pool {origin.scheme}://{origin.authority.decode()}: {state}, {len(self._idle)} idle, "
            f"{self._dialing} dialling>"
        )

    @property
    def open(self) -> int:
        """Connections that exist or are being made."""
        return len(self._connections) + self._dialing

    def idle(self) -> Connection | None:
        """Take the latest idle connection that is still alive; None if there is none."""
        while self._idle:
            connection, _ = self._idle.popitem()
            deadline = connection.deadline
            if deadline is not None and deadline > self._clock.monotonic() and connection.is_quiet():
                connection.deadline = None
                return connection
            connection.cancel()
        return None

    async def dial(self) -> Connection:
        """Make a new connection, whatever is idle.

        Raises GatewayError `upstream_unreachable`, `upstream_timeout`, `upstream_tls`, `upstream_protocol`, or
        `overloaded` when `max_connections` are open.
        """
        if self._is_closed:
            raise GatewayError("upstream_unreachable", _CLOSED)
        self._make_room()
        self._dialing += 1
        try:
            connection = await self._dialer.dial(self._make)
        finally:
            self._dialing -= 1
        self._connections.add(connection)
        return connection

    def close(self) -> None:
        """Close what is idle; what is busy ends its exchange first and is then closed, too."""
        self._is_closed = True
        self._dialer.close()
        while self._idle:
            self._idle.popitem()[0].cancel()

    def release(self, connection: Connection) -> None:
        """Keep a connection for the next exchange (called by the connection)."""
        if self._is_closed:
            connection.cancel()
        else:
            self._idle[connection] = None
            connection.deadline = self._clock.monotonic() + self.origin.keepalive_s

    def forget(self, connection: Connection) -> None:
        """Drop a connection that is closed (called by the connection)."""
        self._connections.discard(connection)
        self._idle.pop(connection, None)

    def _make_room(self) -> None:
        if self.open >= self.origin.max_connections and self._idle:
            next(iter(self._idle)).cancel()  # the oldest idle one gives way
        if self.open >= self.origin.max_connections:
            raise GatewayError("overloaded", "The backend's connections are all in use.")
