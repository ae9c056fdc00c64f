"""Whose data folder it is, told by locks that the kernel drops with the processes, however they end.

    <data>/lock               held by the supervisor alone: one gateway a folder
    <data>/run/processes.lock shared by the supervisor and its children: who finds it held has orphans before him
    <data>/run/control.lock   held by the control process: one writer of the store, whatever was killed

Every function raises OSError where the folder can't be used.
"""

import fcntl
import os
from pathlib import Path
from typing import Final

OWNER: Final = Path("lock")
PROCESSES: Final = Path("run", "processes.lock")
CONTROL: Final = Path("run", "control.lock")


def take(path: Path) -> int | None:
    """Hold the lock alone; None while somebody else holds it. The holder's pid is in the file, for people."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
    return descriptor


def join(path: Path) -> tuple[int, bool]:
    """Hold the lock together with others; tells whether there were any. Children inherit it with the descriptor."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_shared = False
    except BlockingIOError:
        is_shared = True
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor, is_shared


def holder(path: Path) -> int | None:
    """The pid of who holds a lock of `take`; None if the file doesn't tell."""
    try:
        return int(path.read_bytes())
    except (OSError, ValueError):
        return None


def _open(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
