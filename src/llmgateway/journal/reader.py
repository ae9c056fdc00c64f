"""The control process's end of the journal: which incarnations there are, what they say, and what may be unlinked."""

import os
from collections.abc import Mapping
from pathlib import Path

from llmgateway.journal import reclaim
from llmgateway.journal.layout import (
    BEGINNING,
    QUARANTINE_NAME,
    Location,
    Position,
    incarnation_names,
    is_incarnation,
    segment_path,
)
from llmgateway.journal.quarantine import Quarantine
from llmgateway.journal.scan import Budget, Frame, Source, scan
from llmgateway.journal.tail import ReaderStats, Tail
from llmgateway.journal.window import BLOCK_BYTES


class JournalReader:
    """Reads a journal folder that others write. Does blocking I/O, never raises, belongs to one thread at a time."""

    def __init__(self, root: str | os.PathLike[str], *, block_bytes: int = BLOCK_BYTES) -> None:
        self._root = Path(root)
        self._block_bytes = block_bytes
        self._tails: dict[str, Tail] = {}
        self.quarantine = Quarantine(self._root / QUARANTINE_NAME)
        self.stats = ReaderStats()

    def discover(self, acknowledged: Mapping[str, Position]) -> list[Tail]:
        """List the incarnations, oldest first; a new one begins at its `acknowledged` position, if it has one."""
        try:
            names = incarnation_names(self._root)
        except OSError:
            self.stats.read_errors += 1
            names = sorted(self._tails)
        for name in self._tails.keys() - set(names):
            self._tails.pop(name).close()
        for name in names:
            if name not in self._tails:
                start = acknowledged.get(name, BEGINNING)
                self._tails[name] = Tail(
                    self._root / name, self.quarantine, self.stats, start, block_bytes=self._block_bytes
                )
        return [self._tails[name] for name in names]

    def fetch(self, location: Location) -> Frame | None:
        """Read one record again; None if it is gone or damaged."""
        if not is_incarnation(location.incarnation):
            return None
        try:
            fd = os.open(segment_path(self._root / location.incarnation, location.segment), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            block = os.pread(fd, location.length, location.offset)
        except OSError:
            return None
        finally:
            os.close(fd)
        frames: list[Frame] = []
        end = scan(Source(location.incarnation, location.segment, location.offset, block), 0, frames, Budget(1, 1))
        return frames[0] if frames and end == location.length else None

    def reclaim(self, tail: Tail, low_water: Position) -> bool:
        """Unlink what lies below `low_water`. Only after the store has committed that position.

        An exhausted incarnation that is acknowledged to its end goes altogether, and True tells so.
        """
        folder = self._root / tail.name
        reclaim.unlink_below(folder, low_water.segment)
        if not (tail.is_exhausted and low_water >= tail.position):
            return False
        tail.close()
        if not reclaim.bury(folder):
            return False
        self._tails.pop(tail.name, None)
        return True

    def close(self) -> None:
        for tail in self._tails.values():
            tail.close()
        self._tails.clear()
