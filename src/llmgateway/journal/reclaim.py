"""Freeing the disk of what the store has. The order of steps is such that a crash between any two does no harm."""

from pathlib import Path
from typing import Final

from llmgateway.journal import lock
from llmgateway.journal.layout import (
    LOCK_NAME,
    RESERVE_NAME,
    UNBORN_PREFIX,
    segment_numbers,
    segment_path,
)

UNBORN_AGE_S: Final = 3600.0


def unlink_below(folder: Path, number: int) -> int:
    """Unlink the segments before `number`, oldest first; returns how many went. Never raises."""
    unlinked = 0
    try:
        for old in segment_numbers(folder):
            if old >= number:
                break
            segment_path(folder, old).unlink(missing_ok=True)
            unlinked += 1
    except OSError:
        pass  # the next call tries again
    return unlinked


def bury(folder: Path) -> bool:
    """Remove a dead incarnation that is in the store from end to end. False if it lives or could not be removed."""
    if lock.is_held(folder):
        return False
    try:
        for number in segment_numbers(folder):
            segment_path(folder, number).unlink(missing_ok=True)
        (folder / RESERVE_NAME).unlink(missing_ok=True)
        (folder / LOCK_NAME).unlink(missing_ok=True)
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def bury_unborn(root: Path, now: float) -> None:
    """Remove what a writer left that died before its folder had its name. `now` is Unix time. Never raises."""
    try:
        for folder in root.glob(f"{UNBORN_PREFIX}*"):
            if folder.stat().st_mtime < now - UNBORN_AGE_S:
                bury(folder)
    except OSError:
        pass
