"""Read a copy's reply to its end, within bounds, for the record alone: nobody is sent it.

A whole reply has been gathered by the time it could be judged. A stream is read and let go piece by piece: as fast as a
model speaks, and beyond that at a pace which all copies of a worker share. A backend that pours must not take the event
loop from those who are waited for.
"""

import asyncio
from typing import Final

from llmgateway.dataplane.attempt import Dispatched
from llmgateway.dataplane.call import Errand
from llmgateway.dataplane.linger import Linger
from llmgateway.dataplane.relay import end_of
from llmgateway.dataplane.reply import MAX_WHOLE, Reply, Way
from llmgateway.domain.clock import Clock
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.exchange import End, Phase
from llmgateway.http.connection import Connection

FREE_BYTES: Final = 64 * 1024  # of each stream
SPEECH_BYTES_S: Final = 32 * 1024  # of each stream: a hundred tokens a second, each in an event of its own
SHARED_BYTES_S: Final = 512 * 1024  # of all streams together, beyond that
BURST_S: Final = 1.0  # of the shared pace: how much of it may be saved up
MAX_STREAM: Final = 4 * MAX_WHOLE


class Pace:
    """How fast the streams of a worker's copies may come beyond their own allowance. They take turns by waiting."""

    __slots__ = ("_clock", "_free_at")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._free_at = 0.0

    def take(self, size: int) -> float:
        """Account for `size` bytes that have come; the seconds after which their stream may go on."""
        now = self._clock.monotonic()
        self._free_at = max(self._free_at, now - BURST_S) + size / SHARED_BYTES_S
        return max(0.0, self._free_at - now)


async def collect(errand: Errand, sent: Dispatched, pace: Pace) -> None:
    """Take the reply in and note how it ended. Cancelled, it leaves the connection to its caller."""
    reply, exchange = sent.reply, errand.exchange
    exchange.phase = Phase.RELAY
    exchange.status = reply.status
    if reply.way is not Way.WHOLE:
        reply.release(Sink(reply, sent.connection, pace, errand.gateway.clock))
        await reply.done
        _let_go(errand, sent)
    error = reply.fault
    if reply.reader.error is not None:
        error = GatewayError("upstream_error")
    if error is None:
        exchange.end = End.COMPLETED
        return
    exchange.error_code = error.code
    exchange.error_detail = reply.complaint if reply.reader.error is not None else None
    exchange.end = end_of(error)


def _let_go(errand: Errand, sent: Dispatched) -> None:
    """Leave the connection to the next exchange, if its reply is over or about to be."""
    if sent.reply.is_over:
        return
    if sent.reply.fault is not None:
        sent.connection.cancel()
    else:
        Linger(sent.reply, sent.connection, errand.gateway.sweeper, errand.gateway.clock)


class Sink:
    """Where a copy's stream goes (dataplane.reply.Outlet): counted, slowed down, cut off when there is no end to it."""

    __slots__ = ("_clock", "_connection", "_pace", "_paid", "_reply", "_started", "_taken")

    def __init__(self, reply: Reply, connection: Connection, pace: Pace, clock: Clock) -> None:
        self._reply = reply
        self._connection = connection
        self._pace = pace
        self._clock = clock
        self._started = clock.monotonic()
        self._taken = 0
        self._paid = 0  # of what was taken, the bytes that the shared pace has accounted for

    def write(self, piece: bytes) -> None:
        self._taken += len(piece)
        if self._taken > MAX_STREAM:
            self._connection.cancel()
            self._reply.on_fault(GatewayError("upstream_protocol", "The stream has no end."), reusable_retry=False)
            return
        allowed = FREE_BYTES + SPEECH_BYTES_S * (self._clock.monotonic() - self._started)
        over = int(self._taken - self._paid - allowed)
        if over > 0:
            self._paid += over
            self._wait(self._pace.take(over))

    def _wait(self, seconds: float) -> None:
        if seconds > 0 and not self._reply.is_over:
            self._connection.pause()
            asyncio.get_running_loop().call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        if not self._reply.is_over:  # else the connection is another exchange's by now
            self._connection.resume()
