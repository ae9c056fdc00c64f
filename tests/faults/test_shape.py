"""What a fault makes of a piece of bytes, without a loop."""

import pytest
from bench.faults.fault import NONE, Act, Fault, Step, shape

PIECE = b"0123456789"


def shaped(fault, passed=0, draw=lambda: 0.5):
    return list(shape(PIECE, passed, fault, draw))


def test_without_a_fault_a_piece_goes_on_as_it_is():
    assert shaped(NONE) == [Step(0.0, PIECE)]


def test_delay_and_jitter_hold_a_piece_back_once_and_jitter_is_drawn_anew():
    assert shaped(Fault(delay=1.0, jitter=0.2)) == [Step(1.1, PIECE)]
    draws = iter((0.0, 1.0))
    assert [shaped(Fault(jitter=2.0), draw=lambda: next(draws))[0].wait for _ in range(2)] == [0.0, 2.0]


def test_slices_are_of_the_size_with_the_gap_between_them():
    assert shaped(Fault(slice=4, gap=0.5, delay=1.0)) == [Step(1.0, b"0123"), Step(0.5, b"4567"), Step(0.5, b"89")]
    assert [step.piece for step in shaped(Fault(slice=1))] == [bytes([each]) for each in PIECE]


def test_a_rate_makes_each_write_take_its_time():
    assert shaped(Fault(rate=5.0)) == [Step(2.0, PIECE)]
    assert sum(step.wait for step in shaped(Fault(rate=5.0, slice=3))) == pytest.approx(2.0)


@pytest.mark.parametrize("act", [Act.STALL, Act.RESET, Act.HALF_CLOSE])
@pytest.mark.parametrize("at", [0, 4, 9])
def test_an_act_comes_at_its_byte_and_nothing_after_it(act, at):
    *before, last = shaped(Fault(act=act, at=at))
    assert b"".join(step.piece for step in before) == PIECE[:at]
    assert last == Step(0.0, b"", act)


def test_an_act_counts_over_pieces_and_waits_for_its_own():
    assert shaped(Fault(act=Act.RESET, at=14)) == [Step(0.0, PIECE)]
    assert shaped(Fault(act=Act.RESET, at=14), passed=10) == [Step(0.0, b"0123"), Step(0.0, b"", Act.RESET)]
    assert shaped(Fault(act=Act.RESET, at=14), passed=20) == [Step(0.0, PIECE)]  # its byte has gone by


def test_one_byte_is_corrupted_and_no_other():
    (step,) = shaped(Fault(act=Act.CORRUPT, at=13), passed=10)
    assert [(at, a ^ b) for at, (a, b) in enumerate(zip(PIECE, step.piece, strict=True)) if a != b] == [(3, 0xFF)]
    assert step.act is None


def test_slices_and_a_corrupted_byte_go_together():
    steps = shaped(Fault(slice=4, act=Act.CORRUPT, at=5))
    assert [len(step.piece) for step in steps] == [4, 4, 2]
    assert b"".join(step.piece for step in steps) != PIECE
