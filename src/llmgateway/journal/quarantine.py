"""Damaged bytes, kept for a person to look at. Bounded, and never in the way: what can't be kept is only counted."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from llmgateway.journal.layout import Position

MAX_FILES: Final = 200
MAX_BYTES: Final = 64 * 1024 * 1024


class Quarantine:
    """The folder of damaged bytes. Never raises; counts its content once, when first asked to keep something."""

    def __init__(self, folder: Path, *, max_files: int = MAX_FILES, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._max_files = max_files
        self._max_bytes = max_bytes
        self._files: int | None = None
        self._bytes = 0
        self.kept = 0
        self.dropped = 0  # not kept, or not whole: no room, or the disk would not take it

    def keep(self, incarnation: str, start: Position, pieces: Iterable[bytes]) -> None:
        """Copy damaged bytes that begin at `start`, as far as there is room. Bytes kept before are not kept twice."""
        path = self._folder / f"{incarnation}-{start.segment:08d}-{start.offset}.bad"
        if path.exists():
            return
        try:
            if not self._has_room():
                self.dropped += 1
                return
            with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb") as file:
                self._count(1)
                is_whole = all(self._write(file.write, piece) for piece in pieces)
        except OSError:
            is_whole = False
        self._tally(is_whole=is_whole)

    def keep_file(self, path: Path) -> bool:
        """Move an unreadable segment here instead of copying it. False: no room, or it did not work."""
        try:
            if not self._has_room():
                self.dropped += 1
                return False
            path.rename(self._folder / f"{path.parent.name}-{path.name}.bad")
        except OSError:
            self.dropped += 1
            return False
        self._count(1)
        self.kept += 1
        return True

    def _has_room(self) -> bool:
        if self._files is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            sizes = [path.stat().st_size for path in self._folder.iterdir()]
            self._files = len(sizes)
            self._bytes = sum(sizes)
        return self._files < self._max_files and self._bytes < self._max_bytes

    def _write(self, write: Callable[[bytes], int], piece: bytes) -> bool:
        """False: it is full."""
        room = max(0, self._max_bytes - self._bytes)
        write(piece[:room])
        self._bytes += min(room, len(piece))
        return len(piece) <= room

    def _count(self, files: int) -> None:
        self._files = (self._files or 0) + files

    def _tally(self, *, is_whole: bool) -> None:
        if is_whole:
            self.kept += 1
        else:
            self.dropped += 1
