import errno
from pathlib import Path

from llmgateway.journal.layout import Position
from llmgateway.journal.quarantine import Quarantine

NAME = "01700000000000-1-00000000"


def test_damaged_bytes_are_kept_under_the_place_they_come_from(tmp_path):
    quarantine = Quarantine(tmp_path / "q")
    quarantine.keep(NAME, Position(3, 70), [b"ab", b"cd"])
    (kept,) = (tmp_path / "q").iterdir()
    assert kept.name == f"{NAME}-00000003-70.bad"
    assert kept.read_bytes() == b"abcd"
    assert kept.stat().st_mode & 0o077 == 0
    assert (quarantine.kept, quarantine.dropped) == (1, 0)


def test_the_same_bytes_are_not_kept_twice(tmp_path):
    quarantine = Quarantine(tmp_path)
    quarantine.keep(NAME, Position(0, 0), [b"ab"])
    quarantine.keep(NAME, Position(0, 0), [b"ab"])
    assert (quarantine.kept, quarantine.dropped) == (1, 0)


def test_it_is_bounded_in_files_also_over_restarts(tmp_path):
    for offset in range(5):
        Quarantine(tmp_path, max_files=3).keep(NAME, Position(0, offset), [b"x"])
    assert len(list(tmp_path.iterdir())) == 3


def test_it_is_bounded_in_bytes_also_over_restarts(tmp_path):
    for offset in range(5):
        quarantine = Quarantine(tmp_path, max_bytes=10)
        quarantine.keep(NAME, Position(0, offset), [b"x" * 3, b"y" * 3])
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 10
    assert quarantine.dropped == 1


def test_a_disk_that_will_not_keep_them_is_no_reason_to_stop(tmp_path):
    (tmp_path / "q").touch()
    quarantine = Quarantine(tmp_path / "q")
    quarantine.keep(NAME, Position(0, 0), [b"x"])
    assert (quarantine.kept, quarantine.dropped) == (0, 1)


def test_neither_is_one_that_fails_half_way(tmp_path):
    def pieces():
        yield b"ab"
        raise OSError(errno.EIO, "gone")

    quarantine = Quarantine(tmp_path)
    quarantine.keep(NAME, Position(0, 0), pieces())
    assert (quarantine.kept, quarantine.dropped) == (0, 1)


def test_a_whole_segment_is_moved(tmp_path):
    folder = tmp_path / NAME
    folder.mkdir()
    segment = folder / "00000007.seg"
    segment.write_bytes(b"x")
    assert Quarantine(tmp_path / "q").keep_file(segment)
    assert not segment.exists()
    assert (tmp_path / "q" / f"{NAME}-00000007.seg.bad").exists()


def test_a_segment_that_is_gone_is_not_kept(tmp_path):
    assert not Quarantine(tmp_path).keep_file(Path(tmp_path / "none" / "0.seg"))
