"""When freed memory is given back."""

from llmgateway.limits.trim import GROWN_BYTES, PRESSED_S, QUIET_S, Trim

BASE = 100 << 20
GROWN = BASE + GROWN_BYTES


def looks(trim: Trim, used: int, running: int, *times: float, is_pressed: bool = False) -> list[bool]:
    return [trim.look(used, running, now, is_pressed=is_pressed) for now in times]


def test_once_when_load_has_fallen_for_a_while():
    trim = Trim(BASE)
    assert not any(looks(trim, GROWN, 100, 0, 1, 2, 3))
    assert looks(trim, GROWN, 25, 4, 5, 4 + QUIET_S) == [False, False, True]
    trim.done(GROWN - 10, 0, 7)
    assert not any(looks(trim, GROWN - 10, 0, 8, 9, 100))


def test_not_while_it_is_busy_nor_in_a_short_lull():
    trim = Trim(BASE)
    for start in range(0, 40, 4):
        assert not any(looks(trim, GROWN, 100, start))
        assert not any(looks(trim, GROWN, 10, start + 1, start + 2))
        assert not any(looks(trim, GROWN, 26, start + 2.9))


def test_not_for_little():
    trim = Trim(BASE)
    assert not any(looks(trim, GROWN - 1, 0, *range(100)))


def test_growth_counts_from_the_lowest_that_was_seen():
    trim = Trim(GROWN)
    assert not any(looks(trim, BASE, 0, 0, 5))
    assert looks(trim, GROWN, 0, 6) == [True]


def test_under_pressure_it_does_not_wait_for_load_to_fall_but_pauses_between():
    trim = Trim(BASE)
    assert looks(trim, GROWN, 100, 0, is_pressed=True) == [True]
    trim.done(BASE, 100, 0)
    assert looks(trim, GROWN, 100, 1, PRESSED_S - 0.1, PRESSED_S, is_pressed=True) == [False, False, True]


def test_again_when_those_that_still_ran_have_ended_too_but_not_at_once():
    trim = Trim(BASE)
    assert looks(trim, GROWN + 1000, 2000, 0) == [False]
    assert looks(trim, GROWN + 1000, 500, 1, 1 + QUIET_S) == [False, True]
    trim.done(GROWN, 500, 3)
    assert not any(looks(trim, GROWN, 400, 4, 30))
    assert looks(trim, GROWN, 0, 31, 31 + QUIET_S) == [False, True]
    trim.done(GROWN, 0, 33)
    assert not any(looks(trim, GROWN, 0, *range(34, 200)))


def test_how_much_is_worth_it_is_the_owners_to_say():
    trim = Trim(BASE, grown_bytes=1000)
    assert not any(looks(trim, BASE + 999, 0, 0, 1, 5))
    assert looks(trim, BASE + 1000, 0, 6) == [True]
