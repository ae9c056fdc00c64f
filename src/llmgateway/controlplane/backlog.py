"""What the journal has that the store has not: read batch by batch, acknowledged after each commit.

Blocking I/O, called by the ingester in a thread, one call at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from llmgateway.controlplane.follow import FollowCounts, Follower, Spoil
from llmgateway.domain.score import Score
from llmgateway.journal.layout import Position as Place
from llmgateway.journal.reader import JournalReader
from llmgateway.journal.tail import ReaderStats
from llmgateway.ports.store import Entry, Position

MAX_RECORDS: Final = 1_000  # about 500 exchanges: larger batches fall out of the processor's cache
MAX_BYTES: Final = 4 * 1024 * 1024
MIN_SHARE: Final = 100  # records that every incarnation may bring into a batch, however many there are


@dataclass(slots=True)
class Batch:
    """One transaction's worth. `is_full`: there is more to be read at once."""

    records: int = 0
    entries: list[Entry] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    buried: list[str] = field(default_factory=list)  # incarnations that are gone from the disk
    size: int = 0
    is_full: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.entries or self.scores or self.positions or self.buried)


class Backlog:
    """All incarnations of a journal folder, followed from the committed positions on."""

    def __init__(self, journal: Path, spoil: Spoil) -> None:
        self._reader = JournalReader(journal)
        self._journal = journal
        self._spoil = spoil
        self._followers: dict[str, Follower] = {}
        self._start: dict[str, Place] = {}
        self._buried: list[str] = []
        self.counts = FollowCounts()

    @property
    def stats(self) -> ReaderStats:
        """The reader's counts: bytes, damage, quarantine."""
        return self._reader.stats

    @property
    def open(self) -> int:
        """Exchanges that have begun and not been seen to end."""
        return sum(follower.open for follower in list(self._followers.values()))

    def grown_bytes(self) -> int:
        """How much has been added to the segments at hand. A cheap look: a new segment is not seen by it."""
        return sum(follower.grown_bytes() for follower in list(self._followers.values()))

    def unread_bytes(self) -> int:
        """How much is there to be read, in all segments."""
        return sum(follower.tail.backlog_bytes() for follower in list(self._followers.values()))

    def begin(self, positions: Sequence[Position]) -> None:
        """Start over from what the store has."""
        self.close()
        self._start = {each.incarnation: Place(each.segment, each.offset) for each in positions}
        names = {tail.name for tail in self._reader.discover(self._start)}
        self._buried = [name for name in self._start if name not in names]

    def close(self) -> None:
        self._reader.close()
        self._followers.clear()

    def read(self, *, is_hasty: bool = False) -> Batch:
        """Let go of what is committed, and read what is new, as much as one transaction should hold.

        `is_hasty`: only read on. Who has come, who is gone and what can be unlinked is found out by another `read`.
        """
        if not is_hasty:
            self._reclaim()
            self._discover()
        batch = Batch(buried=list(self._buried))
        share = max(MIN_SHARE, MAX_RECORDS // max(1, len(self._followers)))
        for follower in self._followers.values():
            self._read(follower, share, batch, is_hasty=is_hasty)
        return batch

    def committed(self, batch: Batch) -> None:
        """Note that the batch is in the store; the next `read` unlinks what it came from."""
        self._buried = [name for name in self._buried if name not in batch.buried]
        for position in batch.positions:
            self._followers[position.incarnation].saved = Place(position.segment, position.offset)

    def _read(self, follower: Follower, share: int, batch: Batch, *, is_hasty: bool) -> None:
        before = self._reader.stats.bytes
        room = max(1, MAX_BYTES - batch.size)
        records = follower.read(share, room, batch.entries, batch.scores, is_hasty=is_hasty)
        size = self._reader.stats.bytes - before
        batch.size += size
        batch.records += records
        batch.is_full = batch.is_full or records >= share or size >= room
        if follower.low_water != follower.saved:
            batch.positions.append(Position(follower.tail.name, *follower.low_water))

    def _discover(self) -> None:
        tails = {tail.name: tail for tail in self._reader.discover(self._start)}
        for name in self._followers.keys() - tails.keys():  # somebody removed the folder
            del self._followers[name]
            self._buried.append(name)
        for name, tail in tails.items():
            if name not in self._followers:
                self._followers[name] = Follower(
                    self._journal / name, tail, self._reader.fetch, self._spoil, self.counts
                )

    def _reclaim(self) -> None:
        """Unlink what the store has; a dead incarnation that it has to the end goes altogether."""
        for name, follower in list(self._followers.items()):
            is_finished = follower.tail.is_exhausted and follower.low_water == follower.saved
            if not is_finished and follower.saved.segment <= follower.reclaimed:
                continue
            follower.reclaimed = follower.saved.segment
            if self._reader.reclaim(follower.tail, follower.saved):
                del self._followers[name]
                self._buried.append(name)
