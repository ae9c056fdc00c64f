import errno

import pytest
from tests.unit.journal.faulty_disk import FaultyDisk

from llmgateway.journal.disk import Disk
from llmgateway.journal.reserve import HEADROOM_BYTES, STEP_BYTES, Reserve

WANTED = 3 * STEP_BYTES


@pytest.fixture
def reserve_on(tmp_path):
    made = []

    def make(disk):
        made.append(Reserve(tmp_path, WANTED, disk))
        return made[-1]

    yield make
    for reserve in made:
        reserve.close()


def test_the_space_is_really_taken(tmp_path, reserve_on):
    reserve = reserve_on(Disk())
    assert reserve.refill()
    assert reserve.held == WANTED
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= WANTED


def test_it_is_given_up_step_by_step_until_nothing_is_left(reserve_on):
    disk = FaultyDisk(free=WANTED + HEADROOM_BYTES)
    reserve = reserve_on(disk)
    assert reserve.refill()
    before = disk.free
    assert reserve.release(100)
    assert disk.free == before + STEP_BYTES
    assert reserve.release(STEP_BYTES)  # a large record gets twice its size
    assert reserve.held == 0
    assert not reserve.release(100)


def test_it_is_not_refilled_without_room_to_spare_and_keeps_what_it_has(reserve_on):
    disk = FaultyDisk(free=WANTED + HEADROOM_BYTES)
    reserve = reserve_on(disk)
    assert reserve.refill()
    reserve.release(1)
    disk.free = STEP_BYTES
    assert not reserve.refill()
    assert reserve.held == WANTED - STEP_BYTES
    assert disk.free == STEP_BYTES, "what was got half-way is given back"
    disk.free = STEP_BYTES + HEADROOM_BYTES
    assert reserve.refill()
    assert reserve.held == WANTED


def test_a_disk_that_can_not_preallocate_goes_without(reserve_on):
    disk = FaultyDisk()
    disk.errors["allocate"] = [errno.EOPNOTSUPP]
    reserve = reserve_on(disk)
    assert reserve.refill()
    assert reserve.held == 0


def test_quota_counts_as_a_full_disk(reserve_on):
    disk = FaultyDisk()
    disk.errors["allocate"] = [errno.EDQUOT]
    assert not reserve_on(disk).refill()
