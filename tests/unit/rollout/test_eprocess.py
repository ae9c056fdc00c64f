"""The test against closed forms, exact expectations and the limits of its numbers."""

import math
import random
from timeit import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.rollouts import evidence

from llmgateway.rollout.counts import Draw
from llmgateway.rollout.eprocess import log_e, log_e_ceiling, log_e_once, log_mean, log_sum, share, value
from llmgateway.rollout.grid import CLEAN, HARM, POINTS, UNEQUAL, Grid, log_normal, safe, spaced
from llmgateway.rollout.plan import Metric, Plan, Step
from llmgateway.rollout.readings import read_metric

GRIDS = {"harm": (HARM, 1.0), "safe": (safe(1.5), 1.5), "unequal": (UNEQUAL, 1.0)}
SHARES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.95)


def binomial(n, k, p):
    return math.comb(n, k) * p**k * (1 - p) ** (n - k)


def expectation(n, weight, ratio, null, grid):
    q = share(weight, ratio)
    return math.fsum(binomial(n, k, q) * value(log_e([Draw(weight, n - k, k)], null, grid)) for k in range(n + 1))


def test_the_grids_are_those_of_the_design():
    ratios = [math.exp(each) for each in HARM.log_ratios]
    assert (len(ratios), ratios[0], ratios[-1]) == (POINTS, pytest.approx(1.1), pytest.approx(16))
    steps = {round(b / a, 9) for a, b in zip(ratios, ratios[1:], strict=False)}
    assert len(steps) == 1, "log-spaced"
    masses = [math.exp(each) for each in HARM.log_prior]
    assert math.fsum(masses) == pytest.approx(1)
    assert masses[3] / masses[9] == pytest.approx(
        math.exp((math.log(ratios[9] / 2) ** 2 - math.log(ratios[3] / 2) ** 2) / (2 * 0.7**2))
    )
    assert [math.exp(each) * 1.5 for each in (safe(1.5).log_ratios[0], safe(1.5).log_ratios[-1])] == pytest.approx(
        [0.25, 1.1]
    )
    assert all(each > 0 for each in HARM.log_ratios)
    assert all(each < 0 for each in (*safe(1.2).log_ratios, *CLEAN.log_ratios))
    assert sorted(-each for each in UNEQUAL.log_ratios) == pytest.approx(list(UNEQUAL.log_ratios))


@pytest.mark.parametrize("weight", SHARES)
@pytest.mark.parametrize("name", GRIDS)
def test_its_expectation_under_the_null_is_one(name, weight):
    grid, null = GRIDS[name]
    for n in (1, 2, 7, 40):
        assert expectation(n, weight, null, null, grid) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("weight", SHARES)
def test_further_inside_the_null_it_is_smaller(weight):
    for ratio in (0.2, 0.8, 0.99):
        assert expectation(30, weight, ratio, 1.0, HARM) < 1
        assert expectation(30, weight, 1.5 / ratio, 1.5, safe(1.5)) < 1


@pytest.mark.parametrize("bad", [0, 1, 3])
def test_the_absolute_test_is_the_mixture_of_likelihood_ratios(bad):
    ceiling, units = 0.02, 50
    shares = [math.exp(each) * ceiling for each in CLEAN.log_ratios]
    plain = sum(
        math.exp(mass) * (p / ceiling) ** bad * ((1 - p) / (1 - ceiling)) ** (units - bad)
        for mass, p in zip(CLEAN.log_prior, shares, strict=True)
    )
    assert value(log_e_ceiling(bad, units, ceiling, CLEAN)) == pytest.approx(plain, rel=1e-12)


@pytest.mark.parametrize(("rate", "is_one"), [(0.02, True), (0.03, False), (0.3, False)])
def test_the_absolute_test_s_expectation_is_one_at_the_ceiling_and_less_above(rate, is_one):
    mean = math.fsum(binomial(80, k, rate) * value(log_e_ceiling(k, 80, 0.02, CLEAN)) for k in range(81))
    assert mean == pytest.approx(1, abs=1e-9) if is_one else mean < 0.999


def beta(a, b):
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


