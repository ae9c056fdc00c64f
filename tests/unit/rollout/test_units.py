"""A unit is counted once, where it was when it happened; and counting in batches changes nothing."""

import random

import pytest

from llmgateway.rollout.counts import Arms
from llmgateway.rollout.units import ASSIGNED, MAX_BATCH, Mark, Seen, count


def never(mark):
    return False


def stable(unit, bad, epoch=1):
    return Seen(unit, epoch, False, {"error": bad})


def candidate(unit, bad, epoch=1):
    return Seen(unit, epoch, True, {"error": bad})


def test_repeats_are_no_evidence():
    counted = count([stable("ann", True)] * 5 + [candidate("bob", True)] * 3 + [candidate("cem", False)] * 2, never)
    assert counted.bad == {("error", 1): Arms(1, 1)}
    assert counted.units == {(ASSIGNED, 1): Arms(1, 2), ("error", 1): Arms(1, 2)}


def test_a_bad_event_counts_where_the_unit_was_when_it_happened():
    counted = count([stable("ann", False), candidate("ann", True, 2), candidate("ann", True, 2)], never)
    assert counted.bad == {("error", 2): Arms(0, 1)}
    assert counted.units == {(ASSIGNED, 1): Arms(1, 0), ("error", 1): Arms(1, 0), ("error", 2): Arms(0, 1)}


def test_who_was_bad_before_is_out_on_both_arms():
    counted = count([stable("ann", True), candidate("ann", False, 2), candidate("ann", True, 2)], never)
    assert counted.bad == {("error", 1): Arms(1, 0)}
    assert ("error", 2) not in counted.units


def test_each_metric_has_its_own_firsts_and_only_counts_what_it_could_judge():
    counted = count(
        [Seen("ann", 1, True, {"error": True}), Seen("ann", 1, True, {"error": True, "refusal": True})], never
    )
    assert counted.bad == {("error", 1): Arms(0, 1), ("refusal", 1): Arms(0, 1)}


def test_batches_with_the_store_between_them_come_to_the_same():
    rng = random.Random(11)
    seen = [
        Seen(
            str(rng.randrange(40)),
            1 + number // 150,
            rng.random() < 0.3,
            {"error": rng.random() < 0.1, "slow": rng.random() < 0.2},
        )
        for number in range(300)
    ]
    whole, marks, units, bad = count(seen, never), set(), {}, {}
    while seen:
        cut = rng.randrange(1, 30)
        part = count(seen[:cut], marks.__contains__)
        assert not part.marks & marks, "a mark is inserted once"
        seen, marks = seen[cut:], marks | part.marks
        for kept, fresh in ((units, part.units), (bad, part.bad)):
            for key, counts in fresh.items():
                kept[key] = kept.get(key, Arms()).plus(counts)
    assert (marks, units, bad) == (whole.marks, whole.units, whole.bad)


def test_marks_are_few_and_a_batch_is_bounded():
    counted = count([Seen("ann", 1, True, {"error": True})] * 100, never)
    assert counted.marks == {Mark(ASSIGNED, "ann"), Mark("error", "ann", "candidate"), Mark("error", "ann")}
    with pytest.raises(ValueError, match="batch"):
        count([stable("ann", False)] * (MAX_BATCH + 1), never)
