import asyncio
import errno
import threading

import pytest
from tests.unit.journal.faulty_disk import FaultyDisk
from tests.unit.journal.journals import all_numbers, record

from llmgateway.config.snapshot import Durability, Journal
from llmgateway.domain.clock import ManualClock
from llmgateway.domain.errors import GatewayError
from llmgateway.journal import group
from llmgateway.journal.reserve import HEADROOM_BYTES
from llmgateway.journal.writer import JournalWriter

SETTINGS = Journal(durability=Durability.DISK, reserve_bytes=100_000)


class SlowDisk(FaultyDisk):
    """Its syncs wait for `gate`."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.syncing = threading.Event()

    def fdatasync(self, fd):
        self.syncing.set()
        assert self.gate.wait(20)
        super().fdatasync(fd)


@pytest.fixture
def disk():
    return SlowDisk()


@pytest.fixture
async def writer(tmp_path, disk):
    one = JournalWriter.open(tmp_path, SETTINGS, ManualClock(), disk=disk)
    yield one
    disk.gate.set()
    one.close()


async def hold(disk, writer):
    """Send one record off and stop its sync; the next ones gather behind it."""
    disk.gate.clear()
    first = writer.append(record(0))
    await asyncio.get_running_loop().run_in_executor(None, disk.syncing.wait, 20)
    return first


async def test_the_records_of_one_tick_share_a_write_and_a_sync(writer, disk, tmp_path):
    disk.calls.clear()
    await asyncio.gather(*(writer.append(record(number)) for number in range(20)))
    assert disk.calls == ["writev", "fdatasync"]
    assert all_numbers(tmp_path) == list(range(20))
    assert (writer.stats.records, writer.stats.writes) == (20, 1)


async def test_nothing_is_promised_before_the_sync(writer, disk):
    first = await hold(disk, writer)
    assert not first.done()
    disk.gate.set()
    await first


async def test_while_one_sync_runs_the_next_group_gathers_and_follows_in_order(writer, disk, tmp_path):
    done = []
    first = await hold(disk, writer)
    waiters = [first]
    for number in (1, 2, 3):
        waiters.append(writer.append(record(number)))
        await asyncio.sleep(0)  # a tick of its own
    for at, waiter in enumerate(waiters):
        waiter.add_done_callback(lambda _, at=at: done.append(at))
    disk.calls.clear()
    disk.gate.set()
    await asyncio.gather(*waiters)
    await asyncio.sleep(0)
    assert done == [0, 1, 2, 3]
    assert disk.calls.count("writev") == 1
    assert disk.calls.count("fdatasync") == 2
    assert all_numbers(tmp_path) == [0, 1, 2, 3]


async def test_an_error_reaches_every_waiter_of_the_group(writer, disk):
    disk.errors["fdatasync"] = [errno.EIO] * 2
    outcomes = await asyncio.gather(*(writer.append(record(n)) for n in range(3)), return_exceptions=True)
    assert [getattr(outcome, "code", None) for outcome in outcomes] == ["log_store_full"] * 3
    assert writer.stats.refused == 3
    assert not writer.is_ready


async def test_a_bug_on_the_way_to_the_disk_is_an_error_for_the_waiters_not_a_hang(writer, monkeypatch):
    monkeypatch.setattr(writer._appender, "commit", lambda _: 1 / 0)
    with pytest.raises(GatewayError):
        await asyncio.wait_for(writer.append(record(1)), 10)


async def test_a_caller_who_leaves_takes_nobody_with_him(writer, disk, tmp_path):
    first = await hold(disk, writer)
    leaver, stayer = writer.append(record(1)), writer.append(record(2))
    first.cancel()
    leaver.cancel()
    disk.gate.set()
    await asyncio.wait_for(stayer, 10)
    assert all_numbers(tmp_path) == [0, 1, 2]


async def test_what_gathers_behind_a_slow_disk_has_a_bound_for_new_exchanges_only(writer, disk, monkeypatch):
    monkeypatch.setattr(group, "MAX_GATHERED_BYTES", 200)
    first = await hold(disk, writer)
    kept = [writer.append(record(1))]
    with pytest.raises(GatewayError) as caught:
        kept.extend(writer.append(record(number)) for number in range(10))
    assert caught.value.code == "log_store_full"
    assert len(kept) < 5
    kept.append(writer.append(record(99), may_use_reserve=True))
    disk.gate.set()
    await asyncio.gather(first, *kept)
    await writer.append(record(100))


async def test_a_full_disk_refuses_at_once_and_heals_without_traffic(writer, disk):
    disk.free = 0
    disk._allocated.clear()
    with pytest.raises(GatewayError):
        await writer.append(record(1))
    with pytest.raises(GatewayError):
        writer.append(record(2))
    disk.free = 10 * HEADROOM_BYTES
    writer._clock.advance(1)
    writer.tick()
    flight = writer._group._flight
    assert flight is not None
    await asyncio.wrap_future(flight.job)
    await writer.append(record(3))


async def test_a_tick_between_a_record_and_its_take_off_loses_nothing(writer, disk, tmp_path):
    writer._clock.advance(1)
    disk.gate.clear()
    early = writer.append(record(0))
    writer.tick()
    late = writer.append(record(1))
    await asyncio.sleep(0)
    disk.gate.set()
    await asyncio.wait_for(asyncio.gather(early, late), 10)
    assert all_numbers(tmp_path) == [0, 1]


async def test_closing_writes_and_syncs_what_has_gathered(tmp_path, disk):
    writer = JournalWriter.open(tmp_path, SETTINGS, ManualClock(), disk=disk)
    first = await hold(disk, writer)
    second = writer.append(record(1))
    disk.gate.set()
    writer.close()
    assert first.done()
    assert second.done()
    await asyncio.gather(first, second)
    assert all_numbers(tmp_path) == [0, 1]
