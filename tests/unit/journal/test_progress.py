from hypothesis import given
from hypothesis import strategies as st

from llmgateway.journal.layout import Location, Position
from llmgateway.journal.progress import Open, Progress


def at(offset: int, segment: int = 0) -> Location:
    return Location("i", segment, offset, 10)


def test_the_mark_follows_reading_while_nothing_is_open():
    progress = Progress(Position(1, 5))
    assert progress.low_water == Position(1, 5)
    progress.read_to(Position(2, 7))
    assert progress.low_water == Position(2, 7)


def test_the_mark_stays_at_the_oldest_open_exchange():
    progress = Progress()
    for number in range(3):
        progress.admitted(f"e{number}", at(number * 10))
    progress.read_to(Position(0, 30))
    assert progress.low_water == Position(0, 0)
    assert progress.settled("e1") == at(10)
    assert progress.low_water == Position(0, 0)
    progress.settled("e0")
    assert progress.low_water == Position(0, 20)
    progress.settled("e2")
    assert progress.low_water == Position(0, 30)


def test_the_end_of_an_unknown_exchange_changes_nothing():
    progress = Progress(Position(0, 5))
    assert progress.settled("never seen") is None
    assert progress.low_water == Position(0, 5)


def test_a_record_written_twice_counts_where_it_was_seen_first():
    progress = Progress()
    progress.admitted("e", at(0))
    progress.admitted("e", at(0, segment=1))
    assert len(progress) == 1
    assert progress.low_water == Position(0, 0)


def test_reading_never_goes_back():
    progress = Progress(Position(3, 3))
    progress.read_to(Position(2, 9))
    assert progress.low_water == Position(3, 3)


def test_beyond_its_bound_the_oldest_is_handed_back_and_the_mark_moves_on():
    progress = Progress(max_open=2)
    assert progress.admitted("a", at(0)) is None
    assert progress.admitted("b", at(10)) is None
    assert progress.admitted("c", at(20)) == Open("a", at(0))
    assert len(progress) == 2
    assert progress.low_water == Position(0, 10)
    assert progress.settled("a") is None


def test_what_is_open_when_the_writer_is_gone_was_interrupted():
    progress = Progress()
    progress.admitted("a", at(0))
    progress.admitted("b", at(10))
    progress.read_to(Position(0, 20))
    assert progress.interrupted() == [Open("a", at(0)), Open("b", at(10))]
    assert progress.interrupted() == []
    assert progress.low_water == Position(0, 20)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9))))
def test_the_mark_never_passes_an_open_exchange_nor_goes_back(story):
    progress = Progress()
    opened: dict[str, int] = {}
    last = progress.low_water
    for offset, (is_admitted, number) in enumerate(story):
        name = f"e{number}"
        if is_admitted and name not in opened:
            opened[name] = offset
            progress.admitted(name, at(offset))
        elif not is_admitted:
            opened.pop(name, None)
            progress.settled(name)
        progress.read_to(Position(0, offset + 1))
        assert progress.low_water == Position(0, min(opened.values(), default=offset + 1))
        assert progress.low_water >= last
        last = progress.low_water
