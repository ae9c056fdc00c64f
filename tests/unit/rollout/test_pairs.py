"""Discordant pairs: the verdicts, and the three figures that a replay has to hold."""

import random
from statistics import median

from llmgateway.rollout.counts import NOTHING, Arms
from llmgateway.rollout.pairs import Verdict, verdict


def replayed(loss, pairs, rng):
    """Verdict after every discordant pair of which the candidate loses the share `loss`; and after how many."""
    lost = NOTHING
    for number in range(1, pairs + 1):
        is_candidate = rng.random() < loss
        lost = lost.plus(Arms(int(not is_candidate), int(is_candidate)))
        if (said := verdict(lost)) is not Verdict.OPEN:
            return said, number
    return Verdict.OPEN, pairs


def test_verdicts():
    assert verdict(NOTHING) is Verdict.OPEN
    assert verdict(Arms(2, 12)) is Verdict.WORSE
    assert verdict(Arms(12, 2)) is Verdict.ALIKE
    assert verdict(Arms(10, 10)) is Verdict.OPEN
    assert verdict(Arms(100, 100)) is Verdict.ALIKE


def test_two_equal_versions_are_told_apart_in_at_most_one_replay_of_twenty():
    rng = random.Random(0)
    said = [replayed(0.5, 400, rng)[0] for _ in range(200)]
    assert said.count(Verdict.WORSE) <= 0.05 * 200


def test_a_loss_of_sixty_to_forty_is_found_within_two_hundred_pairs():
    rng = random.Random(60)
    runs = [replayed(0.6, 1_000, rng) for _ in range(200)]
    assert median(number for _, number in runs) <= 200
    assert sum(said is Verdict.WORSE for said, _ in runs) >= 0.9 * 200
