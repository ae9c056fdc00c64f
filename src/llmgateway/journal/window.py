"""A segment seen through one block of memory, however large the segment is. Only reads; knows nothing of records
but that they can be searched for.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

BLOCK_BYTES: Final = 4 * 1024 * 1024


class Window:
    """An open segment and the block of it that was read last. Everything here may raise OSError."""

    __slots__ = ("_base", "_block", "_block_bytes", "_fd")

    def __init__(self, fd: int, block_bytes: int) -> None:
        self._fd = fd
        self._block_bytes = block_bytes
        self.forget()

    @classmethod
    def open(cls, path: Path, block_bytes: int = BLOCK_BYTES) -> Self:
        return cls(os.open(path, os.O_RDONLY | os.O_CLOEXEC), block_bytes)

    def close(self) -> None:
        os.close(self._fd)
        self.forget()

    def forget(self) -> None:
        """Drop the block, so that the next look sees the file as it is now."""
        self._base = 0
        self._block = b""

    def size(self) -> int:
        """How long the file is now."""
        return os.fstat(self._fd).st_size

    def block(self, offset: int, need: int) -> tuple[bytes, int]:
        """Look at the file from `offset` on: a block that has `need` bytes or more of it, fewer only where the file
        ends, and where in the file the block begins.
        """
        at = offset - self._base
        if at < 0 or len(self._block) - at < need:
            length = min(max(need, self._block_bytes), max(0, self.size() - offset))
            self._block = os.pread(self._fd, length, offset)
            self._base = offset
        return self._block, self._base

    def view(self, offset: int, need: int) -> memoryview:
        """What `block` has of the file from `offset` on."""
        block, base = self.block(offset, need)
        return memoryview(block)[offset - base :]

    def find(self, pattern: bytes, offset: int) -> int | None:
        """Find where `pattern` begins at `offset` or behind it; None if the file ends first."""
        while len(self.view(offset, len(pattern))) >= len(pattern):
            found = self._block.find(pattern, offset - self._base)
            if found >= 0:
                return self._base + found
            offset = self._base + len(self._block) - len(pattern) + 1
        return None

    def pieces(self, start: int, end: int) -> Iterator[bytes]:
        """Read a stretch of the file block by block."""
        while start < end:
            piece = os.pread(self._fd, min(self._block_bytes, end - start), start)
            if not piece:
                return
            yield piece
            start += len(piece)
