"""Group commit: while one group is being written and synced in a thread, the next one gathers.

So the disk sets the pace, the event loop never waits for it, and a busy moment costs one sync for many records.
The appender is touched by one thread alone, and by one group at a time.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future as Job
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from llmgateway.domain.clock import Clock
from llmgateway.journal.appender import Appender, Record, refusal

MAX_GATHERED_BYTES: Final = 64 * 1024 * 1024  # a disk that is this far behind takes no new exchanges

Waiter = asyncio.Future[None]


@dataclass(slots=True)
class _Flight:
    """A group on its way to the disk."""

    records: list[Record]
    waiters: list[Waiter]
    began: float
    job: Job[list[bool]]


class GroupCommit:
    """Hands each record a future that is done once the record is kept. Belongs to one event loop.

    `on_quiet` hears when nothing is on its way and nothing waits: then the appender may be used without this.
    """

    def __init__(self, appender: Appender, clock: Clock, on_quiet: Callable[[], None] = lambda: None) -> None:
        self._on_quiet = on_quiet
        self._appender = appender
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._records: list[Record] = []
        self._waiters: list[Waiter] = []
        self._gathered_bytes = 0
        self._flight: _Flight | None = None
        self._is_due = False  # a take-off is scheduled

    def append(self, record: Record) -> Waiter:
        """Put the record into the next group; raises GatewayError log_store_full if that is no use."""
        if not record.may_use_reserve and (
            self._appender.is_full or self._gathered_bytes + record.size > MAX_GATHERED_BYTES
        ):
            self.tick()
            raise refusal()
        loop = asyncio.get_running_loop()
        waiter: Waiter = loop.create_future()
        self._records.append(record)
        self._waiters.append(waiter)
        self._gathered_bytes += record.size
        if self._flight is None and not self._is_due:
            self._is_due = True
            loop.call_soon(self._take_off)
        return waiter

    def tick(self) -> None:
        """Let the appender look after itself, with the next group or an empty one."""
        if self._flight is None and self._appender.wants_tick:
            self._take_off()

    def close(self) -> None:
        """Write and sync what has gathered. Blocks as long as the disk does."""
        while self._flight is not None or self._records:
            if self._flight is None:
                self._take_off()
            else:
                self._land(self._flight)
        self._thread.shutdown()

    def _take_off(self) -> None:
        self._is_due = False
        if self._flight is not None:
            return
        records, self._records = self._records, []
        waiters, self._waiters = self._waiters, []
        self._gathered_bytes = 0
        job = self._thread.submit(self._appender.commit, records)
        flight = _Flight(records, waiters, self._clock.monotonic(), job)
        self._flight = flight
        loop = asyncio.get_running_loop()
        job.add_done_callback(lambda _: _tell(loop, self._landed, flight))

    def _landed(self, flight: _Flight) -> None:
        if flight is self._flight:  # else close has seen to it
            self._land(flight)
            if self._records:
                self._take_off()
            else:
                self._on_quiet()

    def _land(self, flight: _Flight) -> None:
        kept = _outcome(flight)
        self._flight = None
        stats = self._appender.stats
        size = 0
        for record, waiter, is_kept in zip(flight.records, flight.waiters, kept, strict=True):
            if is_kept:
                size += record.size
            if not waiter.done():  # done: its caller left
                waiter.set_result(None) if is_kept else waiter.set_exception(refusal())
        stats.refused += kept.count(False)
        if any(kept):
            stats.wrote(kept.count(True), size, self._clock.monotonic() - flight.began)


def _outcome(flight: _Flight) -> Sequence[bool]:
    try:
        return flight.job.result()
    except Exception:  # noqa: BLE001 - whatever went wrong in the thread, the waiters must hear that they can't rely on it
        return [False] * len(flight.records)


def _tell(loop: asyncio.AbstractEventLoop, landed: Callable[[_Flight], None], flight: _Flight) -> None:
    try:
        loop.call_soon_threadsafe(landed, flight)
    except RuntimeError:  # the loop has closed: nobody is left to be told
        pass
