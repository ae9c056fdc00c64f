"""The birth of an incarnation's folder: it appears under its name only when its lock is held.

A reader that finds a folder without a holder may therefore bury it.
"""

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

from llmgateway.config.snapshot import Durability, Journal
from llmgateway.journal import lock
from llmgateway.journal.disk import Disk
from llmgateway.journal.layout import UNBORN_PREFIX
from llmgateway.journal.reserve import Reserve


class Incarnation:
    """A folder of one's own, locked until `close`."""

    __slots__ = ("_lock", "folder", "reserve")

    def __init__(self, root: Path, name: str, settings: Journal, disk: Disk) -> None:
        """Create everything below `root`; raises OSError, having left nothing that lives."""
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = root / name
        unborn = root / f"{UNBORN_PREFIX}{name}"
        with ExitStack() as undo:
            unborn.mkdir(mode=0o700)
            undo.callback(shutil.rmtree, unborn, ignore_errors=True)
            self._lock = lock.take(unborn)
            undo.callback(os.close, self._lock)
            self.reserve = Reserve(unborn, settings.reserve_bytes, disk)
            undo.callback(self.reserve.close)
            if settings.durability is Durability.DISK:
                disk.sync_folder(unborn)
            unborn.rename(self.folder)
            if settings.durability is Durability.DISK:
                disk.sync_folder(root)
            undo.pop_all()

    def close(self) -> None:
        """Let go of the lock: a reader now takes this incarnation for finished."""
        try:
            self.reserve.close()
        finally:
            os.close(self._lock)
