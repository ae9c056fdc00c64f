"""What a backend still sends behind a stream's last event: waited for a moment, for the connection's sake.

The caller has its answer by then. A backend that does not end its reply would otherwise hold the connection for ever.
"""

from typing import Final

from llmgateway.dataplane.reply import Reply
from llmgateway.domain.clock import Clock
from llmgateway.http.connection import Connection
from llmgateway.http.deadlines import Sweeper

LINGER_S: Final = 1.0


class Linger:
    """Drops the connection unless the reply on it ends in time. Watched by the sweeper until then."""

    __slots__ = ("_connection", "_reply", "_sweeper", "deadline")

    def __init__(self, reply: Reply, connection: Connection, sweeper: Sweeper, clock: Clock) -> None:
        self._reply = reply
        self._connection = connection
        self._sweeper = sweeper
        self.deadline: float | None = clock.monotonic() + LINGER_S
        sweeper.watch(self)

    def expire(self) -> None:
        self._sweeper.forget(self)
        if not self._reply.is_over:  # else it carries somebody else's exchange by now
            self._connection.cancel()
