"""How a reader knows that a writer lives: a flock that the kernel drops with the process, also after kill -9."""

import fcntl
import os
from pathlib import Path

from llmgateway.journal.layout import LOCK_NAME


def take(folder: Path) -> int:
    """Create the lock and hold it; returns its descriptor, which the caller closes. Raises OSError if it is there."""
    fd = os.open(folder / LOCK_NAME, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd


def is_held(folder: Path) -> bool:
    """Tell whether somebody holds the lock. A missing lock is held by nobody.

    Where that can't be found out the answer is yes: a living writer taken for dead would cost records.
    """
    try:
        fd = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(fd)
