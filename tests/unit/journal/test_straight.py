"""Records that go straight into the segment meet the same fates as those about which everything is asked."""

import errno

import pytest
from tests.unit.journal import test_appender as careful
from tests.unit.journal.faulty_disk import FaultyDisk
from tests.unit.journal.journals import all_numbers, framed, record

from llmgateway.config.snapshot import Durability, Journal
from llmgateway.domain.clock import ManualClock
from llmgateway.domain.errors import GatewayError
from llmgateway.journal.appender import ROTATE_AFTER_S
from llmgateway.journal.reserve import HEADROOM_BYTES
from llmgateway.journal.writer import JournalWriter


class StraightBench(careful.Bench):
    """A bench whose records take the quick way wherever there is one."""

    def append(self, number, *, may_use_reserve=False, body=b"body"):
        one = self.record(number, body=body)
        self.appender.write(one.buffers, one.size, may_use_reserve=may_use_reserve)


@pytest.fixture
def bench(tmp_path):
    made = []

    def make(**settings):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(StraightBench(folder, **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


globals().update({name: test for name, test in vars(careful).items() if name.startswith("test_")})


def test_behind_a_first_record_nothing_is_asked_any_more(bench, monkeypatch):
    one = bench()
    one.append(1)
    monkeypatch.setattr(one.appender, "append", None)
    one.append(2)
    one.append(3, may_use_reserve=True)
    assert [careful.whole(segment) for segment in one.segments()] == [3]
    assert (one.appender.stats.records, one.appender.stats.writes) == (3, 3)
    assert one.appender.stats.bytes == sum(map(len, one.segments()))


@pytest.mark.parametrize("why", ["first", "age", "size", "full", "max_bytes"])
def test_whatever_is_unusual_is_asked_about(bench, monkeypatch, why):
    one = bench(
        segment_bytes=2 * len(framed(1)) if why == "size" else 10_000, max_bytes=10**6 if why == "max_bytes" else None
    )
    for number in range({"first": 0, "size": 2}.get(why, 1)):
        one.append(number)
    if why == "age":
        one.clock.advance(ROTATE_AFTER_S)
    elif why == "full":
        one.disk.errors["writev"] = [errno.ENOSPC]
        assert one.refuses(5)
    asked = []
    monkeypatch.setattr(one.appender, "append", lambda record, *_: asked.append(record))
    one.append(9)
    assert len(asked) == 1


def test_a_disk_in_trouble_gets_two_files_and_not_a_third(bench):
    one = bench()
    one.append(1)
    one.disk.errors["writev"] = [errno.EIO] * 3
    assert one.refuses(2)
    assert one.disk.errors["writev"] == [errno.EIO]
    assert one.appender.stats.faults == 2


def test_what_is_written_in_little_pieces_is_whole_all_the_same(bench):
    one = bench()
    one.append(1)
    one.disk.max_write = 3
    one.append(2)
    assert one.segments() == [framed(1) + framed(2)]


def test_a_full_disk_refuses_and_heals_and_goes_straight_again(tmp_path, monkeypatch):
    disk, clock = FaultyDisk(free=4096 + HEADROOM_BYTES), ManualClock()
    one = JournalWriter.open(tmp_path, Journal(reserve_bytes=4096), clock, disk=disk)
    one.append(record(1))
    one.append(record(2))
    disk.free = 10
    with pytest.raises(GatewayError) as caught:
        one.append(record(3))
    assert (caught.value.code, one.is_full, one.stats.refused) == ("log_store_full", True, 1)
    one.append(record(4), may_use_reserve=True)
    disk.free = 10 * HEADROOM_BYTES
    clock.advance(1)
    one.tick()
    one.append(record(5))
    monkeypatch.setattr(one._appender, "append", None)
    one.append(record(6))
    assert all_numbers(tmp_path) == [1, 2, 4, 5, 6]
    assert one.stats.records == 5
    one.close()


async def test_what_must_reach_the_disk_never_goes_straight(tmp_path, monkeypatch):
    one = JournalWriter.open(tmp_path, Journal(reserve_bytes=0, durability=Durability.DISK), ManualClock())
    monkeypatch.setattr(one._appender, "write", None)
    for number in (1, 2):
        waiter = one.append(record(number))
        assert waiter is not None
        await waiter
    assert all_numbers(tmp_path) == [1, 2]
    one.close()
