"""Space kept back, so that exchanges that run when the disk fills can still be settled."""

from pathlib import Path
from typing import Final

from llmgateway.journal.disk import Disk, is_full
from llmgateway.journal.layout import RESERVE_NAME

STEP_BYTES: Final = 1024 * 1024  # given up at once: little, since others on this disk may be quicker to take it
HEADROOM_BYTES: Final = 1024 * 1024  # must be free beside the reserve before new exchanges are let in again


class Reserve:
    """A preallocated file that shrinks when records of running exchanges find no space otherwise."""

    __slots__ = ("_disk", "_fd", "_held", "_wanted")

    def __init__(self, folder: Path, wanted: int, disk: Disk) -> None:
        """Create the file, without space yet: `refill` gets it. Raises OSError."""
        self._disk = disk
        self._wanted = wanted
        self._held = 0
        self._fd = disk.create(folder / RESERVE_NAME)

    @property
    def held(self) -> int:
        """Bytes that can still be given up."""
        return self._held

    def refill(self) -> bool:
        """Take back what is missing. False where the disk has no space for it and a little more.

        A disk that can't preallocate at all counts as having space: the reserve then stays empty.
        """
        try:
            self._disk.allocate(self._fd, 0, self._wanted + HEADROOM_BYTES)
        except OSError as error:
            self._shrink(self._held)
            return not is_full(error)
        self._shrink(self._wanted)
        return True

    def release(self, size: int) -> bool:
        """Give up space for a record of `size` bytes. False once there is nothing left to give."""
        if not self._held:
            return False
        self._shrink(max(0, self._held - max(STEP_BYTES, 2 * size)))
        return True

    def close(self) -> None:
        self._disk.close(self._fd)

    def _shrink(self, size: int) -> None:
        try:
            self._disk.truncate(self._fd, size)
        except OSError:
            pass  # it keeps more than it counts; the next refill puts that right
        self._held = size
