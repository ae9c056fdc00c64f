"""What the connections of one server share: its settings, their states, and who gives way when there are too many."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass, field
from enum import IntEnum, auto
from typing import Any, Protocol

from llmgateway.domain.clock import Clock
from llmgateway.domain.errors import GatewayError
from llmgateway.http.census import Census
from llmgateway.http.deadlines import Sweeper
from llmgateway.http.incoming import Incoming
from llmgateway.http.limits import Limits
from llmgateway.http.replies import DateLine

Handler = Callable[[Incoming], Coroutine[Any, Any, None]]
Refuse = Callable[[GatewayError, bytes], tuple[bytes, bytes]]


class State(IntEnum):
    """In the order of a connection's life; up to ACTIVE it reads requests."""

    IDLE = auto()  # nothing of the next request is here
    HEAD = auto()
    ACTIVE = auto()  # a request is with the handler
    LINGER = auto()
    CLOSING = auto()  # what is written goes out, then the socket closes
    CLOSED = auto()


class Guest(Hashable, Protocol):
    """One connection, as the server sees it."""

    def close(self) -> None: ...
    def abort(self) -> None: ...
    def drain(self) -> None: ...


@dataclass(slots=True)
class Service:
    """What all connections of one server share."""

    handler: Handler
    limits: Limits
    refuse: Refuse
    sweeper: Sweeper
    clock: Clock
    date_line: DateLine
    census: Census[Guest]
    on_gone: Callable[[], None]  # a connection or a task has ended
    is_draining: bool = False
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def turned_away(self, peer: str) -> GatewayError | None:
        """Make room for one more connection of `peer`; the reason if there is none to be made."""
        census = self.census
        if census.is_peer_full(peer) and not self._evict(peer):
            return GatewayError("too_many_connections", retry_after_s=1.0)
        if census.is_full() and not self._evict(None):
            return GatewayError("overloaded", retry_after_s=1.0)
        return None

    def _evict(self, peer: str | None) -> bool:
        victim = self.census.oldest_idle(peer)
        if victim is None:
            return False
        self.census.remove(victim)
        victim.close()
        return True
