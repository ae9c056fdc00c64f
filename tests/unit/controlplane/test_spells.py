"""What lasts is told once; what comes and goes is not; what is gone for a moment is not over."""

from llmgateway.controlplane.spells import Spells


def test_what_has_lasted_is_told_once():
    spells = Spells(5.0, 15.0)
    assert [spells.look(["a"], now) for now in (0.0, 4.0, 5.0, 6.0)] == [[], [], ["a"], []]


def test_a_short_break_is_no_end_and_a_long_one_is():
    spells = Spells(5.0, 15.0)
    spells.look(["a"], 0.0)
    spells.look([], 14.0)
    assert "a" in spells
    assert spells.look(["a"], 14.0) == ["a"]
    spells.look([], 29.0)
    assert "a" not in spells
    assert spells.look(["a"], 30.0) == []
    assert spells.look(["a"], 35.0) == ["a"]


def test_each_name_is_its_own_and_none_is_kept_for_ever():
    spells = Spells(0.0, 1.0)
    assert spells.look(["a", "b"], 0.0) == ["a", "b"]
    assert spells.look(["c"], 1.0) == ["c"]
    assert set(spells._spells) == {"c"}
