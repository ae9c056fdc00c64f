"""Which of a candidate's exchanges people are shown after a rollback."""

from llmgateway.rollout.exemplars import WANTED, Exemplar, drawn

CRITICAL = frozenset({"error"})


def some(count, *bad, unit=None, name="x"):
    return [Exemplar(f"{name}{number}", unit or f"{name}{number}", bad) for number in range(count)]


def grades(found):
    return ["".join(each.bad) or "-" for each in found]


def test_bad_events_of_critical_metrics_come_first_then_others_then_any():
    seen = some(100) + some(4, "slow", name="s") + some(3, "error", name="e") + some(1, "error", "slow", name="b")
    found = drawn(seen, CRITICAL, "r1")
    assert len(found) == WANTED
    assert {each.id[0] for each in found[:4]} == {"e", "b"}
    assert {each.id[0] for each in found[4:8]} == {"s"}
    assert grades(found)[8:] == ["-"] * 12


def test_where_there_are_fewer_there_are_fewer():
    assert drawn([], CRITICAL, "r1") == []
    assert len(drawn(some(3, "error"), CRITICAL, "r1")) == 3


def test_never_more_than_wanted():
    assert len(drawn(some(500, "error"), CRITICAL, "r1")) == WANTED
    assert len(drawn(some(5), CRITICAL, "r1", 2)) == 2


def test_a_user_with_much_trouble_is_one_user():
    seen = some(100, "error", unit="ann", name="a") + some(5, "error", name="b")
    found = drawn(seen, CRITICAL, "r1", 8)
    assert {each.id[0] for each in found[:6]} == {"a", "b"}
    assert sum(each.unit == "ann" for each in found[:6]) == 1
    assert sum(each.unit == "ann" for each in found) == 3


def test_the_same_are_drawn_again_in_whatever_order_they_are_seen_and_others_for_another_rollout():
    seen = some(100, "error")
    assert drawn(seen, CRITICAL, "r1") == drawn(seen[::-1], CRITICAL, "r1")
    assert set(drawn(seen, CRITICAL, "r1")) != set(drawn(seen, CRITICAL, "r2"))


def test_random_ones_are_any():
    """Of 40, each is as likely as the others over 400 rollouts: 200 times."""
    seen, times = some(40), dict.fromkeys((f"x{number}" for number in range(40)), 0)
    for number in range(400):
        for each in drawn(seen, CRITICAL, f"r{number}"):
            times[each.id] += 1
    assert 150 < min(times.values()) <= max(times.values()) < 250
