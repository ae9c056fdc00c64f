"""Row S12: the power goes. What was promised with durability "disk" is there afterwards; no machine is switched off.

The disk below notes what a power loss would leave: of each file the bytes that were synced, and only names whose
folder was synced since. After the cut the journal is made of nothing else, and a reader reads it.
"""

import os
import random
import shutil
from pathlib import Path

import pytest
from tests.unit.journal.journals import all_numbers, record

from llmgateway.config.snapshot import Durability, Journal
from llmgateway.domain.clock import ManualClock
from llmgateway.journal.disk import Disk
from llmgateway.journal.writer import JournalWriter


class Powered(Disk):
    """A disk with a cache that a power loss empties."""

    def __init__(self) -> None:
        self.paths: dict[int, Path] = {}
        self.synced: dict[Path, bytes] = {}  # by the path at which the file was made
        self.names: dict[Path, set[str]] = {}  # of each folder, by where it is now

    def create(self, path: Path) -> int:
        fd = super().create(path)
        self.paths[fd] = path
        return fd

    def fdatasync(self, fd: int) -> None:
        os.fdatasync(fd)
        self.synced[self.paths[fd]] = Path(f"/proc/self/fd/{fd}").resolve().read_bytes()

    def sync_folder(self, folder: Path) -> None:
        super().sync_folder(folder)
        self.names[folder] = {each.name for each in folder.iterdir()}

    def after_the_cut(self, root: Path, to: Path) -> Path:
        """A copy of what is left of `root`."""
        left = to / root.name
        left.mkdir(parents=True)
        for folder in sorted(self.names.get(root, ())):
            kept = self.names.get(root / folder, set())
            (left / folder).mkdir()
            for name in kept & {path.name for path in self.synced if path.parent.name == folder}:
                (left / folder / name).write_bytes(self.synced[root / folder / name])
        return left


def writer(root, disk, durability=Durability.DISK, segment=65_536):
    settings = Journal(durability=durability, reserve_bytes=0, segment_bytes=segment)
    return JournalWriter.open(root, settings, ManualClock(), disk=disk)


async def promised(one, numbers, body=b"body"):
    """Write records, all of one tick; those that were promised."""
    waits = [(number, one.append(record(number, body))) for number in numbers]
    for _, wait in waits:
        if wait is not None:
            await wait
    return [number for number, _ in waits]


async def test_s12_what_was_promised_is_there_after_a_power_loss(tmp_path):
    disk, root = Powered(), tmp_path / "journal"
    one = writer(root, disk)
    told = await promised(one, range(5))
    assert all_numbers(disk.after_the_cut(root, tmp_path / "cut")) == told
    one.close()


@pytest.mark.parametrize("seed", range(8))
async def test_s12_at_any_moment_and_over_many_segments(tmp_path, seed):
    draw, disk, root = random.Random(seed), Powered(), tmp_path / "journal"
    one, told, at = writer(root, disk), [], 0
    for cut in range(4):
        for _ in range(draw.randrange(1, 12)):
            size = draw.randrange(1, 8)
            told += await promised(one, range(at, at + size), b"x" * draw.choice((10, 4000, 30_000)))
            at += size
        pending = one.append(record(1000 + cut))  # nobody has been told of this one
        left = disk.after_the_cut(root, tmp_path / f"cut-{cut}")
        found = all_numbers(left)
        assert [number for number in found if number < 1000] == told
        shutil.rmtree(left)
        await pending
    one.close()


async def test_s12_a_second_worker_and_its_successor_lose_nothing_either(tmp_path):
    disk, root, told = Powered(), tmp_path / "journal", []
    for number in range(3):  # each start is an incarnation of its own
        one = writer(root, disk)
        told += await promised(one, [number])
        if number:
            one.close()
    assert sorted(all_numbers(disk.after_the_cut(root, tmp_path / "cut"))) == told


async def test_s12_without_syncing_a_power_loss_takes_all_that_is_why_it_is_not_promised(tmp_path):
    """The disk of this test forgets: durability "process" promises to survive kill -9 alone."""
    disk, root = Powered(), tmp_path / "journal"
    one = writer(root, disk, Durability.PROCESS)
    await promised(one, range(5))
    assert all_numbers(disk.after_the_cut(root, tmp_path / "cut")) == []
    assert all_numbers(root) == list(range(5))
    one.close()
