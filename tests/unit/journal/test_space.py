import pytest
from tests.unit.journal.faulty_disk import FaultyDisk

from llmgateway.config.snapshot import Journal
from llmgateway.journal.reserve import HEADROOM_BYTES, Reserve
from llmgateway.journal.space import Space


@pytest.fixture
def space_of(tmp_path):
    made = []

    def make(disk=None, **settings):
        journal = Journal(**{"reserve_bytes": 100, **settings})
        made.append(Reserve(tmp_path, journal.reserve_bytes, disk or FaultyDisk()))
        return Space(tmp_path, journal, made[-1])

    yield make
    for reserve in made:
        reserve.close()


def test_a_roomy_disk_admits_everybody(space_of):
    space = space_of()
    assert not space.is_full
    assert space.admits(10**9, may_use_reserve=False)


def test_a_full_disk_admits_only_those_who_may_use_the_reserve(space_of):
    space = space_of()
    space.is_full = True
    assert not space.admits(1, may_use_reserve=False)
    assert space.admits(1, may_use_reserve=True)


def test_it_begins_full_without_space_for_the_reserve_and_opens_when_there_is(space_of):
    disk = FaultyDisk(free=HEADROOM_BYTES)
    space = space_of(disk)
    assert space.is_full
    disk.free += 100
    space.refresh()
    assert not space.is_full


def test_max_bytes_counts_what_lies_there_and_what_is_written_since(space_of, tmp_path):
    (tmp_path / "00000000.seg").write_bytes(bytes(500))
    space = space_of(max_bytes=1_000)
    assert space.admits(400, may_use_reserve=False)
    assert space.admits(100, may_use_reserve=False)
    assert not space.admits(1, may_use_reserve=False)
    assert space.is_full


def test_running_exchanges_may_pass_max_bytes_by_the_reserve_and_no_more(space_of):
    space = space_of(max_bytes=1_000)
    assert space.admits(1_000, may_use_reserve=False)
    assert space.admits(60, may_use_reserve=True)
    assert space.admits(40, may_use_reserve=True)
    assert not space.admits(1, may_use_reserve=True)


def test_it_opens_again_once_segments_are_unlinked(space_of, tmp_path):
    lying = tmp_path / "00000000.seg"
    lying.write_bytes(bytes(1_000))
    space = space_of(max_bytes=1_000)
    assert space.is_full
    space.refresh()
    assert space.is_full
    lying.unlink()
    space.refresh()
    assert not space.is_full
