from llmgateway.domain.clock import ManualClock
from llmgateway.journal import layout
from llmgateway.journal.layout import Location, Position


def test_an_incarnation_sorts_by_its_birth_and_is_named_once():
    clock = ManualClock()
    first, twin = layout.new_incarnation(clock), layout.new_incarnation(clock)
    clock.advance(0.001)
    later = layout.new_incarnation(clock)
    assert first != twin
    assert max(first, twin) < later
    assert all(map(layout.is_incarnation, (first, twin, later)))


def test_only_incarnations_and_segments_are_listed_and_in_order(tmp_path):
    names = ["00001700000000000-1-00000000", "01700000000001-2-00000000", "01700000000000-1-0000000a"]
    for name in [*names, "quarantine", ".new-01700000000000-1-0000000b"]:
        (tmp_path / name).mkdir()
    assert layout.incarnation_names(tmp_path) == [names[2], names[1]]
    for name in ["00000010.seg", "00000002.seg", "lock", "reserve", "2.seg"]:
        (tmp_path / name).touch()
    assert layout.segment_numbers(tmp_path) == [2, 10]


def test_a_folder_that_is_not_there_is_empty(tmp_path):
    assert layout.incarnation_names(tmp_path / "none") == []
    assert layout.segment_numbers(tmp_path / "none") == []


def test_the_reserve_does_not_count_as_used(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "reserve").write_bytes(bytes(1000))
    (tmp_path / "a" / "00000000.seg").write_bytes(bytes(10))
    (tmp_path / "b.bad").write_bytes(bytes(5))
    assert layout.used_bytes(tmp_path) == 15


def test_positions_compare_by_segment_then_offset():
    assert Position(1, 900) < Position(2, 0) < Position(2, 1)
    assert Location("x", 2, 1, 50).position == Position(2, 1)
