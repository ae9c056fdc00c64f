"""The crude stop: when it fires, and that it keeps quiet while the stable version fails as well."""

import math
import random

import pytest

from llmgateway.rollout.counts import Arms
from llmgateway.rollout.hardstop import RUN, Failing


def after(*requests):
    failing = Failing()
    for is_candidate, has_failed in requests:
        failing = failing.seen(is_candidate=is_candidate, has_failed=has_failed)
    return failing


OK, BAD, STABLE_OK, STABLE_BAD = (True, False), (True, True), (False, False), (False, True)


def test_ten_failures_in_a_row_are_enough():
    assert not after(*[OK] * 500, *[BAD] * 9).is_broken()
    assert after(*[OK] * 500, *[BAD] * 10).is_broken()
    assert not after(*[BAD] * 5, OK, *[BAD] * 5).is_broken()


def test_half_of_twenty_is_enough():
    assert not after(*[BAD, OK] * 9, BAD).is_broken(), "nineteen"
    assert after(*[BAD, OK] * 10).is_broken()
    assert not after(*[BAD, OK] * 10, OK).is_broken(), "less than half"


def test_when_both_versions_fail_it_is_not_the_candidate():
    assert not after(*[BAD, STABLE_BAD] * 50).is_broken()
    assert after(*[BAD, STABLE_OK] * 10).is_broken()
    assert not after(*[BAD, OK, STABLE_BAD, STABLE_OK] * 50).is_broken()
    assert after(*[BAD, OK] * 50, *[STABLE_BAD, *[STABLE_OK] * 9] * 50).is_broken()


def test_two_workers_counts_add_up_and_the_longer_run_counts():
    one, two = after(*[BAD] * 4), after(OK, *[BAD] * 6, STABLE_BAD)
    assert one.plus(two) == two.plus(one) == Failing(Arms(1, 11), Arms(1, 10), Arms(1, 6))


@pytest.mark.parametrize(("rate", "at_most"), [(0.01, 1e-9), (0.05, 1e-7)])
def test_a_healthy_candidate_is_not_stopped_by_chance(rate, at_most):
    in_a_row = 1_000_000 * rate**RUN  # a bound for a million requests
    mostly = sum(  # over all lengths from 20 on; terms fall geometrically
        math.comb(n, k) * rate**k * (1 - rate) ** (n - k)
        for n in range(20, 200)
        for k in range(math.ceil(n / 2), n + 1)
    )
    assert in_a_row < at_most
    assert mostly < at_most


def test_a_broken_candidate_is_stopped_within_its_first_requests():
    rng = random.Random(5)
    for _ in range(200):
        failing, seen = Failing(), 0
        while not failing.is_broken():
            is_candidate = rng.random() < 0.05
            failing = failing.seen(is_candidate=is_candidate, has_failed=rng.random() < (0.7 if is_candidate else 0.01))
            seen += is_candidate
        assert seen <= 60
