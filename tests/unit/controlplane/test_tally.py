"""Workers' counters add up over incarnations, never fall, never double, and survive the control process."""

import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.control import status

from llmgateway.controlplane import tally as module
from llmgateway.controlplane.tally import MAX_SLOTS, Tally, number, read_figures

REFUSED = ("refused", "invalid_api_key")


def refused(tally):
    return tally.totals().counters.get(REFUSED, 0)


def test_a_worker_counts_on_and_the_latest_figures_replace_the_ones_before():
    tally = Tally()
    tally.update(0, "a", status(refused=3, lagged=2))
    tally.update(0, "a", status(refused=5, lagged=4))
    tally.update(1, "b", status(1, refused=1, lagged=1))
    assert refused(tally) == 6
    assert tally.totals().histograms["loop_lag"][0] == 5
    assert tally.totals().counters["journal", "records"] == 12
    assert tally.starts() == {0: 1, 1: 1}


def test_what_a_dead_incarnation_counted_stays():
    tally = Tally()
    tally.update(0, "a", status(refused=5, lagged=4))
    tally.update(0, "b", status(refused=0))
    assert refused(tally) == 5
    tally.update(0, "b", status(refused=2, lagged=1))
    assert refused(tally) == 7
    assert tally.totals().histograms["loop_lag"][0] == 5
    assert tally.starts() == {0: 2}


def test_a_late_frame_of_a_dead_incarnation_counts_nothing_twice():
    tally = Tally()
    tally.update(0, "a", status(refused=5))
    tally.update(0, "b", status(refused=1))
    tally.update(0, "a", status(refused=5))
    tally.update(0, "b", status(refused=2))
    assert refused(tally) == 7


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.integers(0, 5), st.booleans()), max_size=30))
def test_whatever_is_killed_no_total_ever_falls(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("tally") / "tally.json"
    tally, counts, names = Tally(), [0, 0, 0], [0, 0, 0]
    expected = seen = 0
    for slot, dies, more, control_dies in steps:
        if dies:
            counts[slot], names[slot] = 0, names[slot] + 1
        counts[slot] += more
        expected += more
        tally.update(slot, f"{slot}-{names[slot]}", status(slot, refused=counts[slot]))
        tally.save(path)
        assert refused(tally) >= seen
        assert refused(tally) == expected
        seen = refused(tally)
        if control_dies:
            tally = Tally()
            tally.load(path)
            assert refused(tally) == seen


def test_the_file_is_private_whole_and_written_only_when_something_changed(tmp_path):
    path = tmp_path / "tally.json"
    tally = Tally()
    tally.save(path)
    assert not path.exists()
    tally.update(0, "a", status(refused=1))
    tally.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["tally.json"]
    path.unlink()
    tally.update(0, "a", status(refused=1))
    tally.save(path)
    assert not path.exists()


def test_a_write_that_fails_leaves_no_draft_and_is_tried_again(tmp_path, monkeypatch):
    path = tmp_path / "tally.json"
    tally = Tally()
    tally.update(0, "a", status(refused=1))
    with monkeypatch.context() as patched:
        patched.setattr(
            module.Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
        )
        with pytest.raises(OSError, match="No space"):
            tally.save(path)
    assert os.listdir(tmp_path) == []
    tally.save(path)
    assert path.exists()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"tally-1": {}}', b'{"tally-1": {"base": 3, "slots": []}}', b'{"tally-0": {}}']
)
def test_a_damaged_file_means_zero_and_a_warning(tmp_path, content, caplog):
    path = tmp_path / "tally.json"
    path.write_bytes(content)
    tally = Tally()
    tally.load(path)
    assert tally.totals().counters == {}
    assert "start at zero" in caplog.text


def test_a_missing_file_is_nothing_to_talk_about(tmp_path, caplog):
    Tally().load(tmp_path / "tally.json")
    assert caplog.text == ""


def test_slots_and_labels_are_bounded():
    tally = Tally()
    for slot in range(MAX_SLOTS + 10):
        tally.update(slot, "a", status(slot, counters={"refused": {f"reason-{slot}": 1}, "invented": {"x": 1}}))
    assert tally.totals().counters == {("refused", "other"): MAX_SLOTS}
    assert len(tally.starts()) == MAX_SLOTS


@pytest.mark.parametrize("field", ["counters", "histograms"])
@pytest.mark.parametrize(
    "value", [None, 3, [], "x", {"refused": 3, "loop_lag": 3}, {"refused": {"other": "x"}, "loop_lag": ["x"]}]
)
def test_figures_of_the_wrong_shape_count_as_nothing(field, value):
    figures = read_figures({field: value})
    assert sum(figures.counters.values()) == 0
    assert figures.histograms == {}


@pytest.mark.parametrize(("value", "read"), [(3, 3), (0.5, 0.5), (-1, 0), (True, 0), ("3", 0), (None, 0)])
def test_only_counts_are_numbers(value, read):
    assert number(value) == read
