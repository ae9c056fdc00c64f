"""The system calls of the writing side, handed in, so that a test can make any of them fail at any moment."""

import errno
import os
from pathlib import Path
from typing import Final

FULL_ERRNOS: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
MAX_BUFFERS: Final = min(1024, os.sysconf("SC_IOV_MAX"))  # that many go into one writev


class Disk:
    """The machine's disk. Every method raises OSError."""

    writev = staticmethod(os.writev)
    fdatasync = staticmethod(os.fdatasync)
    truncate = staticmethod(os.ftruncate)
    allocate = staticmethod(os.posix_fallocate)
    close = staticmethod(os.close)

    def create(self, path: Path) -> int:
        """Make a new file to append to; it must not be there yet."""
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def sync_folder(self, folder: Path) -> None:
        """Make the names in `folder` survive a power loss."""
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def is_full(error: OSError) -> bool:
    """Tell "no space" (it may come back) from a broken disk."""
    return error.errno in FULL_ERRNOS
