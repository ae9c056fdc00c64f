"""A hasty read takes what is there; whether more can come is found out by a thorough one."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.journal.journals import drain, framed, numbers

from llmgateway.journal import lock
from llmgateway.journal.layout import Position, segment_path
from llmgateway.journal.quarantine import Quarantine
from llmgateway.journal.tail import ReaderStats, Tail

NAME = "01700000000000-1-00000000"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / NAME).mkdir()
    return tmp_path / NAME


@pytest.fixture
def tail(folder: Path) -> Iterator[Tail]:
    tail = Tail(folder, Quarantine(folder.parent / "quarantine"), ReaderStats())
    yield tail
    tail.close()


def hasty(tail: Tail) -> list[int]:
    return numbers(tail.read(is_hasty=True))


def test_what_was_added_comes_without_a_look_at_the_lock(
    folder: Path, tail: Tail, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = lock.take(folder)
    monkeypatch.setattr(lock, "is_held", lambda _: pytest.fail("asked for the lock"))
    segment_path(folder, 0).write_bytes(framed(0))
    assert hasty(tail) == [0]
    with segment_path(folder, 0).open("ab") as file:
        file.write(framed(1) + framed(2)[:-1])
    assert hasty(tail) == [1]
    assert hasty(tail) == []
    with segment_path(folder, 0).open("ab") as file:
        file.write(framed(2)[-1:])
    assert hasty(tail) == [2]
    os.close(held)


def test_it_goes_on_into_the_next_segment(folder: Path, tail: Tail) -> None:
    held = lock.take(folder)
    for number in range(3):
        segment_path(folder, number).write_bytes(framed(number))
    assert hasty(tail) == [0, 1, 2]
    os.close(held)


def test_the_death_of_the_writer_and_what_it_tore_are_left_to_the_thorough_read(folder: Path, tail: Tail) -> None:
    segment_path(folder, 0).write_bytes(framed(0) + b"torn")
    assert hasty(tail) == [0]
    assert hasty(tail) == []
    assert not tail.is_exhausted
    assert tail.position == Position(0, len(framed(0)))
    assert drain(tail) == []
    assert tail.is_exhausted


def test_damage_in_the_middle_waits_for_the_thorough_read_and_costs_no_record(folder: Path, tail: Tail) -> None:
    held = lock.take(folder)
    segment_path(folder, 0).write_bytes(framed(0) + b"rubbish" + framed(1))
    assert hasty(tail) == [0]
    assert hasty(tail) == []
    assert numbers(drain(tail)) == [1]
    os.close(held)
