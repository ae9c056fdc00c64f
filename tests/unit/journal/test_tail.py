import errno
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.journal.journals import drain, framed, numbers

from llmgateway.journal import lock, resync
from llmgateway.journal.frame import HEADER, MAGIC
from llmgateway.journal.layout import Position, segment_path
from llmgateway.journal.quarantine import Quarantine
from llmgateway.journal.tail import ReaderStats, Tail
from llmgateway.journal.window import Window

NAME = "01700000000000-1-00000000"


class Shelf:
    """An incarnation's folder written by hand, alive until `die`."""

    def __init__(self, root) -> None:
        self.root = root
        self.folder = root / NAME
        self.folder.mkdir()
        self.stats = ReaderStats()
        self.quarantine = Quarantine(root / "quarantine")
        self._lock: int | None = lock.take(self.folder)
        self._tails: list[Tail] = []

    def put(self, number: int, content: bytes) -> None:
        segment_path(self.folder, number).write_bytes(content)

    def add(self, number: int, content: bytes) -> None:
        with segment_path(self.folder, number).open("ab") as file:
            file.write(content)

    def tail(self, start=Position(0, 0), **how) -> Tail:
        self._tails.append(Tail(self.folder, self.quarantine, self.stats, start, **how))
        return self._tails[-1]

    def die(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def close(self) -> None:
        self.die()
        for tail in self._tails:
            tail.close()

    def kept(self) -> list[bytes]:
        folder = self.root / "quarantine"
        return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.exists() else []


@pytest.fixture
def shelf(tmp_path):
    one = Shelf(tmp_path)
    yield one
    one.close()


def frames_of(*which: int) -> bytes:
    return b"".join(framed(number) for number in which)


def test_records_come_in_order_with_where_they_lie(shelf):
    shelf.put(0, frames_of(0, 1))
    shelf.put(1, framed(2, b"hello"))
    shelf.die()
    tail = shelf.tail()
    frames = drain(tail)
    assert numbers(frames) == [0, 1, 2]
    assert frames[1].location == (NAME, 0, len(framed(0)), len(framed(1)))
    assert frames[2].location.position == Position(1, 0)
    assert frames[2].blobs() == {"request": b"hello"}
    assert tail.is_exhausted
    assert tail.position == Position(1, len(framed(2, b"hello")))
    assert tail.read() == []


def test_reading_begins_at_the_given_position(shelf):
    shelf.put(1, frames_of(0, 1, 2))
    shelf.die()
    assert numbers(drain(shelf.tail(Position(1, len(framed(0)))))) == [1, 2]
    assert shelf.stats.missing_segments == 0


def test_a_position_behind_the_end_brings_nothing(shelf):
    shelf.put(0, framed(0))
    shelf.die()
    tail = shelf.tail(Position(0, 10_000))
    assert drain(tail) == []
    assert tail.is_exhausted


def test_one_read_is_bounded_in_frames_and_bytes(shelf):
    shelf.put(0, frames_of(*range(10)))
    shelf.die()
    tail = shelf.tail()
    assert numbers(tail.read(max_frames=3)) == [0, 1, 2]
    assert numbers(tail.read(max_bytes=1)) == [3]
    assert numbers(tail.read()) == [4, 5, 6, 7, 8, 9]


def test_a_record_larger_than_the_block_is_read(shelf):
    shelf.put(0, frames_of(0) + framed(1, bytes(5000)) + frames_of(2))
    shelf.die()
    frames = drain(shelf.tail(block_bytes=64))
    assert numbers(frames) == [0, 1, 2]
    assert frames[1].blobs() == {"request": bytes(5000)}


@pytest.mark.parametrize("cut", range(1, len(framed(1))))
def test_a_record_not_whole_yet_is_waited_for_while_the_writer_lives(shelf, cut):
    shelf.put(0, framed(0) + framed(1)[:cut])
    tail = shelf.tail()
    assert numbers(drain(tail)) == [0]
    assert tail.position == Position(0, len(framed(0)))
    shelf.add(0, framed(1)[cut:] + framed(2))
    assert numbers(drain(tail)) == [1, 2]
    assert not tail.is_exhausted
    assert shelf.stats.damaged == shelf.stats.torn_tails == 0


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=8), st.lists(st.integers(1, 70), max_size=30), st.integers(16, 90)
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_however_the_writing_is_cut_each_record_comes_once(tmp_path_factory, sizes, cuts, block):
    shelf = Shelf(tmp_path_factory.mktemp("t"))
    content = b"".join(framed(number, bytes(size)) for number, size in enumerate(sizes))
    tail = shelf.tail(block_bytes=block)
    found = []
    shelf.put(0, b"")
    for cut in cuts:
        shelf.add(0, content[:cut])
        content = content[cut:]
        found += numbers(drain(tail))
    shelf.add(0, content)
    shelf.die()
    found += numbers(drain(tail))
    shelf.close()
    assert found == list(range(len(sizes)))
    assert tail.is_exhausted
    assert shelf.stats.damaged == shelf.stats.torn_tails == 0