@pytest.mark.parametrize("weight", [0.1, 0.5, 0.9])
def test_at_one_weight_a_beta_prior_gives_the_closed_form(weight):
    a, b = 3.0, 4.0
    shares = [(number + 0.5) / 20_000 for number in range(20_000)]
    grid = Grid.weighed(
        (q / (1 - q) * (1 - weight) / weight for q in shares), (q ** (a - 1) * (1 - q) ** (b - 1) for q in shares)
    )
    for stable, candidate in ((0, 0), (1, 0), (0, 3), (7, 2), (40, 13)):
        closed = (
            beta(a + candidate, b + stable) - beta(a, b) - candidate * math.log(weight) - stable * math.log1p(-weight)
        )
        assert log_e([Draw(weight, stable, candidate)], 1.0, grid) == pytest.approx(closed, abs=1e-6)


def test_over_several_weights_it_is_the_product_event_by_event():
    rng = random.Random(3)
    events = [(rng.choice(SHARES), rng.random() < 0.4) for _ in range(60)]
    ratios, masses = [math.exp(each) for each in HARM.log_ratios], [math.exp(each) for each in HARM.log_prior]
    plain = 0.0
    for ratio, mass in zip(ratios, masses, strict=True):
        for weight, is_candidate in events:
            q, q0 = share(weight, ratio), share(weight, 1.0)
            mass *= q / q0 if is_candidate else (1 - q) / (1 - q0)
        plain += mass
    draws = [
        Draw(weight, events.count((weight, False)), events.count((weight, True))) for weight in sorted(set(SHARES))
    ]
    assert value(log_e(draws, 1.0, HARM)) == pytest.approx(plain, rel=1e-12)
    assert log_e_once(draws, 1.0, HARM) == log_e(draws, 1.0, HARM)


def test_no_evidence_is_worth_one():
    assert log_e([], 1.0, HARM) == pytest.approx(0, abs=1e-12)
    assert log_e([Draw(0.2, 0, 0)], 1.5, safe(1.5)) == pytest.approx(0, abs=1e-12)


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.sampled_from(SHARES))
def test_no_count_is_too_large(stable, candidate, weight):
    for grid, null in GRIDS.values():
        assert math.isfinite(log_e([Draw(weight, stable, candidate)], null, grid))
        assert math.isfinite(value(log_e([Draw(weight, stable, candidate)], null, grid)))
    assert math.isfinite(log_e_ceiling(candidate, stable + candidate, 0.01, CLEAN))


@given(st.integers(0, 500), st.integers(0, 500), st.sampled_from(SHARES))
def test_each_candidate_event_is_evidence_of_harm_and_each_stable_event_against(stable, candidate, weight):
    here = log_e([Draw(weight, stable, candidate)], 1.0, HARM)
    assert log_e([Draw(weight, stable, candidate + 1)], 1.0, HARM) > here
    assert log_e([Draw(weight, stable + 1, candidate)], 1.0, HARM) < here
    safely = log_e([Draw(weight, stable, candidate)], 1.5, safe(1.5))
    assert log_e([Draw(weight, stable, candidate + 1)], 1.5, safe(1.5)) < safely


def test_where_everything_goes_to_one_arm_nothing_is_learned():
    assert log_e([Draw(1.0, 0, 50)], 1.0, HARM) == pytest.approx(0, abs=1e-9)
    assert log_e([Draw(0.0, 50, 0)], 1.0, HARM) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("draw", [Draw(0.0, 5, 1), Draw(1.0, 1, 5)])
def test_events_on_an_arm_that_got_nothing_are_a_mistake(draw):
    with pytest.raises(ValueError, match="given nothing"):
        log_e([draw], 1.0, HARM)


def test_a_margin_next_to_one_is_refused():
    with pytest.raises(ValueError, match="margin"):
        safe(1.1)


def test_the_weighted_mean_is_one_of_e_not_of_logs():
    assert value(log_mean([math.log(10), math.log(30)])) == pytest.approx(20)
    assert value(log_mean([math.log(10), math.log(30)], [3, 1])) == pytest.approx(15)
    assert log_sum([1e5, 1e5]) == pytest.approx(1e5 + math.log(2))


def test_spacing_and_prior():
    assert spaced(1, 8, 4) == pytest.approx([1, 2, 4, 8])
    assert log_normal([2.0], 2.0, 0.7) == [1.0]


def test_a_metric_is_read_within_200_microseconds():
    plan = Plan((Step(0.01), Step(0.05), Step(0.25), Step(0.5)), (Metric("error", ceiling=0.01),))
    seen = evidence(
        {"error": {epoch: (900 * epoch, 30 * epoch) for epoch in range(1, 6)}}, (0.01, 0.05, 0.25, 0.5, 0.95)
    )
    taken = min(timeit(lambda: read_metric(plan, plan.metrics[0], seen), number=50) / 50 for _ in range(20))
    assert taken <= 200e-6
