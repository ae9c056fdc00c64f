"""Pairs of a rollout's shadow are counted once, whichever side comes first and in whatever batch."""

from dataclasses import replace
from itertools import permutations

import pytest
from tests.support.exchanges import ExchangeFactory
from tests.support.staged import POLICY, SNAPSHOT, entry, made

from llmgateway.config.rollouts import MetricKind, MetricName, RolloutMetric, RolloutShadow
from llmgateway.config.snapshot import Shadow
from llmgateway.controlplane.rollouts.pairtally import pair_tallies
from llmgateway.controlplane.rollouts.records import evidence_of
from llmgateway.rollout.counts import Arms
from llmgateway.rollout.evidence import PAIRS
from llmgateway.rollout.rollout import State

SIGNAL = RolloutMetric(MetricName.TRUNCATED, MetricKind.SIGNAL)
SHADOWED = replace(
    POLICY, shadow=RolloutShadow(60.0, 5), metrics=(*POLICY.metrics, RolloutMetric(MetricName.REFUSAL), SIGNAL)
)
NOW = 1_800_000_000.0
BAD = {"status": 500, "end": "upstream_error"}


def shadowing(state=State.SHADOW, since=0.0):
    running = made(of=SHADOWED)
    return replace(running, rollout=replace(running.rollout, state=state, since=since))


def snapshot(share, version="v2"):
    """A route that copies such a share to a version."""
    route = SNAPSHOT.routes["chat"]
    shadow = Shadow(route.version(version), share)
    return replace(SNAPSHOT, routes={"chat": replace(route, shadow=shadow)})


def test_without_copies_at_the_candidate_there_are_no_pairs(make):
    one = primary(make)
    for it in (SNAPSHOT, replace(SNAPSHOT, routes={}), snapshot(1.0, "v1")):
        assert pair_tallies([one], [shadowing()], it, NOW) == []


@pytest.fixture
def make():
    return ExchangeFactory()


def primary(make, **changes):
    return entry(make, "ann", epoch=0, **changes)


def copy(make, of, **changes):
    """What the candidate made of it: no part of a rollout by itself."""
    stamp = {"version": "v2", "rollout": None, "epoch": None, "assigned_by": None, "shadow_of": of.row["id"]}
    return entry(make, None, **(stamp | changes))


def added(entries, marked=frozenset(), of=None, share=1.0):
    found = pair_tallies(entries, [of or shadowing()], snapshot(share), NOW)
    return found[0].count(marked) if found else None


def lost(made):
    """Pairs that were compared, and those that each version lost."""
    (count,) = made.counts
    assert (count.metric, count.stable_units) == (PAIRS, count.candidate_units)
    return count.stable_units, count.stable_bad, count.candidate_bad


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ({}, {}, (1, 0, 0)),
        ({}, BAD, (1, 0, 1)),
        (BAD, {}, (1, 1, 0)),
        (BAD, BAD, (1, 0, 0)),
        ({}, {"finish_reason": "refusal"}, (1, 0, 1)),
        ({}, {"finish_reason": "length"}, (1, 0, 0)),  # a signal loses no pair
    ],
)
def test_who_loses_a_pair(make, ours, theirs, expected):
    one = primary(make, **ours)
    both = [one, copy(make, one, **theirs)]
    assert lost(added(both)) == lost(added(both[::-1])) == expected


def test_only_what_both_were_judged_by_is_compared(make):
    """Of an answer that failed nobody can say that it was no refusal: the pair is told apart by its failure."""
    one = primary(make, finish_reason="refusal")
    assert lost(added([one, copy(make, one, **BAD)])) == (1, 0, 1)


def test_either_side_may_come_first_and_in_another_batch(make):
    ones = [primary(make), primary(make, **BAD), primary(make)]
    sides = [*ones, copy(make, ones[0], **BAD), copy(make, ones[1]), copy(make, ones[2])]
    for order in permutations(sides):
        marked, sums = set(), [0, 0, 0]
        for each in order:
            made = added([each], marked)
            marked |= set(made.marks)
            if made.counts:
                sums = [one + other for one, other in zip(sums, lost(made), strict=True)]
        assert sums == [3, 1, 1]


def test_one_side_leaves_marks_and_the_other_takes_them_away(make):
    one = primary(make)
    first = added([one])
    assert {(unit, arm) for _, unit, arm in first.marks} == {(one.row["id"], "stable")}
    second = added([copy(make, one, **BAD)], first.marks)
    assert (set(second.marks), set(second.spent)) == (set(), {one.row["id"]})
    both = added([one, copy(make, one)])
    assert (set(both.marks), set(both.spent)) == (set(), {one.row["id"]})


def test_the_same_side_twice_is_one(make):
    """A transaction that failed is counted again from the start."""
    one = primary(make)
    first = added([one])
    assert not added([one], first.marks).counts


def test_what_was_left_out_leaves_no_mark(make):
    one = primary(make)
    one.row["shadow_left_out"] = "budget"
    assert added([one]) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"end": "interrupted"},
        {"end": "client_closed"},
        {"version": "v3"},
        {"route": "other"},
    ],
)
def test_a_copy_that_says_nothing_makes_no_pair(make, changes):
    one = primary(make)
    made = added([one, copy(make, one, **changes)])
    assert not made.counts


@pytest.mark.parametrize(
    "changes",
    [{"assigned_by": "pin"}, {"rollout": "r0"}, {"version": "v2"}, {"end": "interrupted"}],
)
def test_a_primary_that_is_none_of_the_rollouts_makes_no_pair(make, changes):
    one = primary(make, **changes)
    assert not added([one, copy(make, one)]).counts


def test_what_was_there_before_the_shadow_began_makes_no_pair(make):
    one = primary(make)
    late = shadowing(since=one.row["at"] + 0.0005)
    assert not added([one, copy(make, one)], of=late).counts


def test_what_is_not_copied_leaves_no_mark(make):
    ones = [primary(make) for _ in range(200)]
    marked = {unit for _, unit, _ in added(ones, share=0.1).marks}
    assert 5 < len(marked) < 40
    assert added(ones, share=0.0) is None


@pytest.mark.parametrize("state", sorted(set(State) - {State.SHADOW}))
def test_only_the_shadow_counts_pairs(make, state):
    one = primary(make)
    assert added([one, copy(make, one)], of=shadowing(state)) is None


def test_the_sums_are_evidence(make):
    one, two = primary(make), primary(make)
    made = added([one, copy(make, one, **BAD), two, copy(make, two)])
    found = evidence_of(list(made.counts), {}, 0)
    assert found.pairs == Arms(0, 1)
    assert found.heard[PAIRS][1] > 0
    assert found.units == {}
