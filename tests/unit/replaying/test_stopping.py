"""When a replay stops: seldom without a reason, soon with one, and before the money is gone."""

import random
from statistics import median

import pytest

from llmgateway.replaying.pairs import Bad, Pair, Side, lost
from llmgateway.replaying.stopping import Budget, Evidence, evidence_of
from llmgateway.rollout.counts import Arms
from llmgateway.rollout.pairs import Verdict

RUNS, LIMIT = 200, 1_000


def side(*bad, cost=None):
    return Side("x", 200, "completed", None, "stop", bad, {}, {} if cost is None else {"cost_usd": cost})


def pair(baseline=(), candidate=(), ordinal=0):
    return Pair(ordinal, side(*baseline), side(*candidate))


BASELINE_LOST, CANDIDATE_LOST = pair(baseline=[Bad.ERROR]), pair(candidate=[Bad.ERROR])


def decided(seed: int, candidate_loses: float, is_discordant: float = 1.0) -> int | None:
    """After how many pairs a run says that the candidate is worse; None if it never does."""
    draw = random.Random(seed)
    evidence = Evidence()
    for _ in range(LIMIT):
        if draw.random() < is_discordant:
            evidence.add(CANDIDATE_LOST if draw.random() < candidate_loses else BASELINE_LOST)
        else:
            evidence.add(pair())
        if evidence.verdict is Verdict.WORSE:
            return evidence.pairs
    return None


@pytest.mark.parametrize("is_discordant", [1.0, 0.1])
def test_two_equal_versions_are_called_different_in_at_most_one_of_twenty_replays(is_discordant):
    wrong = sum(decided(seed, 0.5, is_discordant) is not None for seed in range(RUNS))
    assert wrong <= RUNS * 0.05


def test_a_loss_of_60_to_40_stops_by_a_median_of_200_pairs():
    stopped = [decided(seed, 0.6) for seed in range(RUNS)]
    assert median(LIMIT if each is None else each for each in stopped) <= 200


def test_a_candidate_that_always_fails_is_out_within_ten_pairs():
    assert decided(0, 1.0) <= 10


def test_a_better_candidate_is_not_stopped():
    assert all(decided(seed, 0.4) is None for seed in range(50))


def test_once_worse_stays_worse():
    evidence = evidence_of([CANDIDATE_LOST] * 10 + [BASELINE_LOST] * 10)
    assert (evidence.verdict, evidence.decided_at, evidence.pairs) == (Verdict.WORSE, 8, 20)


def test_the_graver_fault_loses_and_equal_faults_say_nothing():
    assert lost(pair([Bad.TRUNCATED], [Bad.TRUNCATED, Bad.ERROR])) == Arms(0, 1)
    assert lost(pair([Bad.REFUSAL], [Bad.SLOW])) == Arms(1, 0)
    assert lost(pair([Bad.SLOW], [Bad.SLOW])) == lost(pair()) == Arms(0, 0)
    assert lost(pair([Bad.TRUNCATED], [Bad.ERROR]), Bad.TRUNCATED) == Arms(1, 0)


def test_a_pair_comes_back_as_it_was_written():
    told = Pair(3, side(Bad.ERROR, Bad.SLOW, cost=0.5), side(cost=0.25))
    assert Pair.read(3, told.written()) == told


def dear(cost):
    return Pair(0, side(cost=cost / 2), side(cost=cost / 2))


def test_under_a_cap_as_many_are_asked_as_the_dearest_so_far_allows():
    budget = Budget(1.0, expected=0.05)
    assert budget.room(4) == 4
    assert budget.room(100) == 10  # each reckoned at twice what is expected
    budget.add(dear(0.5))
    assert budget.room(4) == 1
    budget.add(dear(0.3))
    assert budget.room(4) == 0
    assert budget.spent_usd == pytest.approx(0.8)


def test_without_an_estimate_one_pair_goes_ahead():
    budget = Budget(1.0)
    assert budget.room(8) == 1
    budget.add(dear(0.1))
    assert budget.room(8) == 8
    assert Budget(0.0).room(8) == 0
    assert Budget(None).room(8) == 8


def test_a_price_that_nobody_knows_ends_it_under_a_cap_and_a_failure_is_free():
    budget = Budget(1.0, expected=0.01)
    budget.add(Pair(0, side(cost=0.1), side(Bad.ERROR)))
    assert budget.room(2) == 2
    budget.add(Pair(0, side(cost=0.1), side()))
    assert (budget.is_unpriced, budget.room(2)) == (True, 0)
    assert budget.spent_usd == pytest.approx(0.2)
