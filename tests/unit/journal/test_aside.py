"""Large records with durability "process": a thread writes them, and everything keeps its order."""

import asyncio
import threading

import pytest
from tests.unit.journal.faulty_disk import FaultyDisk
from tests.unit.journal.journals import all_numbers, record

from llmgateway.config.snapshot import Journal
from llmgateway.domain.clock import ManualClock
from llmgateway.domain.errors import GatewayError
from llmgateway.journal import writer
from llmgateway.journal.disk import Disk
from llmgateway.journal.writer import JournalWriter

LARGE = bytes(2_000)


class SlowDisk(Disk):
    """Writes large records only when told, and notes who writes."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.writers: list[threading.Thread] = []
        self.syncs = 0

    def writev(self, fd, buffers):
        self.writers.append(threading.current_thread())
        if sum(map(len, buffers)) > 1_000:
            assert self.go.wait(10)
        return super().writev(fd, buffers)

    def fdatasync(self, fd):
        self.syncs += 1
        super().fdatasync(fd)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(writer, "LARGE", 1_000)


def opened(tmp_path, disk):
    return JournalWriter.open(tmp_path, Journal(), ManualClock(), disk=disk)


async def test_a_large_record_is_written_in_a_thread_and_what_follows_waits_behind_it(tmp_path):
    disk = SlowDisk()
    one = opened(tmp_path, disk)
    assert one.append(record(1)) is None
    waiters = [one.append(record(2, LARGE)), one.append(record(3)), one.append(record(4))]
    await asyncio.sleep(0)
    assert not any(waiter.done() for waiter in waiters)
    disk.go.set()
    await asyncio.gather(*waiters)
    assert all_numbers(tmp_path) == [1, 2, 3, 4]
    assert threading.main_thread() not in disk.writers[1:]
    assert disk.syncs == 0
    assert one.append(record(5)) is None  # as before
    assert disk.writers[-1] is threading.main_thread()
    assert all_numbers(tmp_path) == [1, 2, 3, 4, 5]
    assert (one.stats.records, one.stats.refused) == (5, 0)
    one.close()


async def test_the_large_record_of_an_exchange_that_ends_is_written_at_once(tmp_path):
    disk = SlowDisk()
    disk.go.set()
    one = opened(tmp_path, disk)
    assert one.append(record(1, LARGE), may_use_reserve=True) is None
    assert set(disk.writers) == {threading.main_thread()}
    one.close()


async def test_a_second_large_record_uses_the_same_thread(tmp_path):
    disk = SlowDisk()
    disk.go.set()
    one = opened(tmp_path, disk)
    for number in range(3):
        await one.append(record(number, LARGE))
    assert len(set(disk.writers)) == 1
    one.close()


async def test_closing_writes_what_is_on_its_way(tmp_path):
    disk = SlowDisk()
    one = opened(tmp_path, disk)
    one.append(record(1, LARGE))
    one.append(record(2))
    disk.go.set()
    one.close()
    one.close()
    assert all_numbers(tmp_path) == [1, 2]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("journal")]


async def test_a_full_disk_refuses_the_large_one_and_its_waiter_hears_of_it(tmp_path):
    disk = FaultyDisk(free=100_000_000)
    one = opened(tmp_path, disk)
    assert one.append(record(1)) is None
    disk.free = 0
    with pytest.raises(GatewayError, match="log_store_full"):
        await one.append(record(2, LARGE))
    assert one.is_full
    assert one.stats.refused == 1
    with pytest.raises(GatewayError):
        one.append(record(3))
    assert all_numbers(tmp_path) == [1]
    one.close()


async def test_a_tick_meanwhile_leaves_the_appender_to_the_thread(tmp_path):
    disk = SlowDisk()
    one = opened(tmp_path, disk)
    waiter = one.append(record(1, LARGE))
    await asyncio.sleep(0)
    one._clock.advance(5)
    one.tick()
    disk.go.set()
    await waiter
    one.tick()
    one.append(record(2))
    one.close()
    assert all_numbers(tmp_path) == [1, 2]
