"""What evidence comes to under a plan: the means, the thresholds, who is named."""

import math
from dataclasses import replace

import pytest
from tests.support.rollouts import NOW, PLAN, evidence

from llmgateway.rollout.counts import Arms, Draw
from llmgateway.rollout.eprocess import log_e, value
from llmgateway.rollout.evidence import Evidence
from llmgateway.rollout.grid import HARM
from llmgateway.rollout.hardstop import Failing
from llmgateway.rollout.plan import Kind, Metric, Shadow
from llmgateway.rollout.readings import absent, readings

TWO = replace(PLAN, metrics=(Metric("error", weight=3), Metric("refusal"), Metric("slow", Kind.SIGNAL)))
W = (0.05, 0.25, 0.5)
BAD = {1: (30, 12)}


def test_harm_is_the_weighted_mean_over_critical_metrics():
    read = readings(TWO, evidence({"error": BAD, "slow": BAD}, W))
    alone = value(log_e([Draw(0.05, 30, 12)], 1.0, HARM))
    assert value(read.harm) == pytest.approx((3 * alone + 1) / 4)
    assert value(read.signal) == pytest.approx(alone)
    assert read.is_harmful
    assert read.culprits(Kind.CRITICAL) == ["error"]


def test_whoever_is_over_its_own_threshold_is_enough_for_the_mean():
    for candidate in range(20):
        read = readings(TWO, evidence({"refusal": {1: (10, candidate)}}, W))
        refusal = read.metrics[1].harm
        if refusal >= math.log(1 / (0.05 * 1 / 4)):
            assert read.is_harmful


def test_a_signal_does_not_roll_back_and_may_be_taken_note_of():
    seen = evidence({"slow": BAD}, W)
    assert not readings(TWO, seen).is_harmful
    assert readings(TWO, seen).is_signalling
    assert not readings(TWO, seen, accepted=frozenset({"slow"})).is_signalling


def test_where_none_would_be_enough_alone_the_worst_is_named():
    both = replace(PLAN, metrics=(Metric("error"), Metric("a", Kind.SIGNAL), Metric("b", Kind.SIGNAL)))
    read = readings(both, evidence({"a": {1: (40, 5)}, "b": {1: (40, 6)}}, W))
    assert read.culprits(Kind.SIGNAL) == ["b"]


def test_a_ceiling_is_a_second_way_to_be_shown_harmless():
    ceiled = replace(PLAN, metrics=(Metric("error", ceiling=0.01),))
    clean = evidence({"error": {1: (0, 0)}}, W, units={"error": {1: (20_000, 1_000)}})
    assert not readings(PLAN, clean).is_proven, "no bad event at all tells nothing about a ratio"
    assert readings(ceiled, clean).is_proven
    read = readings(ceiled, clean).metrics[0]
    assert value(read.safe) == pytest.approx((value(read.relative) + value(read.absolute)) / 2)


def test_every_metric_has_to_be_shown_harmless():
    good = {3: (300, 300)}
    assert readings(TWO, evidence({"error": good, "refusal": good}, W)).unproven() == ["slow"]
    assert readings(TWO, evidence({"error": good, "refusal": good, "slow": good}, W)).is_proven


def test_a_bad_unit_that_is_not_counted_as_seen_yet_breaks_nothing():
    ceiled = replace(PLAN, metrics=(Metric("error", ceiling=0.01),))
    assert readings(ceiled, evidence({"error": {1: (0, 3)}}, W)).metrics[0].absolute < 0


def test_assignments_that_do_not_follow_the_weights():
    fair = Evidence(weights={1: 0.1}, assigned={1: Arms(18_000, 2_000)})
    lost = Evidence(weights={1: 0.1}, assigned={1: Arms(18_000, 1_600)})
    more = Evidence(weights={1: 0.1}, assigned={1: Arms(18_000, 2_450)})
    assert [readings(PLAN, each).is_unequal for each in (fair, lost, more)] == [False, True, True]
    assert not readings(PLAN, lost, srm_from=2).is_unequal


def test_pairs_count_where_the_plan_has_a_shadow():
    lost = Evidence(pairs=Arms(2, 20))
    assert not readings(PLAN, lost).is_harmful
    assert readings(replace(PLAN, shadow=Shadow()), lost).is_harmful


def test_the_crude_stop_is_harm():
    assert readings(PLAN, Evidence(failing=Failing(run=Arms(0, 10)))).is_harmful


def test_absent_is_who_judged_nothing_lately_on_either_arm():
    seen = Evidence(heard={"error": (NOW, NOW - 601), "slow": (NOW, NOW - 599)})
    assert absent(TWO, seen, NOW) == ["error", "refusal"]
    assert absent(TWO, Evidence(), 0.0) == ["error", "refusal", "slow"], "never heard is absent at any time"
