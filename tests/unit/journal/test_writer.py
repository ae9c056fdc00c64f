import errno
import os

import pytest
from tests.unit.journal.faulty_disk import FaultyDisk
from tests.unit.journal.journals import all_numbers, framed, record

from llmgateway.config.snapshot import Durability, Journal
from llmgateway.domain.clock import ManualClock
from llmgateway.domain.errors import GatewayError
from llmgateway.journal import lock, writer
from llmgateway.journal.layout import incarnation_names, is_incarnation
from llmgateway.journal.reserve import HEADROOM_BYTES
from llmgateway.journal.writer import JournalWriter

SETTINGS = Journal(reserve_bytes=4096)


def open_writer(root, disk=None, clock=None, **settings):
    return JournalWriter.open(
        root, Journal(**{"reserve_bytes": 4096, **settings}), clock or ManualClock(), disk=disk or FaultyDisk()
    )


def test_a_record_is_in_the_file_when_append_returns(tmp_path):
    one = open_writer(tmp_path)
    assert one.append(record(1)) is None
    assert (tmp_path / one.incarnation / "00000000.seg").read_bytes() == framed(1)
    one.close()


def test_each_writer_has_a_folder_of_its_own_locked_for_life(tmp_path):
    one, two = open_writer(tmp_path), open_writer(tmp_path)
    assert one.incarnation != two.incarnation
    assert is_incarnation(one.incarnation)
    name = one.incarnation
    assert lock.is_held(tmp_path / name)
    one.close()
    assert not lock.is_held(tmp_path / name)
    assert lock.is_held(tmp_path / two.incarnation)
    two.close()


def test_nobody_else_may_read_what_was_said(tmp_path):
    one = open_writer(tmp_path / "journal", disk=writer.Disk())
    one.append(record(1))
    folder = tmp_path / "journal" / one.incarnation
    assert (tmp_path / "journal").stat().st_mode & 0o077 == 0
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
    one.close()


def test_a_given_name_is_used_and_never_twice(tmp_path):
    name = "01700000000000-1-00000000"
    one = JournalWriter.open(tmp_path, SETTINGS, ManualClock(), incarnation=name)
    assert one.incarnation == name
    one.append(record(1))
    with pytest.raises(OSError):
        JournalWriter.open(tmp_path, SETTINGS, ManualClock(), incarnation=name)
    assert incarnation_names(tmp_path) == [name]
    assert not list(tmp_path.glob(".new-*"))
    one.close()


def test_a_folder_that_can_not_be_used_is_an_error_at_start(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        open_writer(tmp_path / "file" / "journal")


def test_a_disk_full_at_start_refuses_until_there_is_space(tmp_path):
    disk, clock = FaultyDisk(), ManualClock()
    disk.errors["create"] = [errno.ENOSPC, errno.ENOSPC]
    one = open_writer(tmp_path, disk, clock)
    assert one.is_full
    assert not one.is_ready
    assert one.incarnation is None
    with pytest.raises(GatewayError) as caught:
        one.append(record(1), may_use_reserve=True)
    assert caught.value.code == "log_store_full"
    clock.advance(1)
    one.tick()
    assert one.is_full
    clock.advance(1)
    one.append(record(2))
    assert one.is_ready
    assert all_numbers(tmp_path) == [2]
    assert not list(tmp_path.glob(".new-*"))
    one.close()


def test_a_record_its_format_can_not_hold_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "MAX_LENGTH", 100)
    monkeypatch.setattr(writer, "LARGE", 90)
    one = open_writer(tmp_path)
    with pytest.raises(GatewayError) as caught:
        one.append(record(1, bytes(200)))
    assert caught.value.code == "internal_error"
    one.append(record(2))
    assert all_numbers(tmp_path) == [2]
    one.close()


def test_the_gauges_tell_what_went_in_and_what_did_not(tmp_path):
    disk = FaultyDisk(free=4096 + HEADROOM_BYTES)
    one = open_writer(tmp_path, disk)
    one.append(record(1))
    disk.free = 0
    with pytest.raises(GatewayError):
        one.append(record(2))
    assert (one.stats.records, one.stats.bytes, one.stats.writes, one.stats.refused) == (1, len(framed(1)), 1, 1)
    assert one.is_full
    assert not one.is_faulty
    one.close()


def test_the_slowest_write_is_told_once():
    stats = writer.WriterStats()
    for seconds in (0.1, 0.3, 0.2):
        stats.wrote(2, 10, seconds)
    assert (stats.records, stats.bytes, stats.write_s) == (6, 30, pytest.approx(0.6))
    assert stats.take_slowest() == 0.3
    assert stats.take_slowest() == 0.0


def test_after_closing_records_are_refused_and_closing_again_is_harmless(tmp_path):
    clock = ManualClock()
    one = open_writer(tmp_path, clock=clock)
    one.close()
    one.close()
    clock.advance(3600)
    one.tick()
    with pytest.raises(GatewayError):
        one.append(record(1), may_use_reserve=True)


def test_closing_leaves_no_descriptor_open(tmp_path):
    before = os.listdir("/proc/self/fd")
    one = open_writer(tmp_path, durability=Durability.DISK)
    one.close()
    assert len(os.listdir("/proc/self/fd")) == len(before)
