"""One segment being written: records go in whole or not at all.

A reader may be right behind the writer, so a record that is in whole is never taken back, not even when the write
that brought it failed farther on.
"""

import errno
import os
from bisect import bisect_right
from collections.abc import Sequence
from itertools import islice

from llmgateway.journal.disk import MAX_BUFFERS, Disk


class Segment:
    """An open segment. `size` is where its last whole record ends; the file is never longer unless `is_torn`.

    `limit` is the appender's: up to that size records go in without a question. At first that is nowhere.
    """

    __slots__ = ("_disk", "_fd", "_writev", "is_torn", "limit", "number", "size")

    def __init__(self, fd: int, number: int, disk: Disk) -> None:
        self._fd = fd
        self._disk = disk
        self._writev = disk.writev
        self.number = number
        self.size = 0
        self.limit = 0
        self.is_torn = False

    def write(self, buffers: Sequence[bytes], ends: Sequence[int]) -> None:
        """Append records that end at `ends`, counted from here.

        Raises OSError when not all went in; `size` then tells how many did, and the rest has left no trace.
        """
        done = 0
        try:
            done = self._writev(self._fd, buffers if len(buffers) <= MAX_BUFFERS else buffers[:MAX_BUFFERS])
            while done < ends[-1]:
                done += self._write_some(_rest(buffers, done))
        except OSError:
            self._take_back(done, ends)
            raise
        self.size += done

    @property
    def is_linked(self) -> bool:
        """Whether a reader can still find it: somebody may have deleted it under the writer."""
        return os.fstat(self._fd).st_nlink > 0

    def sync(self) -> None:
        """Make what was written survive a power loss. After an OSError this file is not to be trusted again."""
        self._disk.fdatasync(self._fd)

    def close(self) -> None:
        try:
            self._disk.close(self._fd)
        except OSError:  # whatever the disk says now, the descriptor is gone
            pass

    def _write_some(self, buffers: Sequence[bytes | memoryview]) -> int:
        written = self._writev(self._fd, buffers)
        if written <= 0:  # a disk that takes nothing and says nothing would keep us here for ever
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return written

    def _take_back(self, done: int, ends: Sequence[int]) -> None:
        whole = bisect_right(ends, done)
        self.size += ends[whole - 1] if whole else 0
        try:
            self._disk.truncate(self._fd, self.size)
        except OSError:
            self.is_torn = True


def _rest(buffers: Sequence[bytes], done: int) -> list[bytes | memoryview]:
    """What is left of `buffers` after `done` bytes, without copying them."""
    for at, buffer in enumerate(buffers):
        if done < len(buffer):
            return [memoryview(buffer)[done:], *islice(buffers, at + 1, at + MAX_BUFFERS)]
        done -= len(buffer)
    return []
