import errno
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.journal.faulty_disk import FaultyDisk

from llmgateway.journal.segments import Segment


def segment(tmp_path, disk):
    path = tmp_path / "00000000.seg"
    path.unlink(missing_ok=True)
    return path, Segment(disk.create(path), 0, disk)


def test_records_lie_one_behind_the_other(tmp_path):
    path, one = segment(tmp_path, FaultyDisk())
    one.write([b"ab", b"c"], [3])
    one.write([b"de", b"f"], [2, 3])
    assert path.read_bytes() == b"abcdef"
    assert one.size == 6
    one.close()


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=30), st.integers(1, 7))
@settings(max_examples=50)
def test_a_disk_that_writes_in_little_pieces_gets_it_all(tmp_path_factory, buffers, step):
    disk = FaultyDisk()
    disk.max_write = step
    path, one = segment(tmp_path_factory.mktemp("s"), disk)
    one.write(buffers, [len(b"".join(buffers))])
    one.close()
    assert path.read_bytes() == b"".join(buffers)


def test_more_buffers_than_one_call_takes_go_in_several(tmp_path):
    path, one = segment(tmp_path, FaultyDisk())
    one.write([b"x"] * 3000, [3000])
    assert path.stat().st_size == one.size == 3000
    one.close()


def test_a_record_that_does_not_fit_leaves_no_trace(tmp_path):
    path, one = segment(tmp_path, FaultyDisk(free=7))
    one.write([b"abc"], [3])
    with pytest.raises(OSError) as caught:
        one.write([b"de", b"fghij"], [7])
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"abc"
    assert one.size == 3
    assert not one.is_torn
    one.close()


@pytest.mark.parametrize(("free", "kept"), [(2, 0), (3, 3), (5, 3), (6, 6), (8, 6)])
def test_of_a_group_the_records_that_are_in_whole_are_kept(tmp_path, free, kept):
    path, one = segment(tmp_path, FaultyDisk(free=free))
    with pytest.raises(OSError):
        one.write([b"abc", b"def", b"ghi"], [3, 6, 9])
    assert one.size == kept
    assert path.read_bytes() == b"abcdef"[:kept]
    one.close()


def test_a_tail_that_can_not_be_taken_back_is_told(tmp_path):
    disk = FaultyDisk(free=2)
    disk.errors["truncate"] = [errno.EIO]
    _, one = segment(tmp_path, disk)
    with pytest.raises(OSError):
        one.write([b"abc"], [3])
    assert one.is_torn
    one.close()


def test_a_disk_that_takes_nothing_and_says_nothing_is_an_error(tmp_path):
    disk = FaultyDisk()
    disk.max_write = 0
    _, one = segment(tmp_path, disk)
    with pytest.raises(OSError):
        one.write([b"abc"], [3])
    one.close()


def test_closing_never_raises(tmp_path):
    disk = FaultyDisk()
    path = tmp_path / "x"
    fd = disk.create(path)
    os.close(fd)
    Segment(fd, 0, disk).close()
