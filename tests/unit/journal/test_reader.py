import pytest
from tests.unit.journal.journals import drain, framed, numbers, record

from llmgateway.config.snapshot import Journal
from llmgateway.domain.clock import ManualClock
from llmgateway.journal.layout import Location, Position, incarnation_names, segment_numbers
from llmgateway.journal.reader import JournalReader
from llmgateway.journal.writer import JournalWriter

LENGTH = len(framed(1))
SETTINGS = Journal(reserve_bytes=4096, segment_bytes=2 * LENGTH)


@pytest.fixture
def reader(tmp_path):
    one = JournalReader(tmp_path)
    yield one
    one.close()


@pytest.fixture
def writer(tmp_path):
    one = JournalWriter.open(tmp_path, SETTINGS, ManualClock())
    yield one
    one.close()


def test_what_one_writes_the_other_reads(reader, writer):
    (tail,) = reader.discover({})
    for number in range(7):
        writer.append(record(number))
        assert numbers(drain(tail)) == [number]
    assert tail.is_alive
    assert not tail.is_exhausted
    writer.close()
    assert drain(tail) == []
    assert not tail.is_alive
    assert tail.is_exhausted


def test_incarnations_are_found_once_and_oldest_first(reader, tmp_path):
    clock = ManualClock()
    assert reader.discover({}) == []
    first = JournalWriter.open(tmp_path, SETTINGS, clock)
    clock.advance(1)
    second = JournalWriter.open(tmp_path, SETTINGS, clock)
    tails = reader.discover({})
    assert [tail.name for tail in tails] == [first.incarnation, second.incarnation]
    assert reader.discover({}) == tails
    first.close()
    second.close()


def test_reading_resumes_where_it_was_acknowledged(writer, tmp_path):
    for number in range(5):
        writer.append(record(number))
    reader = JournalReader(tmp_path)
    (tail,) = reader.discover({writer.incarnation: Position(1, LENGTH)})
    assert numbers(drain(tail)) == [3, 4]
    reader.close()


def test_a_record_can_be_read_again_by_where_it_lies(reader, writer):
    writer.append(record(1, b"first"))
    writer.append(record(2, b"second"))
    (tail,) = reader.discover({})
    frames = drain(tail)
    again = reader.fetch(frames[1].location)
    assert again.meta["n"] == 2
    assert again.blobs() == {"request": b"second"}


@pytest.mark.parametrize(
    "wrong",
    [{"offset": 1}, {"length": 10}, {"length": 0}, {"offset": 10_000}, {"segment": 7}, {"incarnation": "../x"}],
)
def test_a_record_that_is_not_there_is_none(reader, writer, wrong):
    writer.append(record(1))
    right = Location(writer.incarnation, 0, 0, LENGTH)
    assert reader.fetch(right) is not None
    assert reader.fetch(right._replace(**wrong)) is None


def test_segments_below_the_acknowledged_position_go_and_the_rest_stays(reader, writer, tmp_path):
    for number in range(5):
        writer.append(record(number))
    (tail,) = reader.discover({})
    drain(tail)
    folder = tmp_path / writer.incarnation
    assert not reader.reclaim(tail, Position(1, LENGTH))
    assert segment_numbers(folder) == [1, 2]
    assert not reader.reclaim(tail, tail.position)
    assert segment_numbers(folder) == [2]
    writer.append(record(5))
    assert numbers(drain(tail)) == [5]


def test_a_dead_incarnation_goes_only_when_it_is_acknowledged_to_its_end(reader, writer, tmp_path):
    writer.append(record(0))
    (tail,) = reader.discover({})
    drain(tail)
    writer.close()
    assert not reader.reclaim(tail, tail.position), "not known to be exhausted"
    drain(tail)
    assert not reader.reclaim(tail, Position(0, 0)), "an exchange is still open"
    assert reader.reclaim(tail, tail.position)
    assert incarnation_names(tmp_path) == []
    assert reader.discover({}) == []


def test_a_crash_between_acknowledging_and_unlinking_does_no_harm(writer, tmp_path):
    for number in range(5):
        writer.append(record(number))
    writer.close()
    first = JournalReader(tmp_path)
    (tail,) = first.discover({})
    drain(tail)
    acknowledged = {tail.name: tail.position}
    first.close()  # it dies here, before it unlinks

    second = JournalReader(tmp_path)
    (tail,) = second.discover(acknowledged)
    assert drain(tail) == []
    assert second.stats.missing_segments == 0
    assert second.reclaim(tail, tail.position)
    second.close()


def test_a_crash_in_the_middle_of_a_burial_does_no_harm(writer, tmp_path):
    for number in range(5):
        writer.append(record(number))
    name = writer.incarnation
    writer.close()
    first = JournalReader(tmp_path)
    (tail,) = first.discover({})
    drain(tail)
    acknowledged = {name: tail.position}
    first.close()
    for step in ["00000000.seg", "00000001.seg", "00000002.seg", "reserve", "lock"]:
        (tmp_path / name / step).unlink()
        reader = JournalReader(tmp_path)
        (tail,) = reader.discover(acknowledged)
        assert drain(tail) == []
        assert tail.is_exhausted
        assert reader.stats.missing_segments == 0
        reader.close()
    assert reader.reclaim(tail, tail.position)
    assert incarnation_names(tmp_path) == []


def test_a_vanished_incarnation_is_forgotten(reader, writer, tmp_path):
    reader.discover({})
    writer.close()
    for path in (tmp_path / incarnation_names(tmp_path)[0]).iterdir():
        path.unlink()
    (tmp_path / incarnation_names(tmp_path)[0]).rmdir()
    assert reader.discover({}) == []


def test_a_journal_that_can_not_be_listed_keeps_what_is_known(reader, writer, monkeypatch):
    tails = reader.discover({})

    def refuse(_):
        raise PermissionError

    monkeypatch.setattr("llmgateway.journal.reader.incarnation_names", refuse)
    assert reader.discover({}) == tails
    assert reader.stats.read_errors == 1
