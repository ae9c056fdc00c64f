"""Where a journal's files lie and what they are called. The only place that knows the names.

    <data>/journal/<incarnation>/lock              locked for as long as the writer lives
    <data>/journal/<incarnation>/reserve           space kept back for running exchanges
    <data>/journal/<incarnation>/00000000.seg …    the records, in order
    <data>/journal/quarantine/                     copies of damaged bytes

An incarnation is one life of one worker. Nothing here opens a segment.
"""

import os
import re
from pathlib import Path
from typing import Final, NamedTuple

from llmgateway.domain.clock import Clock

LOCK_NAME: Final = "lock"
RESERVE_NAME: Final = "reserve"
QUARANTINE_NAME: Final = "quarantine"
UNBORN_PREFIX: Final = ".new-"  # a folder whose lock is not held yet; renamed once it is

_SEGMENT: Final = re.compile(r"(\d{8})\.seg")
_INCARNATION: Final = re.compile(r"\d{14}-\d+-[0-9a-f]{8}")


class Position(NamedTuple):
    """A place in an incarnation: everything before it is meant when it is acknowledged. Positions compare in order."""

    segment: int
    offset: int


class Location(NamedTuple):
    """Where one record lies, header included."""

    incarnation: str
    segment: int
    offset: int
    length: int

    @property
    def position(self) -> Position:
        return Position(self.segment, self.offset)


BEGINNING: Final = Position(0, 0)


def journal_folder(data_dir: str | os.PathLike[str]) -> Path:
    """Name the journal's folder inside the gateway's data folder."""
    return Path(data_dir) / "journal"


def new_incarnation(clock: Clock) -> str:
    """Mint a name that sorts by the time it was made and is used once."""
    return f"{int(clock.time() * 1000):014d}-{os.getpid()}-{os.urandom(4).hex()}"


def is_incarnation(name: str) -> bool:
    return _INCARNATION.fullmatch(name) is not None


def segment_path(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}.seg"


def segment_numbers(folder: Path) -> list[int]:
    """List the segments in order; empty if the folder is gone. Raises OSError where it can't be read."""
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    return sorted(int(found[1]) for name in names if (found := _SEGMENT.fullmatch(name)))


def incarnation_names(root: Path) -> list[str]:
    """List the incarnations, oldest first; empty if there is no journal yet. Raises OSError where it can't be read."""
    try:
        names = [path.name for path in root.iterdir()]
    except FileNotFoundError:
        return []
    return sorted(name for name in names if is_incarnation(name))


def used_bytes(root: Path) -> int:
    """Add up what the journal takes of the disk, without the reserves. What vanishes meanwhile counts nothing."""
    total = 0
    for folder, _, names in os.walk(root):
        for name in names:
            if name in {RESERVE_NAME, LOCK_NAME}:
                continue
            try:
                total += Path(folder, name).stat().st_size
            except OSError:
                continue
    return total
