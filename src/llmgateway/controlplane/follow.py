"""One incarnation followed from record to exchange: what is open, where it began, how far all of it is in the store.

Blocking I/O through the journal's reader, so the ingester calls it in a thread. Nothing here knows the store.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from llmgateway.controlplane.merge import SCORED, MalformedRecordError, Record, kind_and_id, merged, score_of
from llmgateway.domain.score import Score
from llmgateway.journal.frame import BadFrameError
from llmgateway.journal.layout import Location, Position, segment_path
from llmgateway.journal.progress import Progress
from llmgateway.journal.scan import Frame
from llmgateway.journal.tail import Tail
from llmgateway.ports.store import Entry, Row

MAX_HELD: Final = 10_000  # open exchanges whose facts stay in memory; more are read again when they settle
MAX_HELD_BYTES: Final = 16 * 1024 * 1024

Fetch = Callable[[Location], Frame | None]
Spoil = Callable[[str, Mapping[str, Any], Mapping[str, bytes]], None]


class Held(NamedTuple):
    """An `admitted` record copied out of the block it was read in."""

    meta: dict[str, Any]
    content: Mapping[str, bytes]

    def blobs(self) -> Mapping[str, bytes]:
        return self.content

    @property
    def size(self) -> int:
        return sum(map(len, self.content.values()))


@dataclass(slots=True)
class FollowCounts:
    """What was odd since the start, over all incarnations."""

    orphans: int = 0  # settled, and the facts are lost
    interrupted: int = 0  # the worker died before it could settle

    def stored(self, rows: Sequence[Row]) -> None:
        """Note which new rows lack their facts. Records that are read again after a restart may lack them, too, where
        the other half lies before the position; but those rows are in the store already.
        """
        self.orphans += sum(row.get("method") is None for row in rows)


class Follower:
    """Turns an incarnation's records into exchanges, in the order in which they ended.

    `spoil` gets what can't be an exchange: the reason, the record's JSON and its bodies.
    """

    def __init__(self, folder: Path, tail: Tail, fetch: Fetch, spoil: Spoil, counts: FollowCounts) -> None:
        self._folder = folder
        self.tail = tail
        self._fetch = fetch
        self._spoil = spoil
        self._progress = Progress(tail.position)
        self._open_ids = self._progress.ids
        self._held: dict[str, Held] = {}
        self._held_bytes = 0
        self._fresh: dict[str, Frame] = {}  # admitted in this `read`: most of them settle in it as well
        self._counts = counts
        self.saved = tail.position  # what the store knows
        self.reclaimed = tail.position.segment  # nothing below it is on the disk

    def __repr__(self) -> str:
        return f"<Follower {self.tail!r} {len(self._progress)} open, low water {self.low_water}>"

    @property
    def open(self) -> int:
        return len(self._progress)

    @property
    def low_water(self) -> Position:
        return self._progress.low_water

    def grown_bytes(self) -> int:
        """How far the segment at hand reaches beyond what was read. One stat; 1 where that fails, so somebody looks."""
        segment, offset = self.tail.position
        try:
            return max(0, os.stat(segment_path(self._folder, segment)).st_size - offset)  # noqa: PTH116 -- 5 a second
        except OSError:
            return 1

    def read(
        self, max_frames: int, max_bytes: int, entries: list[Entry], scores: list[Score], *, is_hasty: bool = False
    ) -> int:
        """Read on; add what became complete to `entries`, and what users said to `scores`. Returns how many records
        there were.
        """
        frames = self.tail.read(max_frames, max_bytes, is_hasty=is_hasty)
        for frame in frames:
            try:
                if frame.meta.get("k") == SCORED:
                    scores.append(score_of(frame.meta))
                else:
                    self._take(frame, entries)
            except (MalformedRecordError, BadFrameError) as error:
                self._put_aside(frame, error)
        self._progress.read_to(self.tail.position)
        self._hold_fresh(entries)
        if self.tail.is_exhausted:
            for open_exchange in self._progress.interrupted():
                self._interrupt(open_exchange.id, open_exchange.location, entries)
        return len(frames)

    def _take(self, frame: Frame, entries: list[Entry]) -> None:
        meta = frame.meta
        kind, exchange_id = meta.get("k"), meta.get("id")
        if kind == "settled" and isinstance(exchange_id, str):
            facts = self._fresh.pop(exchange_id, None)
            if facts is not None:
                entries.append(merged(facts, frame))
                return
        kind, exchange_id = kind_and_id(meta)
        if kind == "settled":
            entries.append(merged(self._facts(exchange_id), frame))
        elif kind == "refused":
            entries.append(merged(frame, None))
        elif exchange_id not in self._open_ids:  # else it was written twice, and the first one counts
            self._fresh.setdefault(exchange_id, frame)

    def _facts(self, exchange_id: str) -> Record | None:
        """The admitted half that an earlier `read` brought: from memory, else from the disk."""
        location = self._progress.settled(exchange_id)
        facts: Record | None = self._release(exchange_id)
        if facts is None and location is not None:
            facts = self._fetch(location)
        return facts

    def _interrupt(self, exchange_id: str, location: Location, entries: list[Entry]) -> None:
        facts = self._release(exchange_id) or self._fetch(location)
        self._counts.interrupted += 1
        if facts is None:
            return
        try:
            entries.append(merged(facts, None))
        except (MalformedRecordError, BadFrameError) as error:
            self._put_aside(facts, error)

    def _release(self, exchange_id: str) -> Held | None:
        held = self._held.pop(exchange_id, None)
        if held is not None:
            self._held_bytes -= held.size
        return held

    def _hold_fresh(self, entries: list[Entry]) -> None:
        """Note what stays open beyond this `read`, and copy it out of its block as long as there is room; the rest is
        known by its place alone.
        """
        for exchange_id, frame in self._fresh.items():
            given_up = self._progress.admitted(exchange_id, frame.location)
            if given_up is not None:
                self._interrupt(given_up.id, given_up.location, entries)
            if len(self._held) >= MAX_HELD or self._held_bytes >= MAX_HELD_BYTES:
                continue
            try:
                held = Held(frame.meta, frame.blobs())
            except BadFrameError:
                continue  # found again, and dealt with, when it settles
            self._held[exchange_id] = held
            self._held_bytes += held.size
        self._fresh.clear()

    def _put_aside(self, record: Record, error: Exception) -> None:
        reason = "the record's bodies don't add up" if isinstance(error, BadFrameError) else str(error)
        blobs: Mapping[str, bytes] = {}
        with suppress(BadFrameError):
            blobs = record.blobs()
        self._spoil(reason, record.meta, blobs)
