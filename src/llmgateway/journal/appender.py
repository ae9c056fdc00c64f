"""Records into segments, in order, whatever the disk does. Knows no event loop; one thread at a time may be in here.

- No space: the record leaves no trace, new exchanges are refused, running ones live on the reserve.
- A failing disk: the segment is never touched again, and what nobody was promised yet goes into the next one.
"""

import errno
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Final, NamedTuple

from llmgateway.config.snapshot import Durability, Journal
from llmgateway.domain.clock import Clock
from llmgateway.domain.errors import GatewayError
from llmgateway.journal.disk import Disk, is_full
from llmgateway.journal.layout import segment_path
from llmgateway.journal.segments import Segment
from llmgateway.journal.space import Space
from llmgateway.journal.stats import WriterStats

ROTATE_AFTER_S: Final = 60.0  # a segment with records is closed by then, so that it can be unlinked once ingested
CHECK_EVERY_S: Final = 1.0
SUSPECT_S: Final = 60.0  # that long after a disk fault this writer calls itself faulty
_MIN_SEGMENT_BYTES: Final = 64 * 1024


class Record(NamedTuple):
    """One framed record on its way to the disk."""

    buffers: list[bytes]
    size: int
    may_use_reserve: bool


def refusal() -> GatewayError:
    """Make the error of a record that could not be kept."""
    return GatewayError("log_store_full", retry_after_s=CHECK_EVERY_S)


