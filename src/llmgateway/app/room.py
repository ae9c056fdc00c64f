"""Whether the disk has room for what the workers keep back: else a start looks well, and nothing is answered."""

import shutil
from pathlib import Path

from llmgateway.config.snapshot import Journal
from llmgateway.journal.reserve import HEADROOM_BYTES

MIB = 1024 * 1024


def too_little(data: Path, workers: int, journal: Journal) -> str | None:
    """What to tell where new exchanges would be refused, or not be logged, from the first on; None where there is room.

    A disk that can't be asked is none to speak of.
    """
    try:
        free = shutil.disk_usage(data).free
    except OSError:
        return None
    return advice(free, workers, journal)


def advice(free_bytes: int, workers: int, journal: Journal) -> str | None:
    """The same for so much free space."""
    needed = workers * (journal.reserve_bytes + HEADROOM_BYTES)
    if free_bytes >= needed:
        return None
    then = "serves what it can't log" if journal.serve_unlogged else "answers 503 log_store_full"
    return (
        f"[data] dir has {free_bytes // MIB:,} MiB free, and {workers} workers want {-(-needed // MIB):,} MiB "
        f"to keep back ([journal] reserve): a worker that gets too little {then} until there is more"
    )
