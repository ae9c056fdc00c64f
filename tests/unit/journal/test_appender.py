import errno

import pytest
from tests.unit.journal.faulty_disk import FaultyDisk
from tests.unit.journal.journals import framed, record

from llmgateway.config.snapshot import Durability, Journal
from llmgateway.domain.clock import ManualClock
from llmgateway.domain.errors import GatewayError
from llmgateway.journal.appender import CHECK_EVERY_S, ROTATE_AFTER_S, SUSPECT_S, Appender, Record
from llmgateway.journal.frame import measure
from llmgateway.journal.layout import segment_numbers, segment_path
from llmgateway.journal.reserve import HEADROOM_BYTES, STEP_BYTES, Reserve
from llmgateway.journal.space import Space

RESERVE = 2 * STEP_BYTES


class Bench:
    """An appender on a disk that can be made to fail."""

    def __init__(self, folder, free=None, **settings) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.disk = FaultyDisk(free)
        journal = Journal(**{"reserve_bytes": RESERVE, **settings})
        self.reserve = Reserve(folder, journal.reserve_bytes, self.disk)
        self.space = Space(folder, journal, self.reserve)
        self.appender = Appender(folder, journal, self.clock, self.disk, self.space)

    def append(self, number, *, may_use_reserve=False, body=b"body"):
        self.appender.append(self.record(number, may_use_reserve=may_use_reserve, body=body))

    def record(self, number, *, may_use_reserve=False, body=b"body"):
        buffers = record(number, body)
        return Record(buffers, sum(map(len, buffers)), may_use_reserve)

    def refuses(self, number, **how) -> bool:
        try:
            self.append(number, **how)
        except GatewayError as error:
            assert error.code == "log_store_full"
            return True
        return False

    def segments(self) -> list[bytes]:
        return [segment_path(self.folder, number).read_bytes() for number in segment_numbers(self.folder)]

    def close(self) -> None:
        self.appender.close()
        self.reserve.close()