class Appender:
    """Owns the open segment of one incarnation."""

    def __init__(self, folder: Path, settings: Journal, clock: Clock, disk: Disk, space: Space) -> None:
        self._folder = folder
        self._clock = clock
        self._monotonic = clock.monotonic
        self._disk = disk
        self._space = space
        self._is_unlimited = settings.max_bytes is None
        self._is_synced = settings.durability is Durability.DISK
        self._segment_bytes = _segment_bytes(settings)
        self._segment: Segment | None = None
        self._next_number = 0
        self._rotate_at = 0.0
        self._retry_open_at = 0.0
        self._tick_at = 0.0
        self._fault_at: float | None = None
        self.stats = WriterStats()
        self.tick()

    @property
    def is_full(self) -> bool:
        """New exchanges are refused for want of space."""
        return self._space.is_full

    @property
    def is_unlinked(self) -> bool:
        """Whether what is written now can be found by nobody."""
        return self._segment is not None and not self._segment.is_linked

    @property
    def is_faulty(self) -> bool:
        """The disk failed lately, or there is nothing to write to."""
        if self._segment is None:
            return True
        return self._fault_at is not None and self._clock.monotonic() - self._fault_at < SUSPECT_S

    def write(self, buffers: list[bytes], size: int, *, may_use_reserve: bool) -> None:
        """Keep one record of `size` bytes, without syncing, and count it; raises as `append` does.

        Up to its limit and its age the segment takes a record without a question: this runs twice for every exchange.
        """
        segment = self._segment
        began = self._monotonic()
        tries = 2
        if segment is not None and segment.size + size <= segment.limit and began < self._rotate_at:
            try:
                segment.write(buffers, (size,))
                tries = 0
            except OSError as error:
                tries = self._tries_after(error, segment, began)
        if tries:
            self.append(Record(buffers, size, may_use_reserve), began, tries)
        stats = self.stats  # as stats.wrote(1, …) would, but for the call
        stats.records += 1
        stats.writes += 1
        stats.bytes += size
        took = self._monotonic() - began
        stats.write_s += took
        if took > stats.slowest_write_s:  # noqa: PLR1730 - max() is a call too
            stats.slowest_write_s = took

    def append(self, record: Record, now: float | None = None, tries: int = 2) -> None:
        """Write one record, asking all there is to ask: `write` for the ordinary ones is quicker. Does not sync.

        Raises GatewayError log_store_full, having left no trace of the record.
        """
        if now is None:
            now = self._monotonic()
        if not self._has_room(record):
            raise refusal()
        for _ in range(tries):  # a failing disk gets a second chance with a new file
            try:
                segment = self._current(record.size, now)
                if not self._write(segment, record):
                    break
                if self._is_unlimited and not self._space.is_full:
                    segment.limit = self._segment_bytes
                return
            except OSError:
                self._give_up_segment(now)
        raise refusal()

    def commit(self, records: Sequence[Record]) -> list[bool]:
        """Write records in one go, and sync them where records are synced; tells of each whether it is kept.

        Blocks as long as the disk does.
        """
        self.tick()
        now = self._clock.monotonic()
        is_welcome = [self._has_room(record) for record in records]
        kept = iter(self._commit([record for record, ok in zip(records, is_welcome, strict=True) if ok], now))
        return [ok and next(kept) for ok in is_welcome]

    def tick(self) -> None:
        """Look after space, age and faults; does so at most once a second, however often it is called."""
        if not self.wants_tick:
            return
        now = self._clock.monotonic()
        self._tick_at = now + CHECK_EVERY_S
        self._space.refresh()
        if self._space.is_full:
            self._rotate_at = now  # so that the reader's side can free what is ingested already
        try:
            self._current(0, now)
        except OSError:
            pass  # `is_faulty` tells, and the next tick tries again

    @property
    def wants_tick(self) -> bool:
        """A `tick` would do something now."""
        return self._clock.monotonic() >= self._tick_at

    def close(self) -> None:
        """Close the open segment; nothing may be appended afterwards."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _tries_after(self, error: OSError, segment: Segment, now: float) -> int:
        """What a record that failed at first may still try."""
        if is_full(error) and not segment.is_torn:
            self._met_full_disk(segment)
            return 2
        self._give_up_segment(now)
        return 1

    def _met_full_disk(self, segment: Segment) -> None:
        self._space.is_full = True
        segment.limit = 0

    def _has_room(self, record: Record) -> bool:
        if self._space.admits(record.size, may_use_reserve=record.may_use_reserve):
            return True
        self.tick()
        return self._space.admits(record.size, may_use_reserve=record.may_use_reserve)

    def _write(self, segment: Segment, record: Record) -> bool:
        """False: there is no space for it. Raises OSError if the segment is past use."""
        while True:
            try:
                segment.write(record.buffers, (record.size,))
                return True
            except OSError as error:
                if segment.is_torn or not is_full(error):
                    raise
                self._met_full_disk(segment)
                if not (record.may_use_reserve and self._space.make(record.size)):
                    return False

    def _commit(self, records: list[Record], now: float) -> list[bool]:
        if not records:
            return []
        for _ in range(2):
            try:
                segment = self._current(sum(record.size for record in records), now)
                kept = self._write_all(segment, records)
                if self._is_synced:
                    segment.sync()
                return kept
            except OSError:  # nobody was promised anything yet: all of them go into the next file
                self._give_up_segment(now)
        return [False] * len(records)

    def _write_all(self, segment: Segment, records: list[Record]) -> list[bool]:
        ends = list(accumulate(record.size for record in records))
        before = segment.size
        try:
            segment.write([buffer for record in records for buffer in record.buffers], ends)
            return [True] * len(records)
        except OSError as error:
            if segment.is_torn or not is_full(error):
                raise
        whole = bisect_right(ends, segment.size - before)
        return [at < whole or self._write(segment, record) for at, record in enumerate(records)]

    def _current(self, size: int, now: float) -> Segment:
        """The segment to write `size` bytes to; raises OSError if there is none to be had."""
        segment = self._segment
        if segment is None:
            return self._open_next(now)
        if not segment.size:
            self._rotate_at = now + ROTATE_AFTER_S
        elif now >= self._rotate_at or segment.size + size > self._segment_bytes:
            return self._rotate(segment, now)
        return segment

    def _rotate(self, segment: Segment, now: float) -> Segment:
        try:
            fresh = self._open_next(now)
        except OSError:  # on a full disk the old segment may go on where a new one can't be made
            return segment
        segment.close()
        self.stats.rotations += 1
        return fresh

    def _open_next(self, now: float) -> Segment:
        if now < self._retry_open_at:
            raise OSError(errno.EAGAIN, "the last try to open a segment failed a moment ago")
        self._retry_open_at = now + CHECK_EVERY_S
        fd = self._disk.create(segment_path(self._folder, self._next_number))
        segment = Segment(fd, self._next_number, self._disk)
        self._next_number += 1
        if self._is_synced:
            try:
                self._disk.sync_folder(self._folder)
            except OSError:
                segment.close()
                raise
        self._retry_open_at = now
        self._segment = segment
        self._rotate_at = now + ROTATE_AFTER_S
        return segment

    def _give_up_segment(self, now: float) -> None:
        if self._segment is not None:
            self._fault_at = now
            self.stats.faults += 1
            self._segment.close()
            self._segment = None


def _segment_bytes(settings: Journal) -> int:
    """Cut finer than configured where `max_bytes` is tight: only finished segments can be freed."""
    if settings.max_bytes is None:
        return settings.segment_bytes
    return min(settings.segment_bytes, max(_MIN_SEGMENT_BYTES, settings.max_bytes // 8))
