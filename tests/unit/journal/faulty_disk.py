"""A disk that does as it is told: small, broken, or writing in little pieces. The files it makes are real."""

import errno
import os
from collections import defaultdict

from llmgateway.journal.disk import Disk


class FaultyDisk(Disk):
    """`free`: bytes left (None: any number). `errors[op]`: errnos for the next calls of that name, None lets one pass."""

    def __init__(self, free: int | None = None) -> None:
        self.free = free
        self.max_write: int | None = None
        self.errors: dict[str, list[int | None]] = defaultdict(list)
        self.calls: list[str] = []
        self._allocated: dict[int, int] = defaultdict(int)

    def writev(self, fd, buffers):
        self._enter("writev")
        joined = b"".join(buffers)
        room = len(joined)
        if self.max_write is not None:
            room = min(room, self.max_write)
        if self.free is not None:
            if joined and self.free <= 0:
                raise OSError(errno.ENOSPC, "no space")
            room = min(room, self.free)
            self.free -= room
        return os.write(fd, joined[:room])

    def fdatasync(self, fd):
        self._enter("fdatasync")
        os.fdatasync(fd)

    def truncate(self, fd, size):
        self._enter("truncate")
        if self.free is not None:
            if fd in self._allocated:
                self.free += self._allocated[fd] - size
                self._allocated[fd] = size
                return
            self.free += os.fstat(fd).st_size - size
        os.ftruncate(fd, size)

    def allocate(self, fd, offset, length):
        self._enter("allocate")
        missing = offset + length - self._allocated[fd]
        if self.free is not None and missing > self.free:
            self._allocated[fd] += self.free  # as on ext4: what there was is taken all the same
            self.free = 0
            raise OSError(errno.ENOSPC, "no space")
        if self.free is not None:
            self.free -= missing
        self._allocated[fd] += missing

    def create(self, path):
        self._enter("create")
        return super().create(path)

    def sync_folder(self, folder):
        self._enter("sync_folder")
        super().sync_folder(folder)

    def _enter(self, call: str) -> None:
        self.calls.append(call)
        if self.errors[call]:
            number = self.errors[call].pop(0)
            if number is not None:
                raise OSError(number, os.strerror(number))