@pytest.fixture
def bench(tmp_path):
    made = []

    def make(**settings):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Bench(folder, **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


def whole(segment: bytes) -> int:
    """Count the records; the segment must end with the last one."""
    at = count = 0
    while at < len(segment):
        at += measure(segment, at)
        count += 1
    assert at == len(segment)
    return count


def test_a_segment_is_followed_by_the_next_when_it_would_grow_too_large(bench):
    one = bench(segment_bytes=2 * len(framed(1)))
    for number in range(5):
        one.append(number)
    assert [whole(segment) for segment in one.segments()] == [2, 2, 1]
    assert one.appender.stats.rotations == 2


def test_a_record_larger_than_a_segment_gets_one_of_its_own(bench):
    one = bench(segment_bytes=100)
    one.append(1)
    one.append(2, body=bytes(1000))
    one.append(3)
    assert [whole(segment) for segment in one.segments()] == [1, 1, 1]


def test_an_aged_segment_is_closed_without_traffic_and_an_empty_one_stays(bench):
    one = bench()
    one.clock.advance(ROTATE_AFTER_S)
    one.appender.tick()
    assert len(one.segments()) == 1
    one.append(1)
    one.clock.advance(ROTATE_AFTER_S)
    one.appender.tick()
    assert [whole(segment) for segment in one.segments()] == [1, 0]


def test_age_counts_from_the_first_record(bench):
    one = bench()
    one.clock.advance(10 * ROTATE_AFTER_S)
    one.append(1)
    one.append(2)
    assert len(one.segments()) == 1


def test_a_full_disk_refuses_new_exchanges_and_settles_running_ones_from_the_reserve(bench):
    one = bench(free=RESERVE + HEADROOM_BYTES)
    one.append(1)
    one.disk.free = 3
    assert one.refuses(2)
    assert one.appender.is_full
    one.append(1, may_use_reserve=True)
    assert one.refuses(3)
    assert [whole(segment) for segment in one.segments()] == [2]
    assert not one.appender.is_faulty


def test_the_reserve_ends_some_time(bench):
    one = bench(free=RESERVE + HEADROOM_BYTES)
    one.disk.free = 0
    half = bytes(STEP_BYTES // 2 - 200)
    kept = 0
    while not one.refuses(kept, may_use_reserve=True, body=half):
        kept += 1
        assert kept < 10
    assert kept == 4
    assert [whole(segment) for segment in one.segments()] == [kept]


def test_it_heals_within_a_second_of_space_coming_back_and_has_its_reserve_again(bench):
    one = bench(free=RESERVE + HEADROOM_BYTES)
    one.disk.free = 0
    assert one.refuses(1)
    one.append(1, may_use_reserve=True)
    one.disk.free = 10 * HEADROOM_BYTES
    assert one.refuses(2), "the disk is looked at once a second"
    one.clock.advance(CHECK_EVERY_S)
    one.append(2)
    assert not one.appender.is_full
    assert one.reserve.held == RESERVE


def test_it_looks_at_a_full_disk_at_most_once_a_second(bench):
    one = bench(free=RESERVE + HEADROOM_BYTES)
    one.disk.free = 0
    one.clock.advance(CHECK_EVERY_S)
    one.disk.calls.clear()
    for number in range(100):
        assert one.refuses(number)
    assert one.disk.calls.count("allocate") <= 1


def test_on_a_full_disk_the_segment_is_closed_so_that_it_can_be_freed(bench):
    one = bench(free=RESERVE + HEADROOM_BYTES)
    one.append(1)
    one.disk.free = 0
    assert one.refuses(2)
    one.clock.advance(CHECK_EVERY_S)
    one.appender.tick()
    assert [whole(segment) for segment in one.segments()] == [1, 0]


def test_where_no_new_segment_can_be_made_the_old_one_goes_on(bench):
    one = bench(segment_bytes=10)
    one.append(1)
    one.disk.errors["create"] = [errno.ENOSPC]
    one.append(2)
    one.append(3)
    assert [whole(segment) for segment in one.segments()] == [3]
    one.clock.advance(CHECK_EVERY_S)
    one.append(4)
    assert [whole(segment) for segment in one.segments()] == [3, 1]


def test_a_failing_disk_gets_a_new_file_and_the_record_goes_there(bench):
    one = bench()
    one.append(1)
    one.disk.errors["writev"] = [errno.EIO]
    one.append(2)
    assert [whole(segment) for segment in one.segments()] == [1, 1]
    assert one.appender.is_faulty
    assert one.appender.stats.faults == 1
    one.clock.advance(SUSPECT_S)
    assert not one.appender.is_faulty


def test_a_disk_that_fails_again_refuses_the_record_and_is_tried_anew_later(bench):
    one = bench()
    one.append(1)
    one.disk.errors["writev"] = [errno.EIO, errno.EIO]
    assert one.refuses(2)
    assert one.appender.is_faulty
    one.append(3)
    assert sum(whole(segment) for segment in one.segments()) == 2


def test_a_disk_that_makes_no_files_is_asked_once_a_second(bench):
    one = bench()
    one.disk.errors["writev"] = [errno.EIO]
    one.disk.errors["create"] = [errno.EROFS] * 2
    assert one.refuses(1)
    assert one.refuses(2)
    assert one.appender.is_faulty
    assert len(one.disk.errors["create"]) == 1
    one.clock.advance(CHECK_EVERY_S)
    one.appender.tick()
    one.clock.advance(CHECK_EVERY_S)
    one.append(3)


def test_a_tail_that_can_not_be_taken_back_ends_the_segment(bench):
    one = bench(free=RESERVE + HEADROOM_BYTES)
    one.append(1)
    one.disk.free = 3
    one.disk.errors["truncate"] = [errno.EIO]
    assert one.refuses(2)
    one.append(1, may_use_reserve=True)
    assert len(one.segments()) == 2
    assert whole(one.segments()[1]) == 1


def test_a_group_goes_out_in_one_write_and_one_sync(bench):
    one = bench(durability=Durability.DISK)
    one.disk.calls.clear()
    assert one.appender.commit([one.record(number) for number in range(5)]) == [True] * 5
    assert one.disk.calls == ["writev", "fdatasync"]
    assert [whole(segment) for segment in one.segments()] == [5]


def test_a_new_segments_name_is_synced_too(bench):
    one = bench(durability=Durability.DISK)
    assert one.disk.calls[-2:] == ["create", "sync_folder"]


def test_a_failed_sync_puts_the_group_into_a_new_file_and_never_syncs_the_old_one_again(bench):
    one = bench(durability=Durability.DISK)
    assert one.appender.commit([one.record(0)]) == [True]
    one.disk.calls.clear()
    one.disk.errors["fdatasync"] = [errno.EIO]
    assert one.appender.commit([one.record(1), one.record(2)]) == [True, True]
    assert one.disk.calls == ["writev", "fdatasync", "create", "sync_folder", "writev", "fdatasync"]
    assert [whole(segment) for segment in one.segments()] == [3, 2]
    assert one.appender.is_faulty


def test_a_group_that_can_not_be_synced_at_all_is_refused_whole(bench):
    one = bench(durability=Durability.DISK)
    one.disk.errors["fdatasync"] = [errno.EIO, errno.EIO]
    assert one.appender.commit([one.record(1), one.record(2)]) == [False, False]


def test_in_a_group_that_does_not_fit_each_record_meets_its_own_fate(bench):
    one = bench(free=RESERVE + HEADROOM_BYTES, durability=Durability.DISK)
    one.disk.free = len(framed(1)) + 5
    group = [one.record(1), one.record(2), one.record(3, may_use_reserve=True), one.record(4, may_use_reserve=True)]
    assert one.appender.commit(group) == [True, False, True, True]
    assert [whole(segment) for segment in one.segments()] == [3]
    assert one.appender.commit([one.record(5), one.record(6, may_use_reserve=True)]) == [False, True]


def test_max_bytes_makes_segments_small_enough_to_be_freed_one_by_one(bench):
    one = bench(max_bytes=1024 * 1024)
    body = bytes(40 * 1024)
    for number in range(10):
        one.append(number, body=body)
    assert len(one.segments()) >= 3