def test_a_tail_taken_back_by_the_writer_and_written_anew_is_no_damage(shelf):
    shelf.put(0, framed(0) + framed(1, b"x" * 50)[:40])
    tail = shelf.tail()
    assert numbers(drain(tail)) == [0]
    shelf.put(0, frames_of(0, 2, 3))
    assert numbers(drain(tail)) == [2, 3]
    assert shelf.stats.damaged == 0


@pytest.mark.parametrize("cut", range(1, len(framed(1))))
def test_a_torn_tail_of_the_dead_is_kept_aside_and_counted(shelf, cut):
    shelf.put(0, framed(0) + framed(1)[:cut])
    shelf.die()
    tail = shelf.tail()
    assert numbers(drain(tail)) == [0]
    assert tail.is_exhausted
    assert shelf.stats.torn_tails == 1
    assert shelf.stats.damaged_bytes == cut
    assert shelf.kept() == [framed(1)[:cut]]


def test_a_torn_tail_in_the_middle_of_a_living_incarnation_is_passed(shelf):
    shelf.put(0, framed(0) + framed(1)[:20])
    shelf.put(1, framed(2))
    assert numbers(drain(shelf.tail())) == [0, 2]
    assert shelf.stats.torn_tails == 1


@pytest.mark.parametrize("is_alive", [True, False])
def test_a_bit_flip_anywhere_costs_one_record_and_no_more(tmp_path, is_alive):
    shelf = Shelf(tmp_path)
    content = frames_of(*range(5))
    starts = [len(frames_of(*range(number))) for number in range(6)]
    if not is_alive:
        shelf.die()
    for at in range(len(content)):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[at] ^= 1 << bit
            shelf.put(0, bytes(damaged))
            hit = next(number for number in range(5) if at < starts[number + 1])
            tail = shelf.tail()
            found = numbers(drain(tail))
            if is_alive:  # a length that points beyond the end looks like a record on its way until the next segment
                shelf.put(1, b"")
                found += numbers(drain(tail))
                segment_path(shelf.folder, 1).unlink()
            tail.close()
            assert found == [number for number in range(5) if number != hit], (at, bit)
    shelf.close()


@given(st.binary(max_size=200), st.integers(16, 64))
@settings(max_examples=100)
def test_rubbish_between_records_is_skipped_whatever_it_is(tmp_path_factory, rubbish, block):
    shelf = Shelf(tmp_path_factory.mktemp("t"))
    shelf.put(0, framed(0) + rubbish + framed(1))
    shelf.die()
    found = numbers(drain(shelf.tail(block_bytes=block)))
    shelf.close()
    assert found == [0, 1]
    assert shelf.stats.damaged_bytes == len(rubbish)


@given(st.binary(max_size=300))
@settings(max_examples=100)
def test_a_segment_of_rubbish_is_read_to_its_end_without_a_record_and_without_a_loop(tmp_path_factory, rubbish):
    shelf = Shelf(tmp_path_factory.mktemp("t"))
    shelf.put(0, b"LGW1" + rubbish)
    alive = shelf.tail(block_bytes=32)
    drain(alive)
    shelf.die()
    dead = shelf.tail(block_bytes=32)
    assert drain(dead) == []
    drain(alive)
    shelf.close()
    assert dead.is_exhausted
    assert alive.is_exhausted


def test_a_record_said_in_a_damaged_body_is_not_taken_for_one(shelf):
    damaged = bytearray(framed(1, b"look: " + framed(666) + b" :end"))
    damaged[-1] ^= 1
    shelf.put(0, framed(0) + bytes(damaged) + framed(2))
    shelf.die()
    assert numbers(drain(shelf.tail())) == [0, 2]


def test_bodies_made_to_look_like_records_cost_a_bounded_time(tmp_path):
    false = HEADER.pack(MAGIC, 5000, 0, 10)
    path = tmp_path / "f"
    path.write_bytes(b"x" + false * 1000 + framed(0))
    size = path.stat().st_size
    window = Window.open(path)
    assert resync.land(window, 0, is_final=True) == (size - len(framed(0)), False)
    assert resync.land(window, 0, is_final=True, max_checked=100_000) == (size, True)
    window.close()


@pytest.mark.parametrize("cut", range(1, len(framed(1))))
def test_behind_rubbish_too_a_record_not_whole_yet_is_waited_for(shelf, cut):
    shelf.put(0, framed(0) + b"rubbish" + framed(1)[:cut])
    tail = shelf.tail()
    assert numbers(drain(tail)) == [0]
    shelf.add(0, framed(1)[cut:])
    assert numbers(drain(tail)) == [1]
    assert shelf.stats.damaged_bytes == len("rubbish")


