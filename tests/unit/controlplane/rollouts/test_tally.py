"""What a batch adds: each unit once, each failure in a row, nothing that does not belong to it."""

import pytest
from tests.support.exchanges import ExchangeFactory
from tests.support.staged import entry, made

from llmgateway.controlplane.rollouts.records import REQUESTS
from llmgateway.controlplane.rollouts.tally import tallies
from llmgateway.ports.store import Entry
from llmgateway.rollout.units import MAX_BATCH

NOW = 1_800_000_000.0
RUNNING = {"r1": made()}


@pytest.fixture
def make():
    return ExchangeFactory()


def added(entries, marked=frozenset()):
    (tally,) = tallies(entries, RUNNING, NOW)
    return tally.count(marked)


def counted(entries, marked=frozenset()):
    return {(each.epoch, each.metric): each for each in added(entries, marked).counts}


def test_a_unit_counts_once_however_often_it_comes(make):
    found = counted([entry(make, "ann"), entry(make, "ann"), entry(make, "bob", version="v2")])
    assert found[1, ""][2:4] == found[1, "error"][2:4] == (1, 1)
    assert found[1, REQUESTS][2:4] == (2, 1)


def test_before_the_first_step_nothing_is_counted_and_nobody_is_used_up(make):
    """Callers who came while the start waited for an approval count in the first step as any other."""
    found = added([entry(make, "ann", epoch=0), entry(make, "bob", epoch=0, status=500)])
    assert (found.counts, set(found.marks)) == ([], set())


def test_what_the_store_has_marked_is_not_counted_again(make):
    first = added([entry(make, "ann")])
    found = counted([entry(make, "ann")], first.marks)
    assert (1, "") not in found
    assert found[1, "error"][2:6] == (0, 0, 0, 0)
    assert found[1, "error"].stable_at > 0, "it is heard of all the same"


def test_the_first_bad_event_counts_and_no_later_one(make):
    entries = [entry(make, "ann"), entry(make, "ann", status=500), entry(make, "ann", status=500)]
    assert counted(entries)[1, "error"][2:6] == (1, 0, 1, 0)


def test_without_stickiness_each_exchange_is_a_unit_and_leaves_no_mark(make):
    entries = [entry(make, None), entry(make, None), entry(make, None, version="v2", status=500)]
    assert counted(entries)[1, "error"][2:6] == (2, 1, 0, 1)
    assert set(added(entries).marks) == set()


@pytest.mark.parametrize("user", ["ann", None])
def test_all_that_a_dying_gateway_had_in_hand_is_counted_at_once(make, user):
    row = entry(make, user).row
    many = [Entry({**row, "id": str(number)}) for number in range(MAX_BATCH + 1)]
    found = counted(many)
    assert found[1, ""].stable_units == (MAX_BATCH + 1 if user is None else 1)
    assert found[1, REQUESTS].stable_units == MAX_BATCH + 1


def test_failures_in_a_row_at_the_end_are_told_and_where_a_run_was_ended(make):
    bad = {"version": "v2", "status": 500}
    entries = [entry(make, f"u{n}", **bad) for n in range(3)] + [entry(make, "ann", version="v2")]
    entries += [entry(make, f"w{n}", **bad) for n in range(2)]
    assert counted(entries)[1, REQUESTS].candidate_run == 2
    assert added(entries).broken == {(1, REQUESTS, "candidate")}
    assert added(entries[:3]).broken == set()


@pytest.mark.parametrize(
    "changes",
    [{"assigned_by": "pin"}, {"assigned_by": "rule:x"}, {"shadow_of": "x"}, {"epoch": None}, {"version": "v3"}],
)
def test_what_was_not_assigned_by_the_weights_does_not_count(make, changes):
    result = added([entry(make, "ann", **changes)])
    assert (list(result.counts), set(result.marks)) == ([], set())


@pytest.mark.parametrize("rollout", [None, "another", 7])
def test_what_belongs_to_no_rollout_that_runs_is_passed_over(make, rollout):
    assert tallies([entry(make, "ann", rollout=rollout)], RUNNING, NOW) == []
    assert tallies([entry(make, "ann")], {}, NOW) == []


def test_what_the_gateway_did_wrong_is_an_assignment_and_no_more(make):
    found = counted([entry(make, "ann", end="gateway_error", status=500)])
    assert found.keys() == {(1, "")}
