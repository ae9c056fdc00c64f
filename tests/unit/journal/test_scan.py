"""Records out of a block: which ones, where they lie, and where it stops."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.journal.journals import framed, numbers

from llmgateway.journal.frame import HEADER, MAGIC, BadFrameError, pack
from llmgateway.journal.layout import Location
from llmgateway.journal.scan import Budget, Frame, Source, scan

BASE = 1_000


def scanned(block: bytes, start: int = 0, budget: Budget | None = None) -> tuple[list[Frame], int]:
    frames: list[Frame] = []
    end = scan(Source("i", 3, BASE, block), start, frames, budget or Budget(100, 1 << 20))
    return frames, end


def test_records_follow_each_other_and_know_where_they_lie():
    block = framed(0) + framed(1, b"hello") + framed(2, b"")
    frames, end = scanned(block)
    assert numbers(frames) == [0, 1, 2]
    assert end == len(block)
    assert frames[1].location == Location("i", 3, BASE + len(framed(0)), len(framed(1, b"hello")))
    assert [frame.blobs() for frame in frames] == [{"request": b"body"}, {"request": b"hello"}, {"request": b""}]


def test_scanning_begins_where_it_is_told_to():
    block = framed(0) + framed(1)
    assert numbers(scanned(block, len(framed(0)))[0]) == [1]


@pytest.mark.parametrize("cut", range(1, len(framed(1))))
def test_a_record_that_is_not_whole_is_left(cut):
    frames, end = scanned(framed(0) + framed(1)[:cut])
    assert (numbers(frames), end) == ([0], len(framed(0)))


@pytest.mark.parametrize("at", range(len(framed(1))))
def test_a_flipped_bit_anywhere_ends_the_scan_before_it(at):
    damaged = bytearray(framed(0) + framed(1) + framed(2))
    damaged[len(framed(0)) + at] ^= 1
    frames, end = scanned(bytes(damaged))
    assert (numbers(frames), end) == ([0], len(framed(0)))


@pytest.mark.parametrize("text", [b"[]", b"7", b"{", b"", b"null", b'{"a":1'])
def test_json_that_is_no_object_is_no_record(text):
    import zlib

    covered = len(text).to_bytes(4, "little") + text
    block = MAGIC + len(covered).to_bytes(4, "little") + zlib.crc32(covered).to_bytes(4, "little") + covered
    assert len(block) >= HEADER.size
    assert scanned(block) == ([], 0)


def test_a_budget_is_kept_over_several_blocks():
    budget = Budget(3, 1 << 20)
    assert numbers(scanned(framed(0) + framed(1), 0, budget)[0]) == [0, 1]
    assert not budget.is_spent
    assert numbers(scanned(framed(2) + framed(3), 0, budget)[0]) == [2]
    assert budget.is_spent
    assert scanned(framed(4), 0, budget) == ([], 0)


def test_bytes_are_spent_by_the_record_that_reaches_their_end():
    budget = Budget(100, len(framed(0)) + 1)
    assert numbers(scanned(framed(0) + framed(1) + framed(2), 0, budget)[0]) == [0, 1]
    assert budget.is_spent


@given(st.binary(max_size=300))
def test_rubbish_is_never_a_record(rubbish):
    assert scanned(MAGIC + rubbish) == ([], 0)


@pytest.mark.parametrize(
    "blobs",
    [7, "x", [], [["request"]], [["request", 3]], [["request", -4]], [["a", 2], ["a", 2]], [["a", "4"]], [[[], 4]]],
)
def test_bodies_at_odds_with_the_record_are_told(blobs):
    prefix, text, body = pack({"n": 1}, [("request", b"body")])
    assert text
    (frame,), _ = scanned(prefix + text + body)
    frame.meta["blobs"] = blobs
    with pytest.raises(BadFrameError):
        frame.blobs()


def test_several_bodies_are_told_apart():
    block = b"".join(pack({"n": 1}, [("reply", b"one"), ("events", b"three")]))
    (frame,), _ = scanned(block)
    assert frame.blobs() == {"reply": b"one", "events": b"three"}