def test_damage_is_believed_only_at_the_second_look(shelf, monkeypatch):
    """A read may meet the writer while it takes a record back and writes another one in its place."""
    shelf.put(0, frames_of(0, 1))
    tail = shelf.tail()
    looks = []
    pread = os.pread

    def blurred(fd, length, offset):
        looks.append(offset)
        found = bytearray(pread(fd, length, offset))
        if len(looks) == 1:
            found[-1] ^= 1
        return bytes(found)

    monkeypatch.setattr(os, "pread", blurred)
    assert numbers(drain(tail)) == [0, 1]
    assert shelf.stats.damaged == 0


def test_missing_segments_are_skipped_and_counted(shelf):
    shelf.put(2, framed(0))
    shelf.put(5, framed(1))
    shelf.die()
    tail = shelf.tail()
    assert numbers(drain(tail)) == [0, 1]
    assert shelf.stats.missing_segments == 4
    assert tail.is_exhausted


def test_empty_segments_are_counted_unless_they_are_the_last(shelf):
    shelf.put(0, b"")
    shelf.put(1, framed(0))
    shelf.put(2, b"")
    shelf.die()
    tail = shelf.tail()
    assert numbers(drain(tail)) == [0]
    assert shelf.stats.empty_segments == 1
    assert tail.is_exhausted


def test_a_writer_without_a_segment_yet_is_waited_for(shelf):
    tail = shelf.tail()
    assert tail.read() == []
    assert not tail.is_exhausted
    shelf.put(0, framed(0))
    assert numbers(drain(tail)) == [0]
    shelf.die()
    assert tail.read() == []
    assert tail.is_exhausted


def test_a_folder_that_vanishes_is_exhausted(shelf):
    tail = shelf.tail()
    shelf.die()
    (shelf.folder / "lock").unlink()
    shelf.folder.rmdir()
    assert tail.read() == []
    assert tail.is_exhausted


def test_what_a_writer_says_before_it_dies_is_read_before_it_counts_as_exhausted(shelf, monkeypatch):
    """The last record comes between the last look at the file and the look at the lock."""
    shelf.put(0, framed(0))
    tail = shelf.tail()
    assert numbers(drain(tail)) == [0]
    is_held = lock.is_held

    def die_first(folder):
        shelf.add(0, framed(1))
        shelf.die()
        monkeypatch.setattr(lock, "is_held", is_held)
        return is_held(folder)

    monkeypatch.setattr(lock, "is_held", die_first)
    assert numbers(drain(tail)) == [1]
    assert tail.is_exhausted


def fail_reading(monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "pread", refuse)


def test_a_segment_that_can_not_be_read_is_put_aside_after_some_tries(shelf, monkeypatch):
    shelf.put(0, framed(0))
    shelf.put(1, b"")
    tail = shelf.tail()
    with monkeypatch.context() as failing:
        fail_reading(failing, errno.EIO)
        assert tail.read() == []
        assert tail.read() == []
        assert tail.position == Position(0, 0)
        assert tail.read() == []
    assert tail.position == Position(1, 0)
    assert shelf.stats.unreadable_segments == 1
    assert shelf.kept() == [framed(0)]


def test_a_passing_trouble_is_waited_out(shelf, monkeypatch):
    shelf.put(0, framed(0))
    shelf.die()
    tail = shelf.tail()
    with monkeypatch.context() as failing:
        fail_reading(failing, errno.EMFILE)
        for _ in range(10):
            assert tail.read() == []
    assert shelf.stats.read_errors == 10
    assert numbers(drain(tail)) == [0]


def test_the_backlog_shrinks_as_it_is_read(shelf):
    shelf.put(0, frames_of(0, 1))
    shelf.put(1, framed(2))
    tail = shelf.tail()
    assert tail.backlog_bytes() == len(frames_of(0, 1, 2))
    tail.read(max_frames=1)
    assert tail.backlog_bytes() == len(frames_of(1, 2))
    drain(tail)
    assert tail.backlog_bytes() == 0


def test_a_tail_says_where_it_is(shelf):
    assert repr(shelf.tail(Position(3, 4))) == f"<Tail {NAME} alive at 3:4>"


@pytest.mark.parametrize("cut", [1, 4, 10, HEADER.size, HEADER.size + 1, len(framed(1)) - 1])
@pytest.mark.parametrize("moment", range(1, 7))
def test_a_record_that_the_writer_finishes_between_two_looks_is_no_damage(shelf, monkeypatch, cut, moment):
    """A write of some pages becomes visible page by page, so a reader may meet half of it, and all of it a moment on."""
    shelf.put(0, framed(0) + framed(1)[:cut])
    looks = 0
    size = Window.size

    def look(window: Window) -> int:
        nonlocal looks
        looks += 1
        if looks == moment:
            shelf.add(0, framed(1)[cut:] + framed(2))
        return size(window)

    monkeypatch.setattr(Window, "size", look)
    tail = shelf.tail()
    found = drain(tail)
    monkeypatch.setattr(Window, "size", size)
    if looks < moment:
        shelf.add(0, framed(1)[cut:] + framed(2))
    assert numbers(found + drain(tail)) == [0, 1, 2]
    assert (shelf.stats.damaged, shelf.kept()) == (0, [])
